//! openraft's types as this crate fills them in, and the layouts of our own that stand between them
//! and any bytes: openraft is an alpha, so nothing of its own shape reaches a disk or a wire.

use crate::ledger::{LogPoint, Outcome, Rejection, VoterSets};
use base::NodeId;
use bytes::Bytes;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

openraft::declare_raft_types!(
    /// One leader per term, 128-bit node ids, commands as bytes.
    pub(crate) Types:
        D = Proposal,
        R = Applied,
        NodeId = NodeId,
        Node = openraft::EmptyNode,
        LeaderId = openraft::impls::leader_id_std::LeaderId<u64, NodeId>,
        AsyncRuntime = openraft_rt_tokio::TokioRuntime,
);

pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type Membership = openraft::Membership<NodeId, openraft::EmptyNode>;
pub(crate) type Raft = openraft::Raft<Types, crate::machine::Machine>;
type LeaderId = openraft::alias::LeaderIdOf<Types>;
type CommittedLeader = <LeaderId as RaftLeaderId>::Committed;

/// A command as the bytes that it travels in. Encoded once where it is proposed, decoded once on
/// each node where it is applied; the log and the network only copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Proposal(pub(crate) Bytes);

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a command of {} bytes", self.0.len())
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) point: LogPoint,
    pub(crate) result: Result<Outcome, Rejection>,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "applied at {}", self.point)
    }
}

/// A vote: the term, for whom, and whether a quorum granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ballot {
    pub(crate) term: u64,
    pub(crate) node: NodeId,
    pub(crate) committed: bool,
}

impl From<&Vote> for Ballot {
    fn from(vote: &Vote) -> Ballot {
        Ballot {
            term: vote.leader_id.term,
            node: vote.leader_id.voted_for,
            committed: vote.committed,
        }
    }
}

impl From<Ballot> for Vote {
    fn from(ballot: Ballot) -> Vote {
        Vote {
            leader_id: LeaderId::new(ballot.term, ballot.node),
            committed: ballot.committed,
        }
    }
}

pub(crate) fn point(id: &LogId) -> LogPoint {
    LogPoint {
        term: *id.leader_id,
        index: id.index,
    }
}

pub(crate) fn log_id(point: LogPoint) -> LogId {
    LogId::new(CommittedLeader::new(point.term), point.index)
}

pub(crate) fn points(id: Option<&LogId>) -> Option<LogPoint> {
    id.map(point)
}

pub(crate) fn voter_sets(membership: &Membership) -> VoterSets {
    VoterSets {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|config| config.iter().copied().collect())
            .collect(),
        nodes: membership.nodes().map(|(id, _)| *id).collect(),
    }
}

/// `None` when a voter is not among the nodes, which no sound log holds.
pub(crate) fn membership(sets: &VoterSets) -> Option<Membership> {
    let configs: Vec<BTreeSet<NodeId>> = sets
        .configs
        .iter()
        .map(|config| config.iter().copied().collect())
        .collect();
    let nodes: BTreeMap<NodeId, openraft::EmptyNode> = sets
        .nodes
        .iter()
        .map(|id| (*id, openraft::EmptyNode {}))
        .collect();
    if configs.is_empty() && nodes.is_empty() {
        return Some(Membership::default());
    }
    Membership::new(configs, nodes).ok()
}

/// One entry in our own layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) point: LogPoint,
    pub(crate) payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Payload {
    Blank,
    Command(Bytes),
    Voters(VoterSets),
}

impl From<&Entry> for Record {
    fn from(entry: &Entry) -> Record {
        Record {
            point: point(&entry.log_id),
            payload: match &entry.payload {
                EntryPayload::Blank => Payload::Blank,
                EntryPayload::Normal(Proposal(bytes)) => Payload::Command(bytes.clone()),
                EntryPayload::Membership(members) => Payload::Voters(voter_sets(members)),
            },
        }
    }
}

impl Record {
    /// `None` when the voters do not fit together.
    pub(crate) fn entry(self) -> Option<Entry> {
        Some(Entry {
            log_id: log_id(self.point),
            payload: match self.payload {
                Payload::Blank => EntryPayload::Blank,
                Payload::Command(bytes) => EntryPayload::Normal(Proposal(bytes)),
                Payload::Voters(sets) => EntryPayload::Membership(membership(&sets)?),
            },
        })
    }
}

/// Most bytes of one command: what a `Propose` frame can hold, less its envelope.
pub(crate) const COMMAND_BYTES: usize = 512 * 1024;
