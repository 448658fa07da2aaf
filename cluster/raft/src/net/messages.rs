//! Bodies of Raft's frames. Layouts never change; see `wire`.

use crate::ledger::{Command, LogPoint};
use crate::types::{Applied, Ballot, Record};
use base::NodeId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// `RaftAppend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Append {
    pub(crate) from: NodeId,
    /// Messages of one lane and session are to be taken in the order of `number`.
    pub(crate) lane: u64,
    pub(crate) session: u64,
    pub(crate) number: u64,
    /// The receiver's own word: it acknowledged entries at least up to here, and they are
    /// committed. If it has less, its disk went back in time.
    pub(crate) known: Option<u64>,
    /// The receiver votes, so it was caught up once: it cannot have an empty log.
    pub(crate) voter: bool,
    pub(crate) ballot: Ballot,
    pub(crate) prev: Option<LogPoint>,
    pub(crate) commit: Option<LogPoint>,
    pub(crate) records: Vec<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppendReply {
    /// The log is being rebuilt after damage: a conflict below what was acknowledged is expected.
    pub(crate) repairing: bool,
    pub(crate) answer: AppendAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AppendAnswer {
    Success,
    Partial(Option<LogPoint>),
    Conflict,
    Higher(Ballot),
    Refused(Refusal),
}

/// `RaftVote` and `RaftPreVote`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskVote {
    pub(crate) from: NodeId,
    pub(crate) ballot: Ballot,
    pub(crate) last: Option<LogPoint>,
    pub(crate) transfer: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum VoteReply {
    Answer {
        ballot: Ballot,
        granted: bool,
        last: Option<LogPoint>,
    },
    Refused(Refusal),
}

/// `RaftSnapshot`: a piece of an image. Pieces come in order; an image is known by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) from: NodeId,
    pub(crate) ballot: Ballot,
    pub(crate) hash: [u8; 32],
    pub(crate) total: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PieceReply {
    /// Send on from here.
    Next(u64),
    Installed(Ballot),
    Refused(Refusal),
}

/// `RaftTransfer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) from: NodeId,
    pub(crate) ballot: Ballot,
    pub(crate) to: NodeId,
    pub(crate) last: Option<LogPoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransferReply {
    Taken,
    VoteChanged {
        expected: Ballot,
        actual: Ballot,
    },
    NotFlushed {
        expected: Option<LogPoint>,
        actual: Option<LogPoint>,
    },
    Refused(Refusal),
}

/// Why a node does not take part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("this node's vote does not count now")]
    NotSound,
    #[error("this node's disk went back in time")]
    RolledBack,
    #[error("this node has stopped: {0}")]
    Stopped(String),
    #[error("the message makes no sense: {0}")]
    Garbled(String),
}

/// `Propose`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Propose {
    pub(crate) by: String,
    pub(crate) command: Command,
}

pub(crate) type ProposeReply = Result<Applied, crate::group::ProposeError>;

/// `Read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// The place that a linearizable read must have reached.
    Barrier,
    /// What the asker once acknowledged to this node.
    MyWord { node: NodeId },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AskReply {
    Barrier(Result<LogPoint, crate::group::ReadError>),
    YourWord { known: Option<u64> },
}

#[cfg(test)]
mod tests;
