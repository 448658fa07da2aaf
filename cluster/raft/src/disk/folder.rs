//! A real folder. The lock is the kernel's (`flock`): it goes with the process that held it, so a
//! killed node can start again, which a lock made by exclusive creation would prevent.

use super::{Disk, DiskError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of this process alone, until the last clone is gone.
pub struct Folder {
    path: Arc<PathBuf>,
    _lock: Arc<File>,
    /// The file that was appended to last; the log writes one file thousands of times.
    last: Option<(String, File)>,
}

impl Folder {
    /// Makes the folder when it is missing (0700), and locks it.
    pub fn open(path: &Path) -> Result<Folder, DiskError> {
        let shown = path.display().to_string();
        let failed = |what, error: &std::io::Error| DiskError::from_io(what, &shown, error);
        make(path).map_err(|error| failed("create", &error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(|error| failed("lock", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder {
                path: Arc::new(path.to_owned()),
                _lock: Arc::new(lock),
                last: None,
            }),
            Err(TryLockError::WouldBlock) => Err(DiskError::InUse { folder: shown }),
            Err(TryLockError::Error(error)) => Err(failed("lock", &error)),
        }
    }

    fn appending(&mut self, name: &str) -> Result<&mut File, DiskError> {
        let kept = self.last.take().filter(|(last, _)| last == name);
        let file = match kept {
            Some((_, file)) => file,
            None => OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.path.join(name))
                .map_err(|error| DiskError::from_io("open", name, &error))?,
        };
        Ok(&mut self.last.insert((name.to_owned(), file)).1)
    }

    fn forget(&mut self, name: &str) {
        self.last.take_if(|(last, _)| last == name);
    }
}

impl Clone for Folder {
    fn clone(&self) -> Folder {
        Folder {
            path: Arc::clone(&self.path),
            _lock: Arc::clone(&self._lock),
            last: None,
        }
    }
}

impl Disk for Folder {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        let failed = |error: &std::io::Error| DiskError::from_io("list", ".", error);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path.as_path()).map_err(|error| failed(&error))? {
            let name = entry.map_err(|error| failed(&error))?.file_name();
            if let Some(name) = name.to_str()
                && name != LOCK
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, DiskError> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|error| DiskError::from_io("read", name, &error))?;
        Ok(bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let file = self.appending(name)?;
        let written = file.write_all(bytes);
        written.map_err(|error| DiskError::from_io("append to", name, &error))
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let file = self.appending(name)?;
        let cut = file.set_len(len);
        cut.map_err(|error| DiskError::from_io("truncate", name, &error))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let file = self.appending(name)?;
        let synced = file.sync_data();
        synced.map_err(|error| DiskError::from_io("sync", name, &error))
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        File::open(self.path.as_path())
            .and_then(|folder| folder.sync_all())
            .map_err(|error| DiskError::from_io("sync the folder", ".", &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.path.join(from), self.path.join(to))
            .map_err(|error| DiskError::from_io("rename", from, &error))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.forget(name);
        fs::remove_file(self.path.join(name))
            .map_err(|error| DiskError::from_io("remove", name, &error))
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

const LOCK: &str = "lock";
