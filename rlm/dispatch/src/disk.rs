//! Replies kept on disk, one file per key, so that any number of processes can share the folder
//! without a lock: a file is written under another name and renamed, and is only believed when its
//! checksum and its whole key fit. A torn, foreign or damaged file is removed and counted. There is
//! no fsync: a reply lost with the power is asked again.

mod format;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;

pub(crate) use store::{DiskStore, Lookup};
pub(crate) use writer::DiskWriter;

/// Where replies are kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOptions {
    pub dir: PathBuf,
    /// The oldest uses go when all files together pass this.
    pub most_bytes: u64,
}
