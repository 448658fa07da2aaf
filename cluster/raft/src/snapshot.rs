//! Snapshots: the whole state at one entry, as one file that proves itself.
//!
//! An [`Image`] is a magic word, a format number, the encoded state and a BLAKE3 hash over all of
//! it. The same bytes are the file, what travels to a follower, and what the leader's
//! `SnapshotTaken` commits the hash of. Whoever reads an image checks the hash before anything is
//! decoded, so a garbled one never replaces a state. The two newest files are kept; the log keeps
//! what the older of them needs.

use crate::disk::{Disk, DiskError, FRESH};
use crate::ledger::State;
use crate::log::OpenError;
use base::ContentHash;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// A snapshot that was found sound.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) bytes: Bytes,
    pub(crate) hash: ContentHash,
    pub(crate) state: Arc<State>,
    /// Came from a peer: the hash that the cluster committed for it is still to be compared.
    pub(crate) foreign: bool,
}

/// What is wrong with the bytes of a snapshot. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("{0} bytes are not a snapshot")]
    Shape(usize),
    #[error("a snapshot of format {0}, which this version does not read")]
    Version(u16),
    #[error("the snapshot's hash does not fit its bytes")]
    Hash,
    #[error("the snapshot cannot be decoded: {0}")]
    Garbled(#[from] wire::DecodeError),
}

impl Image {
    pub(crate) fn of(state: Arc<State>) -> Result<Image, wire::EncodeError> {
        let body = wire::to_bytes(state.as_ref())?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + HASH_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(body);
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        Ok(Image {
            bytes: Bytes::from(bytes),
            hash: ContentHash(*hash.as_bytes()),
            state,
            foreign: false,
        })
    }

    pub(crate) fn read(bytes: Bytes) -> Result<Image, ImageError> {
        if bytes.len() < HEAD_BYTES + HASH_BYTES || bytes[..8] != MAGIC {
            return Err(ImageError::Shape(bytes.len()));
        }
        let (content, claimed) = bytes.split_at(bytes.len() - HASH_BYTES);
        let hash = blake3::hash(content);
        if hash.as_bytes() != claimed {
            return Err(ImageError::Hash);
        }
        let version = u16::from_le_bytes([content[8], content[9]]);
        if version != VERSION {
            return Err(ImageError::Version(version));
        }
        let state: State = wire::from_bytes(&content[HEAD_BYTES..], IMAGE_BYTES)?;
        let hash = ContentHash(*hash.as_bytes());
        let state = Arc::new(state);
        Ok(Image {
            bytes,
            hash,
            state,
            foreign: false,
        })
    }

    /// The last entry in it.
    pub(crate) fn index(&self) -> u64 {
        self.state.applied.map_or(0, |applied| applied.index)
    }
}

/// The sound snapshots of a folder, newest first. A damaged one is put aside, not used.
pub(crate) fn load<D: Disk>(disk: &mut D) -> Result<Vec<Image>, OpenError> {
    let mut images = Vec::new();
    for name in names(disk)?.into_iter().rev() {
        match Image::read(Bytes::from(disk.read(&name)?)) {
            Ok(image) => images.push(image),
            // Its hash fits: nothing is damaged, and the program that wrote it needs it again.
            Err(ImageError::Version(found)) => return Err(OpenError::Version { found }),
            Err(error) => {
                tracing::error!(name, %error, "a damaged snapshot is put aside");
                disk.rename(&name, &format!("damaged.{name}"))?;
                disk.sync_dir()?;
            }
        }
    }
    Ok(images)
}

/// No snapshot is to be believed: the state it holds is not the cluster's.
pub(crate) fn discard<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    for name in names(disk)? {
        disk.rename(&name, &format!("damaged.{name}"))?;
    }
    disk.sync_dir()
}

/// Work for the task that owns the folder's snapshots and its mark of repair.
pub(crate) enum KeeperJob {
    Save(Image, oneshot::Sender<Result<Saved, DiskError>>),
    /// The state is not the cluster's: the next start must repair.
    Distrust(oneshot::Sender<Result<(), DiskError>>),
    /// The group ends.
    Stop,
    /// This node is whole again.
    Whole(oneshot::Sender<Result<(), DiskError>>),
}

/// The older of the two kept snapshots ends here: the log must begin at or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) floor: Option<u64>,
}

/// Runs until the queue closes.
pub(crate) async fn keep<D: Disk>(
    mut disk: D,
    node: base::NodeId,
    mut jobs: mpsc::Receiver<KeeperJob>,
    newest: watch::Sender<Option<Image>>,
) {
    while let Some(job) = jobs.recv().await {
        match job {
            KeeperJob::Save(image, done) => {
                let saved = save(&mut disk, &image);
                if saved.is_ok() {
                    newest.send_replace(Some(image));
                }
                reply(done, saved);
            }
            KeeperJob::Distrust(done) => {
                let marked = crate::log::Journal::begin_repair(disk.clone(), node);
                reply(done, marked.and_then(|()| discard(&mut disk)));
            }
            KeeperJob::Stop => return,
            KeeperJob::Whole(done) => reply(done, crate::log::clear_repair(&mut disk)),
        }
    }
}

fn save<D: Disk>(disk: &mut D, image: &Image) -> Result<Saved, DiskError> {
    let name = format!("{SNAPSHOT}{:020}", image.index());
    disk.write_new(&name, &image.bytes)?;
    let names = names(disk)?;
    for old in &names[..names.len().saturating_sub(KEPT)] {
        disk.remove(old)?;
    }
    disk.sync_dir()?;
    let older = &names[names.len().saturating_sub(KEPT)];
    Ok(Saved {
        floor: (names.len() >= KEPT).then(|| index(older)).flatten(),
    })
}

fn names<D: Disk>(disk: &mut D) -> Result<Vec<String>, DiskError> {
    let mut names = disk.list()?;
    names.retain(|name| name.starts_with(SNAPSHOT) && !name.ends_with(FRESH));
    names.sort();
    Ok(names)
}

fn index(name: &str) -> Option<u64> {
    name.strip_prefix(SNAPSHOT)?.parse().ok()
}

fn reply<T>(done: oneshot::Sender<T>, result: T) {
    // Whoever asked may have been stopped meanwhile; the folder is as it should be.
    let _gone = done.send(result);
}

/// Jobs that wait for the keeper; openraft builds one snapshot at a time.
pub(crate) const KEEPER_QUEUE: usize = 8;
/// Most bytes of a snapshot: what one body of the wire may decode to. The ledger's own limits keep
/// its state far below.
pub(crate) const IMAGE_BYTES: usize = 64 * 1024 * 1024;
const KEPT: usize = 2;
const VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"rlm-snp\0";
const HEAD_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const SNAPSHOT: &str = "snapshot.";

#[cfg(test)]
mod tests;
