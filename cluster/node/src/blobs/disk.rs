//! The file operations that blobs need, so that a simulated disk can stand in. Other than the log's
//! folder it reads in parts, since a blob may be larger than the memory.

use raft::{Disk, DiskError};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One folder. Names are plain file names; every call may block.
pub trait BlobDisk: Send + Sync + 'static {
    fn list(&self) -> Result<Vec<String>, DiskError>;
    fn size(&self, name: &str) -> Result<u64, DiskError>;
    /// At most `max` bytes from `offset` on; fewer only where the file ends.
    fn read(&self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, DiskError>;
    /// Adds to the end of a file, which is made when it is missing.
    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes a file's bytes durable, not its name.
    fn sync(&self, name: &str) -> Result<(), DiskError>;
    /// Makes names durable.
    fn sync_dir(&self) -> Result<(), DiskError>;
    /// Replaces what had the new name.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;
    fn remove(&self, name: &str) -> Result<(), DiskError>;
    /// Bytes that may still be written; none where nobody can say.
    fn free(&self) -> Option<u64>;
}

/// A real folder, this process's alone while it is open.
pub struct BlobFolder {
    path: PathBuf,
    /// With the folder's lock.
    held: raft::Folder,
}

impl BlobFolder {
    /// Makes the folder when it is missing (0700), and locks it.
    pub fn open(path: &Path) -> Result<BlobFolder, DiskError> {
        Ok(BlobFolder {
            held: raft::Folder::open(path)?,
            path: path.to_owned(),
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl BlobDisk for BlobFolder {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.held.clone().list()
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        let found = fs::metadata(self.at(name));
        let found = found.map_err(|error| DiskError::from_io("look at", name, &error))?;
        Ok(found.len())
    }

    fn read(&self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, DiskError> {
        let mut bytes = Vec::new();
        File::open(self.at(name))
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(offset))?;
                file.take(max as u64).read_to_end(&mut bytes)
            })
            .map_err(|error| DiskError::from_io("read", name, &error))?;
        Ok(bytes)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.at(name))
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|error| DiskError::from_io("append to", name, &error))
    }

    fn sync(&self, name: &str) -> Result<(), DiskError> {
        File::open(self.at(name))
            .and_then(|file| file.sync_data())
            .map_err(|error| DiskError::from_io("sync", name, &error))
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.held.clone().sync_dir()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        fs::rename(self.at(from), self.at(to))
            .map_err(|error| DiskError::from_io("rename", from, &error))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        fs::remove_file(self.at(name)).map_err(|error| DiskError::from_io("remove", name, &error))
    }

    fn free(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}
