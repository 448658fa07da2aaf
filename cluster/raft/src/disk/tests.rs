//! A disk in memory that forgets what was not synced, fails where it is told to, and counts, and
//! what a real folder promises.

use super::{Disk, DiskError, Folder};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Default)]
pub(crate) struct RamDisk(Arc<Mutex<Ram>>);

#[derive(Default)]
pub(crate) struct Ram {
    /// What a reader sees.
    now: BTreeMap<String, u64>,
    /// Names as the folder's last sync left them.
    kept: BTreeMap<String, u64>,
    files: BTreeMap<u64, Content>,
    made: u64,
    /// Operations left until everything fails, as when the machine dies.
    pub(crate) dies_after: Option<u64>,
    pub(crate) failing_sync: bool,
    /// Bytes that still fit.
    pub(crate) room: Option<u64>,
    /// What a sync takes.
    pub(crate) lag: Duration,
    operations: u64,
    syncs: u64,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

impl RamDisk {
    pub(crate) fn ram(&self) -> MutexGuard<'_, Ram> {
        self.0.lock().unwrap()
    }

    /// Operations and syncs so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let ram = self.ram();
        (ram.operations, ram.syncs)
    }

    /// The power goes: only what was synced is there, and `torn` bytes of what was being appended.
    pub(crate) fn crashed(&self, torn: usize) -> RamDisk {
        let ram = self.ram();
        let mut after = Ram::default();
        for (name, id) in &ram.kept {
            let content = &ram.files[id];
            let durable = &content.durable;
            let mut bytes = durable.clone();
            if content.now.starts_with(durable) {
                bytes.extend(content.now[durable.len()..].iter().take(torn));
            }
            after.put(name, bytes);
        }
        RamDisk(Arc::new(Mutex::new(after)))
    }

    /// As it is now, on a disk of its own: an image.
    pub(crate) fn image(&self) -> RamDisk {
        let ram = self.ram();
        let mut after = Ram::default();
        for (name, id) in &ram.now {
            after.put(name, ram.files[id].now.clone());
        }
        RamDisk(Arc::new(Mutex::new(after)))
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let ram = self.ram();
        ram.now.get(name).map(|id| ram.files[id].now.clone())
    }

    pub(crate) fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        self.ram().put(name, bytes);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.ram().now.keys().cloned().collect()
    }

    fn step(&self, what: &'static str, name: &str) -> Result<MutexGuard<'_, Ram>, DiskError> {
        let mut ram = self.ram();
        ram.operations += 1;
        match &mut ram.dies_after {
            Some(0) => Err(DiskError::Failed {
                what,
                name: name.to_owned(),
                reason: "dead".to_owned(),
            }),
            Some(left) => {
                *left -= 1;
                Ok(ram)
            }
            None => Ok(ram),
        }
    }
}

impl Ram {
    fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.made += 1;
        let durable = bytes.clone();
        let now = bytes;
        self.files.insert(self.made, Content { now, durable });
        self.now.insert(name.to_owned(), self.made);
        self.kept.insert(name.to_owned(), self.made);
    }

    fn find(&mut self, name: &str) -> Result<&mut Content, DiskError> {
        let missing = || DiskError::Missing {
            name: name.to_owned(),
        };
        let id = self.now.get(name).ok_or_else(missing)?;
        self.files.get_mut(id).ok_or_else(missing)
    }
}

impl Disk for RamDisk {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        Ok(self.step("list", ".")?.now.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, DiskError> {
        Ok(self.step("read", name)?.find(name)?.now.clone())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let mut ram = self.step("append to", name)?;
        let fits = ram
            .room
            .map_or(bytes.len(), |room| bytes.len().min(room as usize));
        if let Some(room) = &mut ram.room {
            *room -= fits as u64;
        }
        if !ram.now.contains_key(name) {
            ram.made += 1;
            let id = ram.made;
            ram.files.insert(id, Content::default());
            ram.now.insert(name.to_owned(), id);
        }
        ram.find(name)?.now.extend(&bytes[..fits]);
        if fits < bytes.len() {
            let name = name.to_owned();
            return Err(DiskError::Full { name });
        }
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.step("truncate", name)?
            .find(name)?
            .now
            .truncate(len as usize);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let mut ram = self.step("sync", name)?;
        if ram.failing_sync {
            return Err(DiskError::Failed {
                what: "sync",
                name: name.to_owned(),
                reason: "EIO".to_owned(),
            });
        }
        ram.syncs += 1;
        let content = ram.find(name)?;
        content.durable = content.now.clone();
        Ok(())
    }

    fn lag(&self) -> Duration {
        self.ram().lag
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        let mut ram = self.step("sync the folder", ".")?;
        ram.kept = ram.now.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut ram = self.step("rename", from)?;
        let id = ram.now.remove(from).ok_or_else(|| DiskError::Missing {
            name: from.to_owned(),
        })?;
        ram.now.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut ram = self.step("remove", name)?;
        let freed = ram.find(name)?.now.len() as u64;
        if let Some(room) = &mut ram.room {
            *room += freed;
        }
        ram.now.remove(name);
        Ok(())
    }
}

#[test]
fn a_second_holder_of_a_folder_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let first = Folder::open(place.path()).unwrap();
    assert!(matches!(
        Folder::open(place.path()),
        Err(DiskError::InUse { .. })
    ));
    let clone = first.clone();
    drop(first);
    assert!(Folder::open(place.path()).is_err(), "a clone holds it too");
    drop(clone);
    assert!(
        Folder::open(place.path()).is_ok(),
        "free again when the last is gone"
    );
}

#[test]
fn a_folder_does_what_the_log_needs() {
    let place = tempfile::tempdir().unwrap();
    let mut folder = Folder::open(&place.path().join("deep/er")).unwrap();
    folder.append("a", b"one").unwrap();
    folder.append("a", b" two").unwrap();
    folder.sync("a").unwrap();
    folder.truncate("a", 4).unwrap();
    folder.append("a", b"!").unwrap();
    assert_eq!(folder.read("a").unwrap(), b"one !");
    folder.write_new("a", b"fresh").unwrap();
    assert_eq!(folder.read("a").unwrap(), b"fresh");
    assert_eq!(folder.list().unwrap(), ["a"]);
    folder.append("a", b"er").unwrap();
    assert_eq!(folder.read("a").unwrap(), b"fresher");
    folder.remove("a").unwrap();
    let missing = DiskError::Missing { name: "a".into() };
    assert_eq!(folder.read("a"), Err(missing));
}

#[test]
fn a_full_disk_is_told_from_a_failing_one() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert!(matches!(
        DiskError::from_io("append to", "a", &full),
        DiskError::Full { .. }
    ));
    let broken = std::io::Error::from_raw_os_error(5);
    assert!(matches!(
        DiskError::from_io("sync", "a", &broken),
        DiskError::Failed { .. }
    ));
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_at_every_step() {
    for step in 0..8 {
        let mut disk = RamDisk::default();
        disk.write_new("a", b"old").unwrap();
        disk.ram().dies_after = Some(step);
        let done = disk.write_new("a", b"new").is_ok();
        let mut after = disk.crashed(1);
        let found = after.read("a").unwrap();
        assert!(found == b"old" || found == b"new", "step {step}: {found:?}");
        assert!(
            !done || found == b"new",
            "step {step}: acknowledged and lost"
        );
    }
}
