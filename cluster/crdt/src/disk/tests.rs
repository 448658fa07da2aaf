use super::*;
use crate::{RecordLimits, Store, Write};
use base::{ContentHash, Time};
use proptest::prelude::*;
use redb::backends::{FileBackend, InMemoryBackend};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

const NOW: Time = Time(1_763_000_000_000_000);

fn replica() -> Replica {
    Replica {
        node: NodeId([1; 16]),
        life: 5,
    }
}

fn file(path: &Path) -> FileBackend {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    FileBackend::new(file).unwrap()
}

fn write(store: &mut Store, i: u64) {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&i.to_le_bytes());
    let hash = ContentHash(hash);
    let node = replica().node;
    let (key, value) = (i.to_le_bytes().to_vec().into(), vec![i as u8; 300].into());
    let writes = [
        Write::Hold(hash),
        Write::Count {
            metric: format!("m{}", i % 3),
            add: i,
        },
        Write::Record { key, value },
        Write::Release { hash, node },
    ];
    let few = if i.is_multiple_of(3) { 4 } else { 3 };
    for write in writes.into_iter().take(few) {
        store.write(NOW, write).unwrap();
    }
}

/// Saves what is new; the store's root then is the one that must come back.
fn save(file: &StoreFile, store: &mut Store) -> Result<u64, SaveError> {
    if let Some(batch) = store.take_batch() {
        file.save(&batch)?;
        store.batch_saved(&batch);
    }
    Ok(store.root())
}

fn begin(backend: impl StorageBackend) -> (StoreFile, Store) {
    let (file, saved) = StoreFile::open(backend).unwrap();
    assert!(saved.is_none());
    let mut store = Store::new_saved(replica(), RecordLimits::default());
    save(&file, &mut store).unwrap();
    (file, store)
}

fn load(saved: Option<Saved>) -> Store {
    Store::load(saved.expect("it was saved"), RecordLimits::default(), NOW)
}

#[test]
fn a_restart_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (disk, mut store) = begin(file(&path));
    (0..20).for_each(|i| write(&mut store, i));
    let mut root = save(&disk, &mut store).unwrap();
    drop(disk);
    for life in 1..4 {
        let (disk, saved) = StoreFile::open(file(&path)).unwrap();
        let mut back = load(saved);
        assert_eq!((back.root(), back.me()), (root, replica()));
        save(&disk, &mut back).unwrap();
        (0..20).for_each(|i| write(&mut back, life * 100 + i));
        root = save(&disk, &mut back).unwrap();
        let record = back.record(&(life * 100).to_le_bytes()).unwrap();
        assert_eq!(record[..], [(life * 100) as u8; 300]);
    }
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (disk, _) = begin(file(&path));
    let second = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let refused = match FileBackend::new(second) {
        Ok(backend) => matches!(StoreFile::open(backend), Err(LoadError::InUse)),
        Err(error) => matches!(error, DatabaseError::DatabaseAlreadyOpen),
    };
    assert!(refused);
    drop(disk);
}

/// A file's bytes after some writing, and the root that belongs to them.
fn sample(folder: &Path) -> (Vec<u8>, u64) {
    let path = folder.join("sample");
    let (disk, mut store) = begin(file(&path));
    let mut root = 0;
    for i in 0..60 {
        write(&mut store, i);
        root = save(&disk, &mut store).unwrap();
    }
    drop(disk);
    (std::fs::read(&path).unwrap(), root)
}

/// Opens damaged bytes: an error of the right kind, or exactly what was saved.
fn check_damaged(folder: &Path, bytes: &[u8], root: u64) -> bool {
    let path = folder.join("damaged");
    std::fs::write(&path, bytes).unwrap();
    match StoreFile::open(file(&path)) {
        Err(LoadError::Damaged(_) | LoadError::Format { .. }) => true,
        Err(error) => panic!("{error}"),
        Ok((_, None)) => panic!("a damaged file passed for a new one"),
        Ok((_, saved)) => {
            assert_eq!(load(saved).root(), root);
            false
        }
    }
}

#[test]
fn damage_is_found_or_did_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, root) = sample(folder.path());
    assert!(
        !check_damaged(folder.path(), &bytes, root),
        "sound as it is"
    );
    let mut found = 0;
    let step = bytes.len() / 150;
    for at in (0..bytes.len()).step_by(step) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        found += usize::from(check_damaged(folder.path(), &damaged, root));
        // A page as some other page, and a page of nothing.
        let page = at / 4096 * 4096;
        let mut damaged = bytes.clone();
        let end = (page + 4096).min(damaged.len());
        damaged[page..end].fill(0);
        found += usize::from(check_damaged(folder.path(), &damaged, root));
    }
    assert!(found > 20, "{found} found");
    for part in 1..20 {
        let cut = bytes.len() * part / 20;
        assert!(
            check_damaged(folder.path(), &bytes[..cut], root),
            "cut at {cut}"
        );
    }
    let strange = b"this is no database".repeat(1000);
    assert!(check_damaged(folder.path(), &strange, root));
}

#[test]
fn another_format_is_not_called_damage() {
    let backend = Shared::default();
    let (disk, _) = begin(backend.clone());
    let write = disk.database.begin_write().unwrap();
    {
        let mut meta = write.open_table(META).unwrap();
        meta.insert(FORMAT_ROW, 2_u64.to_le_bytes().as_slice())
            .unwrap();
    }
    write.commit().unwrap();
    drop(disk);
    let error = StoreFile::open(backend).unwrap_err();
    assert!(matches!(error, LoadError::Format { found: 2 }), "{error}");
}

#[test]
fn a_new_backend_is_a_store_that_was_never_saved() {
    let (_, saved) = StoreFile::open(InMemoryBackend::new()).unwrap();
    assert!(saved.is_none());
}

#[test]
fn what_a_full_disk_refused_is_saved_once_there_is_room() {
    let backend = Shared::default();
    let (disk, mut store) = begin(backend.clone());
    (0..5).for_each(|i| write(&mut store, i));
    save(&disk, &mut store).unwrap();

    (5..11).for_each(|i| write(&mut store, i));
    backend.image(|image| image.full = true);
    let batch = store.take_batch().unwrap();
    let refused = disk.save(&batch);
    assert!(matches!(refused, Err(SaveError::Full)), "{refused:?}");
    assert!(backend.image(|image| image.refused) > 0);
    store.batch_refused(&batch);
    drop(disk);
    let opened = StoreFile::open(backend.clone());
    assert!(matches!(opened, Ok(_) | Err(LoadError::Full)), "{opened:?}");
    drop(opened);

    // What is in memory is read, and changes meanwhile: one of the refused ones dies.
    let key = |i: u64| i.to_le_bytes();
    assert_eq!(store.record(&key(7)).unwrap()[..], [7; 300]);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&key(7));
    let (hash, node) = (ContentHash(hash), replica().node);
    assert!(store.holders(&hash).next().is_some());
    store.write(NOW, Write::Release { hash, node }).unwrap();
    write(&mut store, 11);

    backend.image(|image| image.full = false);
    let (disk, saved) = StoreFile::open(backend.clone()).unwrap();
    assert!(saved.is_some());
    let root = save(&disk, &mut store).unwrap();
    drop(disk);
    let (_, saved) = StoreFile::open(backend).unwrap();
    let back = load(saved);
    assert_eq!(back.root(), root);
    assert_eq!(back.holders(&hash).next(), None);
    for i in 0..12 {
        assert_eq!(back.record(&key(i)).unwrap()[..], [i as u8; 300]);
    }
}

/// A disk that loses what was not synced: any of those writes may be there, whole or torn.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Image>>);

#[derive(Debug, Default)]
struct Image {
    now: Vec<u8>,
    synced: Vec<u8>,
    writes: Vec<(usize, Vec<u8>)>,
    fails: bool,
    full: bool,
    /// Writes that found it full.
    refused: usize,
}

impl Shared {
    fn image<R>(&self, work: impl FnOnce(&mut Image) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    /// The disk after a power cut: `choice` says which of the unsynced writes made it, how far.
    fn after_cut(&self, choice: &[u8]) -> Shared {
        let bytes = self.image(|image| {
            let mut bytes = image.synced.clone();
            bytes.resize(image.now.len().max(bytes.len()), 0);
            for (i, (at, data)) in image.writes.iter().enumerate() {
                let kept = match choice.get(i).copied().unwrap_or(0) {
                    0..100 => 0,
                    100..180 => data.len(),
                    part => data.len() * usize::from(part - 180) / 76,
                };
                bytes[*at..*at + kept].copy_from_slice(&data[..kept]);
            }
            bytes
        });
        let image = Image {
            now: bytes.clone(),
            synced: bytes,
            ..Image::default()
        };
        Shared(Arc::new(Mutex::new(image)))
    }
}

impl Image {
    fn has_room(&mut self) -> io::Result<()> {
        if self.full {
            self.refused += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.image(|image| Ok(image.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.image(|image| {
            let from = offset as usize;
            let part = image.now.get(from..from + out.len());
            out.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.image(|image| {
            image.has_room()?;
            image.now.resize(len as usize, 0);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.image(|image| {
            if image.fails {
                return Err(io::Error::other("the disk is gone"));
            }
            image.synced = image.now.clone();
            image.writes.clear();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.image(|image| {
            image.has_room()?;
            let from = offset as usize;
            image.now[from..from + data.len()].copy_from_slice(data);
            image.writes.push((from, data.to_vec()));
            Ok(())
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_power_cut_loses_nothing_that_was_saved(
        batches in prop::collection::vec(1..6_u64, 1..8),
        choice in prop::collection::vec(any::<u8>(), 60),
    ) {
        let backend = Shared::default();
        let (disk, mut store) = begin(backend.clone());
        let mut roots = vec![store.root()];
        for (i, writes) in batches.iter().enumerate() {
            (0..*writes).for_each(|j| write(&mut store, i as u64 * 10 + j));
            roots.push(save(&disk, &mut store).unwrap());
        }
        // The power fails while the next batch is under way.
        write(&mut store, 999);
        let batch = store.take_batch().unwrap();
        backend.image(|image| image.fails = true);
        prop_assert!(disk.save(&batch).is_err());
        let (_, saved) = StoreFile::open(backend.after_cut(&choice)).unwrap();
        let found = load(saved).root();
        // What was on its way may have arrived: it was not acknowledged.
        prop_assert!(found == *roots.last().unwrap() || found == store.root());
        drop(disk);
    }
}
