//! What to do about blobs, decided from facts alone: who is asked for one, who is to hold one, what
//! may be thrown away, what is read through next.

use super::shelf::Shelved;
use base::{ContentHash, NodeId, Time};
use raft::ledger::{JobPhase, State};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Nodes that must hold what the ledger names, when there are that many.
pub(crate) const COPIES: usize = 2;

/// What the choice of a node rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whom {
    pub(crate) me: NodeId,
    pub(crate) members: BTreeSet<NodeId>,
    /// Members that live, as membership says.
    pub(crate) usable: BTreeSet<NodeId>,
    /// Nodes that are said to have the blob.
    pub(crate) holders: BTreeSet<NodeId>,
}

/// Whom to ask for a blob, in this order: who is said to have it, the living first. Different nodes
/// ask in different orders, so that one holder does not serve them all.
pub(crate) fn sources(whom: &Whom) -> Vec<NodeId> {
    ordered(whom, whom.holders.iter().copied(), |_| true)
}

/// Who is to hold a blob besides this node, in the order in which they are asked: who is said to
/// have it already, then the living, then the others.
pub(crate) fn partners(whom: &Whom) -> Vec<NodeId> {
    let members = whom.members.iter().copied();
    ordered(whom, members, |node| whom.holders.contains(node))
}

/// How many nodes must hold a blob before the ledger names it.
pub(crate) fn copies_needed(members: usize) -> usize {
    members.clamp(1, COPIES)
}

/// Whether the ledger needs another node to hold this blob. Members that are only down count: they
/// come back with their disks.
pub(crate) fn is_short(members: &BTreeSet<NodeId>, holders: &BTreeSet<NodeId>) -> bool {
    members.intersection(holders).count() < copies_needed(members.len())
}

/// Every hash that the ledger names: models, and what jobs were given and gave.
pub(crate) fn named(state: &State) -> BTreeSet<ContentHash> {
    let models = state.models.0.values();
    let versions = models.flat_map(|model| model.versions.values().map(|version| version.hash));
    let jobs = state.jobs.all.values().flat_map(|job| {
        let answer = match &job.phase {
            JobPhase::Done { answer, .. } => Some(*answer),
            JobPhase::Accepted
            | JobPhase::Assigned { .. }
            | JobPhase::Failed { .. }
            | JobPhase::Cancelled { .. } => None,
        };
        answer.into_iter().chain([job.body])
    });
    versions.chain(jobs).collect()
}

/// Since when each file of the shelf is of no use, as this process saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ages(BTreeMap<Shelved, Time>);

impl Ages {
    /// Looks at what is there now. What is `needed` (named, asked for or being worked on) begins
    /// anew when it is needed no more.
    pub(crate) fn look(&mut self, now: Time, files: &[Shelved], needed: impl Fn(Shelved) -> bool) {
        let useless: BTreeSet<Shelved> = files
            .iter()
            .copied()
            .filter(|file| !needed(*file))
            .collect();
        self.0.retain(|file, _| useless.contains(file));
        for file in useless {
            self.0.entry(file).or_insert(now);
        }
    }

    /// What was of no use for the whole retention.
    pub(crate) fn garbage(&self, now: Time, retention: Duration) -> Vec<Shelved> {
        let old = |since: &Time| now.since(*since) >= retention;
        let due = self.0.iter().filter(|(_, since)| old(since));
        due.map(|(file, _)| *file).collect()
    }
}

/// The blob whose last reading is the longest ago, if that is long enough. One that this process
/// never read counts as read when it was first seen.
pub(crate) fn next_scrub(
    now: Time,
    read: &BTreeMap<ContentHash, Time>,
    every: Duration,
) -> Option<ContentHash> {
    let oldest = read.iter().min_by_key(|(_, at)| **at)?;
    (now.since(*oldest.1) >= every).then_some(*oldest.0)
}

fn ordered(
    whom: &Whom,
    nodes: impl Iterator<Item = NodeId>,
    first: impl Fn(&NodeId) -> bool,
) -> Vec<NodeId> {
    let members = |node: &NodeId| *node != whom.me && whom.members.contains(node);
    let mut nodes: Vec<NodeId> = nodes.filter(members).collect();
    nodes.sort_by_key(|node| {
        let far: [u8; 16] = std::array::from_fn(|i| node.0[i] ^ whom.me.0[i]);
        (!first(node), !whom.usable.contains(node), far)
    });
    nodes
}
