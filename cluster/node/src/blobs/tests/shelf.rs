//! Blobs on a disk: whole or not there, checked, and nothing left of what failed.

use crate::blobs::shelf::{Shelf, Shelved};
use crate::blobs::{BlobDisk, BlobError, BlobFolder};
use base::ContentHash;
use raft::DiskError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::TempDir;

fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash(*blake3::hash(bytes).as_bytes())
}

/// A real folder that can be made to fail.
struct Hurt {
    inner: BlobFolder,
    free: AtomicU64,
    /// Appends beyond the disk's end write a part and fail.
    full: AtomicBool,
    no_sync: AtomicBool,
}

impl BlobDisk for Hurt {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.inner.list()
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        self.inner.size(name)
    }

    fn read(&self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, DiskError> {
        self.inner.read(name, offset, max)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        if self.full.load(Ordering::Relaxed) && !bytes.is_empty() {
            self.inner.append(name, &bytes[..bytes.len() / 2])?;
            let name = name.to_owned();
            return Err(DiskError::Full { name });
        }
        self.inner.append(name, bytes)
    }

    fn sync(&self, name: &str) -> Result<(), DiskError> {
        if self.no_sync.load(Ordering::Relaxed) {
            return Err(DiskError::Failed {
                what: "sync",
                name: name.to_owned(),
                reason: "the test says so".to_owned(),
            });
        }
        self.inner.sync(name)
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.inner.sync_dir()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.inner.remove(name)
    }

    fn free(&self) -> Option<u64> {
        Some(self.free.load(Ordering::Relaxed))
    }
}

struct Bench {
    folder: TempDir,
    disk: Arc<Hurt>,
    shelf: Shelf,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = BlobFolder::open(&folder.path().join("blobs")).expect("it opens");
    assert!(inner.free().is_some(), "a real folder knows its room");
    let disk = Arc::new(Hurt {
        inner,
        free: AtomicU64::new(u64::MAX),
        full: AtomicBool::new(false),
        no_sync: AtomicBool::new(false),
    });
    Bench {
        shelf: Shelf::new(disk.clone(), RESERVE),
        disk,
        folder,
    }
}

impl Bench {
    fn put(&self, bytes: &[u8]) -> ContentHash {
        let mut intake = self.shelf.begin(1).expect("begun");
        for piece in bytes.chunks(7) {
            intake.add(piece, MAX).expect("added");
        }
        intake.finish(None).expect("finished")
    }

    fn names(&self) -> Vec<Shelved> {
        self.shelf.list().expect("listed")
    }

    /// Writes into a file behind the shelf's back.
    fn spoil(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join("blobs").join(name);
        std::fs::write(path, bytes).expect("written");
    }
}

#[test]
fn a_blob_has_its_name_only_when_it_is_whole() {
    let bench = bench();
    let mut intake = bench.shelf.begin(9).expect("begun");
    intake.add(TEXT, MAX).expect("added");
    assert_eq!(bench.shelf.size(hash(TEXT)), Ok(None));
    assert_eq!(bench.names(), [Shelved::Put(9)]);
    assert_eq!(intake.finish(None), Ok(hash(TEXT)));
    assert_eq!(bench.names(), [Shelved::Whole(hash(TEXT))]);
    assert_eq!(bench.shelf.size(hash(TEXT)), Ok(Some(TEXT.len() as u64)));
    assert_eq!(bench.shelf.read(hash(TEXT), 4, 5), Ok(TEXT[4..9].to_vec()));
    assert_eq!(bench.shelf.check(hash(TEXT)), Ok(TEXT.len() as u64));
}

#[test]
fn an_empty_blob_is_a_blob() {
    let bench = bench();
    assert_eq!(bench.put(b""), hash(b""));
    assert_eq!(bench.shelf.check(hash(b"")), Ok(0));
}

#[test]
fn bytes_of_another_hash_are_thrown_away() {
    let bench = bench();
    let mut intake = bench.shelf.resume(hash(TEXT)).expect("begun");
    intake.add(b"something else", MAX).expect("added");
    let wrong = BlobError::WrongBytes { hash: hash(TEXT) };
    assert_eq!(intake.finish(Some(hash(TEXT))), Err(wrong));
    assert_eq!(bench.names(), []);
}

#[test]
fn a_fetch_goes_on_where_it_stood() {
    let bench = bench();
    let mut first = bench.shelf.resume(hash(TEXT)).expect("begun");
    first.add(&TEXT[..10], MAX).expect("added");
    drop(first);
    assert_eq!(bench.shelf.part_size(hash(TEXT)), Ok(Some(10)));
    let mut second = bench.shelf.resume(hash(TEXT)).expect("resumed");
    assert_eq!((second.len(), second.is_resumed()), (10, true));
    second.add(&TEXT[10..], MAX).expect("added");
    assert_eq!(second.finish(Some(hash(TEXT))), Ok(hash(TEXT)));
}

#[test]
fn a_torn_beginning_is_found_by_the_hash_and_begun_anew() {
    let bench = bench();
    let mut first = bench.shelf.resume(hash(TEXT)).expect("begun");
    first.add(&TEXT[..10], MAX).expect("added");
    drop(first);
    // A power cut: the file has its length and zeros in the place of its last bytes.
    let torn = [&TEXT[..6], &[0; 4]].concat();
    bench.spoil(&Shelved::Part(hash(TEXT)).name(), &torn);
    let mut second = bench.shelf.resume(hash(TEXT)).expect("resumed");
    second.add(&TEXT[10..], MAX).expect("added");
    let wrong = BlobError::WrongBytes { hash: hash(TEXT) };
    assert_eq!(second.finish(Some(hash(TEXT))), Err(wrong));
    let mut third = bench.shelf.resume(hash(TEXT)).expect("begun");
    assert_eq!((third.len(), third.is_resumed()), (0, false));
    third.add(TEXT, MAX).expect("added");
    assert_eq!(third.finish(Some(hash(TEXT))), Ok(hash(TEXT)));
}

#[test]
fn a_damaged_blob_is_put_aside() {
    let bench = bench();
    let name = bench.put(TEXT);
    let mut rotten = TEXT.to_vec();
    rotten[3] ^= 1;
    bench.spoil(&name.to_string(), &rotten);
    let damaged = BlobError::Damaged { hash: name };
    assert_eq!(bench.shelf.check(name), Err(damaged));
    assert_eq!(bench.shelf.size(name), Ok(None));
    assert_eq!(bench.names(), [Shelved::Bad(name)]);
    bench.put(TEXT);
    assert_eq!(bench.shelf.check(name), Ok(TEXT.len() as u64));
}

#[test]
fn a_full_disk_is_named_and_its_reserve_is_kept() {
    let bench = bench();
    bench.disk.free.store(RESERVE + 20, Ordering::Relaxed);
    let intake = bench.shelf.resume(hash(TEXT)).expect("begun");
    let (free, reserve) = (RESERVE + 20, RESERVE);
    let no_room = Err(BlobError::NoRoom { free, reserve });
    assert_eq!(intake.expect(21, MAX), no_room);
    assert_eq!(intake.expect(20, MAX), Ok(()));
    let mut put = bench.shelf.begin(1).expect("begun");
    assert_eq!(put.add(&[1; 21], MAX), no_room);
    bench.disk.free.store(u64::MAX, Ordering::Relaxed);
    bench.disk.full.store(true, Ordering::Relaxed);
    let full = put.add(&[1; 21], MAX);
    assert!(
        matches!(full, Err(BlobError::Disk(DiskError::Full { .. }))),
        "{full:?}"
    );
    put.discard().expect("discarded");
    intake.discard().expect("discarded");
    assert_eq!(bench.names(), []);
}

#[test]
fn bytes_whose_sync_failed_are_nobodys() {
    let bench = bench();
    let mut intake = bench.shelf.begin(1).expect("begun");
    intake.add(TEXT, MAX).expect("added");
    bench.disk.no_sync.store(true, Ordering::Relaxed);
    let failed = intake.finish(None);
    assert!(matches!(failed, Err(BlobError::Disk(_))), "{failed:?}");
    assert_eq!(bench.names(), []);
}

#[test]
fn a_blob_has_a_largest_size() {
    let bench = bench();
    let mut intake = bench.shelf.begin(1).expect("begun");
    assert_eq!(intake.add(&[0; 10], 10), Ok(()));
    let large = Err(BlobError::TooLarge { max: 10 });
    assert_eq!(intake.add(&[0; 1], 10), large);
    assert_eq!(intake.expect(11, 10), large);
}

#[test]
fn what_a_client_had_begun_goes_at_the_next_start_and_what_is_not_ours_stays() {
    let bench = bench();
    let name = bench.put(TEXT);
    // As a process leaves it that is killed.
    bench.spoil(&Shelved::Put(5).name(), b"half");
    bench.spoil("notes.txt", b"not ours");
    assert_eq!(bench.names(), [Shelved::Whole(name), Shelved::Put(5)]);
    bench.shelf.forget_puts();
    assert_eq!(bench.names(), [Shelved::Whole(name)]);
    assert!(bench.folder.path().join("blobs/notes.txt").exists());
}

#[test]
fn a_client_that_goes_away_leaves_nothing() {
    let bench = bench();
    let mut intake = bench.shelf.begin(5).expect("begun");
    intake.add(TEXT, MAX).expect("added");
    assert_eq!(bench.names(), [Shelved::Put(5)]);
    drop(intake);
    assert_eq!(bench.names(), []);
}

#[test]
fn names_of_files_are_read_as_they_are_written() {
    let it = hash(TEXT);
    for file in [
        Shelved::Whole(it),
        Shelved::Part(it),
        Shelved::Bad(it),
        Shelved::Put(0xabc),
    ] {
        assert_eq!(Shelved::of_name(&file.name()), Some(file));
    }
    for other in ["", "lock", "put-", "put-zz", ".part", "abc.part"] {
        assert_eq!(Shelved::of_name(other), None, "{other}");
    }
}

const TEXT: &[u8] = b"the weights of a very small model";
const RESERVE: u64 = 1000;
const MAX: u64 = 1 << 20;
