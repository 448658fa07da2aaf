//! What the machines of two nodes say to each other, and its place on the wire.

use crate::{Delta, Floor, Replica, Spans, StoreDigest};
use base::{NodeId, Time};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::{DecodeError, EncodeError, Frame, Kind};

/// A message of the gossip. Each stands by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Letter {
    /// New changes. `root` is the writer at the root of the tree by which they spread.
    Push { id: u64, root: NodeId, delta: Delta },
    /// A push has arrived.
    Ack { id: u64 },
    /// The sender has these dots.
    Have { dots: Vec<(Replica, Spans)> },
    /// The sender lacks these dots.
    Pull { dots: Vec<(Replica, Spans)> },
    /// What was pulled, or what a comparison found missing.
    Content { delta: Delta },
    /// The sender's clock and a hash of all that it has: the first step of a comparison.
    Summary { time: Time, root: u64 },
    /// The second step.
    Digest { digest: StoreDigest },
    /// Records at or below are evicted.
    Evicted { floor: Floor },
    /// The third: of what the sender has seen of a replica, only these counts are live.
    Alive {
        replica: Replica,
        seen: Spans,
        counts: Vec<u64>,
    },
}

impl Letter {
    /// Small and urgent letters travel as gossip, whole comparisons as what may wait.
    pub fn kind(&self) -> Kind {
        match self {
            Letter::Push { .. }
            | Letter::Ack { .. }
            | Letter::Have { .. }
            | Letter::Pull { .. }
            | Letter::Summary { .. } => Kind::Gossip,
            Letter::Content { .. }
            | Letter::Digest { .. }
            | Letter::Evicted { .. }
            | Letter::Alive { .. } => Kind::Digest,
        }
    }

    pub fn encode(&self) -> Result<Bytes, EncodeError> {
        wire::encode(self.kind(), self)
    }

    /// The letter in a frame of kind gossip or digest.
    pub fn decode(frame: &Frame) -> Result<Letter, DecodeError> {
        let letter: Letter = frame.body()?;
        if letter.kind() != frame.kind {
            return Err(DecodeError::OtherKind {
                expected: letter.kind(),
                found: frame.kind,
            });
        }
        Ok(letter)
    }

    /// About as many bytes as it takes on the wire.
    pub fn weight(&self) -> usize {
        let dots = |dots: &[(Replica, Spans)]| {
            dots.iter()
                .map(|(_, spans)| 26 + 6 * spans.pieces())
                .sum::<usize>()
        };
        HEAD_BYTES
            + match self {
                Letter::Push { delta, .. } => 26 + delta.weight(),
                Letter::Ack { .. } => 5,
                Letter::Have { dots: all } | Letter::Pull { dots: all } => dots(all),
                Letter::Content { delta } => delta.weight(),
                Letter::Summary { .. } => 18,
                Letter::Evicted { .. } => 40,
                Letter::Digest { digest } => {
                    let rows = digest.rows.iter();
                    rows.map(|row| 34 + 6 * row.seen.pieces()).sum::<usize>()
                }
                Letter::Alive { seen, counts, .. } => 25 + 6 * seen.pieces() + 5 * counts.len(),
            }
    }
}

const HEAD_BYTES: usize = wire::HEAD_BYTES + 1;

#[cfg(test)]
mod tests;
