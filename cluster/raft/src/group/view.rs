//! The group as this node sees it.

use super::{Group, Inner, Standing};
use base::NodeId;
use openraft_rt::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// For `status`. What only a leader knows is `None` or empty elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftView {
    pub leader: Option<NodeId>,
    pub term: u64,
    /// The last entry that this node's state has.
    pub applied: Option<u64>,
    /// The last entry that this node knows to be committed.
    pub committed: Option<u64>,
    pub voters: BTreeSet<NodeId>,
    pub learners: BTreeSet<NodeId>,
    /// A change of the voters is under way.
    pub joint: bool,
    /// Each other node, as the leader sees it.
    pub lag: BTreeMap<NodeId, Lag>,
    /// How many more voters may be lost before the group stops; negative when it has stopped. Only
    /// the leader knows.
    pub margin: Option<i64>,
    /// Nodes whose disks lost what they had acknowledged: remove them and join them as new ones.
    pub reverted: Vec<NodeId>,
    pub standing: Standing,
    /// This node's disk is full.
    pub full: bool,
    pub fault: Option<String>,
}

/// How far behind a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Entries that it does not have.
    pub entries: u64,
    /// It answered within the last election timeout.
    pub heard: bool,
}

impl Group {
    pub fn view(&self) -> RaftView {
        self.inner.view()
    }
}

impl Inner {
    pub(super) fn view(&self) -> RaftView {
        let metrics = self.metrics();
        let members = metrics.membership_config.membership();
        let voters: BTreeSet<NodeId> = members.voter_ids().collect();
        let lag = self.lag();
        let leads = metrics.current_leader == Some(self.me);
        // Of a joint config the worst half counts.
        let margin = members.get_joint_config().iter().map(|config| {
            let heard = |voter: &&NodeId| {
                **voter == self.me || lag.get(*voter).is_some_and(|lag| lag.heard)
            };
            let alive = config.iter().filter(heard).count();
            alive as i64 - (config.len() / 2 + 1) as i64
        });
        RaftView {
            leader: metrics.current_leader,
            term: metrics.current_term,
            applied: self.state.borrow().applied.map(|applied| applied.index),
            committed: metrics.local_committed.map(|committed| committed.index),
            learners: members.learner_ids().collect(),
            joint: members.get_joint_config().len() > 1,
            margin: margin.min().filter(|_| leads),
            lag,
            voters,
            reverted: self.book.reverted(),
            standing: *self.standing.borrow(),
            full: *self.full.borrow(),
            fault: self.stopped(),
        }
    }

    /// Empty unless this node leads.
    pub(super) fn lag(&self) -> BTreeMap<NodeId, Lag> {
        let metrics = self.metrics();
        let last = metrics.last_log_index.map_or(0, |last| last + 1);
        let Some(replication) = metrics.replication else {
            return BTreeMap::new();
        };
        let heartbeat = metrics.heartbeat.unwrap_or_default();
        let others = replication.into_iter().filter(|(node, _)| *node != self.me);
        others
            .map(|(node, matched)| {
                let seen = heartbeat.get(&node).copied().flatten();
                let heard = seen.is_some_and(|at| at.elapsed() < self.settings.election_max);
                let has = matched.map_or(0, |matched| matched.index + 1);
                let entries = last.saturating_sub(has);
                (node, Lag { entries, heard })
            })
            .collect()
    }
}
