//! What a user may turn about blobs, with the relations that must hold. How large one blob may be
//! is the cluster's to say: the ledger's setting `blobs.max_mib`.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobSettings {
    /// Bytes of one answer. Larger wastes more when a link breaks, smaller waits more.
    pub chunk_bytes: u32,
    /// Chunks that one fetch asks for at a time; hides the round trip.
    pub window: usize,
    /// Blobs that are fetched or read through at a time.
    pub fetches: usize,
    /// Blobs that clients hand in at a time.
    pub puts: usize,
    /// Bytes that stay free on the disk, since Raft's log lies there too.
    pub reserve_bytes: u64,
    /// How long a blob is kept that no version names. Counted by each process from when it first
    /// saw that, so a restart lengthens it.
    pub retention: Duration,
    /// How often this node compares what it has with what it says, and looks for garbage.
    pub sweep_every: Duration,
    /// How often each blob is read through, to find rot before somebody needs the bytes.
    pub scrub_every: Duration,
}

/// Two settings that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobSettingsError {
    #[error("blobs.chunk_bytes must be between 1 KiB and {MAX_CHUNK} bytes, or no frame takes it")]
    Chunk,
    #[error("blobs.window, fetches and puts must be above zero")]
    Zero,
    #[error(
        "blobs.fetches times window is {asked}, but half of transport.in_flight.bulk is {room}: \
         the other half is for snapshots"
    )]
    Bulk { asked: usize, room: usize },
    #[error("blobs.retention must be at least {SHORTEST} s: a publication takes that long")]
    Retention,
    #[error("blobs.sweep_every must be at least 1 s and at most retention")]
    Sweep,
}

impl Default for BlobSettings {
    fn default() -> BlobSettings {
        BlobSettings {
            chunk_bytes: 1 << 20,
            window: 4,
            fetches: 2,
            puts: 4,
            reserve_bytes: 512 << 20,
            retention: Duration::from_secs(24 * 3600),
            sweep_every: Duration::from_secs(600),
            scrub_every: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl BlobSettings {
    /// `bulk` is the transport's bound on bulk requests to one peer.
    pub fn check(&self, bulk: usize) -> Result<(), BlobSettingsError> {
        if !(1024..=MAX_CHUNK).contains(&self.chunk_bytes) {
            return Err(BlobSettingsError::Chunk);
        }
        if [self.window, self.fetches, self.puts].contains(&0) {
            return Err(BlobSettingsError::Zero);
        }
        let (asked, room) = (self.fetches.saturating_mul(self.window), bulk / 2);
        if asked > room {
            return Err(BlobSettingsError::Bulk { asked, room });
        }
        if self.retention.as_secs() < SHORTEST {
            return Err(BlobSettingsError::Retention);
        }
        if self.sweep_every.as_secs() < 1 || self.sweep_every > self.retention {
            return Err(BlobSettingsError::Sweep);
        }
        Ok(())
    }
}

/// Half of what a frame may carry, so that the rest of the answer fits as well.
pub(crate) const MAX_CHUNK: u32 = 4 << 20;
/// Seconds between the copies of a new version and its entry in the ledger, at the most.
const SHORTEST: u64 = 3600;
