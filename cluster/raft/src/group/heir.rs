//! Who leads next where the leader should not go on: its disk is full, or far slower than another
//! voter's.
//!
//! A voter is asked before it is given the leadership. openraft's own transfer cannot be taken
//! back: the leader falls silent, and an heir that refuses leaves the group without one until
//! somebody campaigns. The question is an offer of a term that is long over: nobody acts on it, and
//! who cannot lead says so, as it would to a true one.

use super::slow::{DiskTimes, SlowDisk};
use super::{Inner, Lag};
use crate::net::{CourierError, Transfer, TransferReply, send};
use crate::types::Ballot;
use base::{NodeId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::Instant;
use wire::Kind;

/// Voters that answer the leader, the furthest first; of those as far the lowest id.
fn in_order(voters: &BTreeSet<NodeId>, lag: &BTreeMap<NodeId, Lag>) -> Vec<NodeId> {
    let mut heard: Vec<(u64, NodeId)> = lag
        .iter()
        .filter(|(node, lag)| voters.contains(*node) && lag.heard)
        .map(|(node, lag)| (lag.entries, *node))
        .collect();
    heard.sort_unstable();
    heard.into_iter().map(|(_, node)| node).collect()
}

/// Whether who answers an offer so would lead.
fn willing(answer: &Result<TransferReply, CourierError>) -> bool {
    match answer {
        // It compared the offer with its own vote and log: nothing else stood in the way.
        Ok(
            TransferReply::Taken
            | TransferReply::VoteChanged { .. }
            | TransferReply::NotFlushed { .. },
        ) => true,
        Ok(TransferReply::Refused(_)) | Err(_) => false,
    }
}

impl Inner {
    /// Whom to hand the leadership to: the furthest voter that would lead. Nobody, unless this node
    /// leads.
    pub(super) async fn heir(&self) -> Option<NodeId> {
        self.first_willing(self.heirs()).await
    }

    fn heirs(&self) -> Vec<NodeId> {
        let voters: BTreeSet<NodeId> = self.metrics().membership_config.voter_ids().collect();
        in_order(&voters, &self.lag())
    }

    async fn first_willing(&self, heirs: Vec<NodeId>) -> Option<NodeId> {
        for heir in heirs {
            if self.would_lead(heir).await {
                return Some(heir);
            }
        }
        None
    }

    /// Whether a voter would take the leadership now.
    pub(super) async fn would_lead(&self, voter: NodeId) -> bool {
        let over = Ballot {
            term: 0,
            node: self.me,
            committed: true,
        };
        let offer = Transfer {
            from: self.me,
            ballot: over,
            to: voter,
            last: None,
        };
        let ttl = self.settings.election_max;
        let answer: Result<TransferReply, CourierError> =
            send(&*self.courier, voter, Kind::RaftTransfer, &offer, ttl).await;
        let would = willing(&answer);
        if !would {
            tracing::info!(%voter, ?answer, "this voter will not lead");
        }
        would
    }

    /// Gives the leadership to the first of these that would lead; keeps it where none would.
    async fn hand_over(&self, heirs: Vec<NodeId>) {
        let Some(heir) = self.first_willing(heirs).await else {
            return;
        };
        if let Err(error) = self.raft.trigger().transfer_leader(heir).await {
            tracing::warn!(%error, "the leadership cannot be handed over");
        }
    }
}

/// A leader with a full disk hands over to the furthest voter that has room.
pub(super) async fn yield_when_full(group: Weak<Inner>) {
    let Some(mut full) = group.upgrade().map(|group| group.full.clone()) else {
        return;
    };
    while full.wait_for(|full| *full).await.is_ok() {
        let Some(group) = group.upgrade() else {
            return;
        };
        group.hand_over(group.heirs()).await;
        let pause = group.settings.election_max * 4;
        drop(group);
        tokio::time::sleep(pause).await;
    }
}

/// A leader whose disk is far slower than others' hands over to one of them.
pub(super) async fn yield_when_slow(group: Weak<Inner>) {
    let began = Instant::now();
    let mut slow = SlowDisk::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(group) = group.upgrade() else {
            return;
        };
        let seen = DiskTimes {
            own: group.pace.quickest(),
            others: group.book.slowest(),
        };
        // Nobody acknowledges anything to a follower; what it once heard as a leader is over.
        let times = if group.leads() {
            seen
        } else {
            DiskTimes::default()
        };
        let faster = slow.look(Time::ZERO + began.elapsed(), &times);
        if faster.is_empty() {
            continue;
        }
        tracing::warn!(own = ?times.own, "this disk is slow: another voter should lead");
        let mut heirs = group.heirs();
        heirs.retain(|heir| faster.contains(heir));
        group.hand_over(heirs).await;
    }
}

/// Between two looks at what the disks take.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
