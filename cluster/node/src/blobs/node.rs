//! What a node's shell asks about blobs.

use super::BlobError;
use super::driver::{BlobAnswer, BlobAsk};
use super::fetch::{announce, on_disk};
use super::shelf::Intake;
use crate::apart::apart;
use crate::core::Core;
use crate::node::Node;
use base::ContentHash;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use raft::ledger::largest_blob;
use rand::RngCore;
use std::fmt;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes that are on this node's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    pub hash: ContentHash,
    pub bytes: u64,
}

impl Node {
    /// Writes bytes to this node's disk. They are durable when this returns, and garbage after a
    /// while unless a version names them.
    pub async fn put_blob<S, E>(&self, mut bytes: S) -> Result<Blob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: fmt::Display,
    {
        let core = &self.core;
        let _place = core.puts.try_acquire().map_err(|_| BlobError::Busy)?;
        let number = rand::rng().next_u64();
        let mut intake = on_disk(core, move |shelf| shelf.begin(number)).await?;
        let mut held = BytesMut::new();
        loop {
            let more = bytes.next().await;
            let ended = more.is_none();
            match more.transpose() {
                Ok(more) => held.extend_from_slice(&more.unwrap_or_default()),
                Err(error) => {
                    on_disk(core, move |_| intake.discard()).await?;
                    return Err(BlobError::CutOff(error.to_string()));
                }
            }
            if held.len() >= WRITE_BYTES || (ended && !held.is_empty()) {
                intake = add(core, intake, held.split().freeze()).await?;
            }
            if ended {
                break;
            }
        }
        let bytes = intake.len();
        let hash = on_disk(core, move |_| intake.finish(None)).await?;
        announce(core, hash).await;
        Ok(Blob { hash, bytes })
    }

    /// Has a blob on this node's disk, from whoever has it; returns its bytes' number.
    pub async fn fetch_blob(&self, hash: ContentHash) -> Result<u64, BlobError> {
        let from = Vec::new();
        let fetch = |done| BlobAsk::Fetch { hash, from, done };
        self.core.ask_blobs(fetch).await
    }

    /// Reads this node's copy through. A damaged one is put aside and fetched again.
    pub async fn check_blob(&self, hash: ContentHash) -> Result<u64, BlobError> {
        let check = |done| BlobAsk::Check { hash, done };
        self.core.ask_blobs(check).await
    }

    /// A blob's bytes, whole and checked; fetched first where this node does not have it, and
    /// again where its copy is damaged.
    pub async fn read_blob(&self, hash: ContentHash) -> Result<Vec<u8>, BlobError> {
        for _ in 0..READS {
            let size = self.fetch_blob(hash).await?;
            let max = READ_MAX;
            let whole = usize::try_from(size).ok().filter(|_| size <= max);
            let whole = whole.ok_or(BlobError::TooManyAtOnce { size, max })?;
            let (bytes, sound) = on_disk(&self.core, move |shelf| {
                let bytes = shelf.read(hash, 0, whole)?;
                let sound = *blake3::hash(&bytes).as_bytes() == hash.0;
                Ok((bytes, sound))
            })
            .await?;
            if sound {
                return Ok(bytes);
            }
            match self.check_blob(hash).await {
                // It is whole after all: another one put it in place meanwhile.
                Ok(_) | Err(BlobError::Damaged { .. } | BlobError::Nowhere { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(BlobError::Damaged { hash })
    }
}

impl Core {
    async fn ask_blobs(
        &self,
        make: impl FnOnce(oneshot::Sender<BlobAnswer>) -> BlobAsk,
    ) -> BlobAnswer {
        let (done, answer) = oneshot::channel();
        let asked = self.blob_asks.send(make(done), ROOM);
        asked.await.map_err(|_| BlobError::Busy)?;
        answer.await.map_err(|_| BlobError::Stopped)?
    }
}

/// The intake comes back with more in it, or what it had is thrown away.
async fn add(core: &Core, mut intake: Intake, bytes: Bytes) -> Result<Intake, BlobError> {
    let max = largest_blob(&core.state().settings);
    let added = apart(core.writer, move || match intake.add(&bytes, max) {
        Ok(()) => Ok(intake),
        Err(error) => {
            // The first error says more than one of the removal.
            intake.discard().ok();
            Err(error)
        }
    });
    added.await.map_err(|_| BlobError::Stopped)?
}

/// Written and hashed at a time.
const WRITE_BYTES: usize = 1 << 20;
/// Most bytes that [`Node::read_blob`] holds in memory.
const READ_MAX: u64 = 64 << 20;
/// The second reads what was fetched again.
const READS: u32 = 2;
/// Longest wait for room in the mailbox.
const ROOM: Duration = Duration::from_secs(5);
