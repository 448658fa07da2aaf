//! Two small files replaced whole: the vote, kept twice, and the mark of a repair under way.

use super::frame::{VERSION, checksum, chunk, number};
use crate::disk::{Disk, DiskError};
use crate::types::Ballot;
use base::{Epoch, NodeId};

/// What the two vote files say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SavedVote {
    Never,
    Cast(Ballot),
    /// There were votes, and no file can be read.
    Lost,
}

/// The log was damaged, and peers have not made this node whole yet. While the file is there, the
/// node does not vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repair {
    /// Of the log that is being built; segments of an older one are void.
    pub(crate) epoch: Epoch,
}

/// Durable when it returns. The first file is whole before the second is touched.
pub(super) fn save<D: Disk>(disk: &mut D, node: NodeId, vote: Ballot) -> Result<(), DiskError> {
    let bytes = encode(node, vote.term, vote.node, u64::from(vote.committed));
    VOTES
        .iter()
        .try_for_each(|name| disk.write_new(name, &bytes))
}

pub(super) fn load<D: Disk>(disk: &mut D, node: NodeId) -> Result<SavedVote, DiskError> {
    let mut newest: Option<Ballot> = None;
    let mut present = false;
    for name in VOTES {
        match disk.read(name) {
            Ok(bytes) => {
                present = true;
                if let Some((term, voted_for, committed)) = decode(node, &bytes) {
                    let vote = Ballot {
                        term,
                        node: voted_for,
                        committed: committed == 1,
                    };
                    let newer =
                        |old: Ballot| (vote.term, vote.committed) > (old.term, old.committed);
                    newest = newest.filter(|old| !newer(*old)).or(Some(vote));
                }
            }
            Err(DiskError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match (newest, present) {
        (Some(vote), _) => SavedVote::Cast(vote),
        (None, true) => SavedVote::Lost,
        (None, false) => SavedVote::Never,
    })
}

impl Repair {
    pub(super) fn save<D: Disk>(self, disk: &mut D, node: NodeId) -> Result<(), DiskError> {
        disk.write_new(REPAIR, &encode(node, self.epoch.0, node, 0))
    }

    /// A mark that cannot be read is a mark: the epoch is then above all that is there.
    pub(super) fn load<D: Disk>(
        disk: &mut D,
        node: NodeId,
        newest: Epoch,
    ) -> Result<Option<Repair>, DiskError> {
        match disk.read(REPAIR) {
            Ok(bytes) => Ok(Some(match decode(node, &bytes) {
                Some((epoch, ..)) => Repair {
                    epoch: Epoch(epoch),
                },
                None => Repair {
                    epoch: newest.next(),
                },
            })),
            Err(DiskError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The node is whole again.
pub(crate) fn clear_repair<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    disk.remove(REPAIR)?;
    disk.sync_dir()
}

fn encode(owner: NodeId, first: u64, node: NodeId, second: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 2]);
    bytes.extend(owner.0);
    bytes.extend(first.to_le_bytes());
    bytes.extend(node.0);
    bytes.extend(second.to_le_bytes());
    bytes.extend(checksum(&[&bytes]));
    bytes
}

fn decode(owner: NodeId, bytes: &[u8]) -> Option<(u64, NodeId, u64)> {
    let (content, check) = bytes.split_at_checked(RECORD_BYTES - 16)?;
    let sound = bytes.len() == RECORD_BYTES
        && content[..8] == MAGIC
        && content[8..10] == VERSION.to_le_bytes()
        && chunk::<16>(content, 12) == owner.0
        && checksum(&[content]) == *check;
    sound.then(|| {
        (
            number(content, 28),
            NodeId(chunk(content, 36)),
            number(content, 52),
        )
    })
}

pub(super) const VOTES: [&str; 2] = ["vote.a", "vote.b"];
const REPAIR: &str = "repair";
const MAGIC: [u8; 8] = *b"rlm-vot\0";
const RECORD_BYTES: usize = 60 + 16;
