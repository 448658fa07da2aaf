//! The few file operations that the log and the snapshots need, so that a simulated disk can stand
//! in. Synchronous and small: each call is one system call or nearly so, which is where a simulated
//! crash can fall between them. Names are plain file names in one folder.

mod folder;
#[cfg(test)]
pub(crate) mod tests;

pub use folder::Folder;
use std::io;
use std::time::Duration;

/// One folder. A clone is another handle on the same folder.
pub trait Disk: Clone + Send + Sync + 'static {
    fn list(&mut self) -> Result<Vec<String>, DiskError>;
    fn read(&mut self, name: &str) -> Result<Vec<u8>, DiskError>;
    /// Adds to the end of a file, which is made when it is missing.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError>;
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError>;
    /// Makes a file's bytes and length durable, not its name.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;
    /// How long the device still works at what it was told to sync, before which nobody may be told
    /// that it is durable. Nothing on a real machine, where a sync returns only then; a simulated
    /// disk takes virtual time, for which no system call can wait.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }
    /// Makes names durable: created, renamed and removed files.
    fn sync_dir(&mut self) -> Result<(), DiskError>;
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;

    /// Puts a whole file in place: after a crash there is the old one or the new one.
    fn write_new(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let fresh = format!("{name}{FRESH}");
        match self.remove(&fresh) {
            Ok(()) | Err(DiskError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        self.append(&fresh, bytes)?;
        self.sync(&fresh)?;
        self.rename(&fresh, name)?;
        self.sync_dir()
    }
}

/// Why a file operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space, or over quota. The file may hold a part of what was written. Freeing space helps.
    #[error("no space left while writing `{name}`")]
    Full { name: String },
    #[error("there is no file `{name}`")]
    Missing { name: String },
    /// Not ours to read or write. An operator must mend it.
    #[error("no permission for `{name}`")]
    Denied { name: String },
    /// Another process holds the folder. Nothing was touched.
    #[error("another process uses the folder `{folder}`")]
    InUse { folder: String },
    /// The device failed. After a failed sync nobody knows what is durable.
    #[error("cannot {what} `{name}`: {reason}")]
    Failed {
        what: &'static str,
        name: String,
        reason: String,
    },
}

impl DiskError {
    pub fn from_io(what: &'static str, name: &str, error: &io::Error) -> DiskError {
        let name = name.to_owned();
        let kind = error.kind();
        if matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            DiskError::Full { name }
        } else if kind == io::ErrorKind::NotFound {
            DiskError::Missing { name }
        } else if matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ) {
            DiskError::Denied { name }
        } else {
            let reason = error.to_string();
            DiskError::Failed { what, name, reason }
        }
    }
}

/// Ending of a file that is not in place yet; whoever lists the folder ignores it.
pub(crate) const FRESH: &str = ".new";
