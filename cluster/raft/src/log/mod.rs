//! The durable log: what is on the disk, when it is durable, and what a damaged disk means.
//!
//! **Shape.** Segments `log.<sequence>`, each a header and then frames, only ever appended to. An
//! entry is a frame; so is a truncation, a purge, and the commit mark. Each frame carries its
//! length, term, index, the number of the batch that it was written in, the checksum of the frame
//! before it and its own. A batch is one append and one fsync for everything that was queued; its
//! last frame is marked, and nothing of batch `n + 1` is written before batch `n` is synced.
//!
//! **Torn or damaged?** So whatever stands on the disk proves that the batches before it were
//! durable. When a frame cannot be read, the rest is searched for a sound frame of a batch that can
//! only have been written after the unreadable one was synced. There is none: the tail is torn, it
//! was never acknowledged, and it is cut. There is one: something durable was lost, which is
//! [`Damage`], never a short log. An idle writer seals its last batch with a commit mark (one more
//! batch), so a flipped bit in the last acknowledged entries is found too, except within
//! [`SEAL_AFTER`] of a power cut; for that moment `group::standing` asks the peers.
//!
//! **The chain** starts at the header, which holds the node's id, the log's epoch, its own
//! place in the sequence and the checksum that the segment before ended with. A write that went
//! to the wrong place, was dropped, or was swapped with another breaks it; so does a segment of
//! another node or of the log before a repair. A segment's end names its successor
//! ([`frame::Kind::Roll`]), so that a lost last segment is seen.
//!
//! **After an fsync error** nobody knows what is durable, and asking again may lie (the kernel may
//! have marked the pages clean): the process aborts through [`crate::Abort`].
//!
//! **The vote** lives in two files, each replaced whole: either alone is enough, so one damaged
//! file loses no vote. Both damaged is fatal: a node that does not know how it voted must not
//! vote.

mod frame;
mod journal;
mod pace;
mod scan;
mod store;
mod votes;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use journal::{Journal, Op, OpenError, Opened, voters_seen};
pub(crate) use pace::Pace;
pub use scan::Damage;
pub(crate) use scan::Recovered;
pub(crate) use store::LogStore;
pub(crate) use votes::clear_repair;
pub(crate) use writer::{Job, run};

use std::time::Duration;

/// A segment is closed when it is this long: replayed in a few milliseconds, removed whole.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// Most bytes of one frame's body: a command or a set of voters.
const FRAME_BYTES: usize = 1024 * 1024;
/// Kept free by a file of this size: when the disk is full, the log can still end what it promised.
const RESERVE_BYTES: usize = 1024 * 1024;
/// Jobs taken into one batch. More would only delay the first.
const BATCH_JOBS: usize = 1024;
/// Jobs that wait for the writer. openraft stops appending when it is full.
pub(crate) const WRITER_QUEUE: usize = 4096;
/// Between two looks at whether a full disk has room again.
pub(crate) const FULL_AGAIN: Duration = Duration::from_secs(1);
/// An idle writer seals its last batch after this long.
pub(crate) const SEAL_AFTER: Duration = Duration::from_millis(50);
