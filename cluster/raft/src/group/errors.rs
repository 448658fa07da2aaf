//! How the group's operations fail.

use crate::disk::DiskError;
use crate::ledger::Rejection;
use crate::log::Damage;
use base::NodeId;
use serde::{Deserialize, Serialize};

/// Why a node cannot take part. The folder was not changed, except by `Repair`'s mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error("the settings do not fit together: {0}")]
    Settings(String),
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Nobody else has what was lost. A person must decide.
    #[error("the log is damaged ({0}), and there is no other voter to repair from")]
    Damaged(Damage),
    /// How this node voted is not known, so it must not vote again.
    #[error(
        "`vote.a` and `vote.b`, both copies of this node's vote, are damaged: remove the node and \
         join again as a new one"
    )]
    VoteLost,
    #[error("the folder belongs to node {found}")]
    OtherNode { found: NodeId },
    #[error("the log or a snapshot has format {found}, which this version does not read")]
    Version { found: u16 },
    /// The log is as it was, for a newer program.
    #[error("the cluster runs at version {cluster}, and this program speaks {ours}")]
    Outgrown { cluster: u16, ours: u16 },
    #[error("the group could not start: {0}")]
    Failed(String),
}

/// Why a command was not, or may not have been, committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProposeError {
    /// Not proposed. Ask the one named.
    #[error("this node does not lead{}", hint(leader))]
    NotLeader { leader: Option<NodeId> },
    /// Not proposed: the leader has not heard from a majority.
    #[error("no majority of the voters can be reached")]
    NoQuorum,
    /// It may be committed or not, now or later. Ask again with the same key, or read.
    #[error("the outcome is not known")]
    Unknown,
    /// Not proposed: too many are under way. Wait.
    #[error("too many commands are under way")]
    Overloaded,
    /// Not proposed: the leader's disk is full.
    #[error("the disk is full: this node is read-only")]
    DiskFull,
    #[error("the command has {len} bytes, {max} are allowed")]
    TooLong { len: u64, max: u64 },
    /// Committed, and refused by the ledger for this reason.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The caller's role does not allow it.
    #[error("the caller may not propose this")]
    Forbidden,
    #[error("this node has stopped taking part: {0}")]
    Stopped(String),
}

/// Why a linearizable read cannot be had now. Stale reads always can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    #[error("this node does not lead{}", hint(leader))]
    NotLeader { leader: Option<NodeId> },
    #[error("no majority of the voters can be reached")]
    NoQuorum,
    #[error("this node did not catch up in time")]
    Timeout,
    #[error("this node has stopped taking part: {0}")]
    Stopped(String),
}

/// Why the voters did not change, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("this node does not lead{}", hint(leader))]
    NotLeader { leader: Option<NodeId> },
    #[error("no majority of the voters can be reached")]
    NoQuorum,
    /// Nothing was changed. Once another voter has room or is back, ask again.
    #[error("no other voter would lead: each is away, or its disk is full, or its log is damaged")]
    NoHeir,
    #[error("another change of the voters is under way")]
    InProgress,
    #[error("node {node} is not in the group")]
    UnknownNode { node: NodeId },
    /// A voter that is behind would only weaken the quorum. Nothing was changed.
    #[error("node {node} is {behind} entries behind")]
    NotCaughtUp { node: NodeId, behind: u64 },
    #[error("node {node} is the last voter")]
    LastVoter { node: NodeId },
    /// Transfer the leadership first, then ask the new leader.
    #[error("node {node} leads: transfer the leadership first")]
    Leading { node: NodeId },
    #[error("the group exists already")]
    Exists,
    /// It may happen later; ask for the view.
    #[error("the change was not finished in time")]
    Unknown,
    #[error("this node has stopped taking part: {0}")]
    Stopped(String),
}

/// Why a frame got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    #[error("a message of kind {} is not for this group", .0.name())]
    NotOurs(wire::Kind),
    #[error("the message says it is from {claimed}, its sender is {sender}")]
    Impostor { claimed: NodeId, sender: NodeId },
    #[error(transparent)]
    Decode(#[from] wire::DecodeError),
    #[error(transparent)]
    Encode(#[from] wire::EncodeError),
}

fn hint(leader: &Option<NodeId>) -> String {
    match leader {
        Some(leader) => format!(": {} does", leader.short()),
        None => String::new(),
    }
}
