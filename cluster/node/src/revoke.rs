//! What the ledger revokes is told to every member at once by the leader, besides the log: a
//! learner that installs a snapshot, or a node whose Raft has stopped over a damaged log, would
//! otherwise keep a thief's connection open for as long as it lags. Whoever is told closes its
//! links before it answers (`Kind::Revoked`; only a voter may say it).

use crate::bursts;
use crate::core::Core;
use crate::roster::revoked_since;
use base::{Epoch, NodeId};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use raft::ledger::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wire::Kind;

/// What each member was told in this node's term of leadership.
#[derive(Debug, Default)]
pub(crate) struct Told {
    term: u64,
    newest: BTreeMap<NodeId, Epoch>,
}

/// One member and what it has not been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) node: NodeId,
    pub(crate) since: Epoch,
}

impl Told {
    /// Who has to be told something. A new leader does not know what the last one told, and begins
    /// from the start.
    pub(crate) fn untold(&mut self, (me, term): (NodeId, u64), state: &State) -> Vec<Untold> {
        if self.term != term {
            self.term = term;
            self.newest.clear();
        }
        let live = &state.members.live;
        self.newest.retain(|node, _| live.contains_key(node));
        let each = live.keys().filter(|node| **node != me);
        each.map(|node| Untold {
            node: *node,
            since: self.newest.get(node).copied().unwrap_or(Epoch(0)),
        })
        .filter(|untold| untold.since < state.revoked.epoch)
        .collect()
    }

    pub(crate) fn tell(&mut self, node: NodeId, newest: Epoch) {
        self.newest.insert(node, newest);
    }
}

/// Runs until the group ends. Does nothing while another node leads.
pub(crate) async fn push(core: Arc<Core>) {
    let mut state = core.group.watch();
    let mut told = Told::default();
    loop {
        let view = core.group.view();
        let mut wake = Instant::now() + LOOK;
        if view.leader == Some(core.node) {
            let now = core.state();
            let untold = told.untold((core.node, view.term), &now);
            if !untold.is_empty() {
                wake = Instant::now() + RETRY;
                for node in tell_all(&core, &now, untold).await {
                    told.tell(node, now.revoked.epoch);
                }
            }
        }
        if !bursts::next(&mut state, wake).await {
            return;
        }
    }
}

/// Those who confirmed it.
async fn tell_all(core: &Core, state: &State, untold: Vec<Untold>) -> Vec<NodeId> {
    let calls = untold.into_iter().filter_map(|untold| {
        let body = revoked_since(state, untold.since);
        match wire::encode(Kind::Revoked, &body) {
            Ok(frame) => Some(tell_one(core, untold.node, frame)),
            Err(error) => {
                tracing::warn!(%error, "the revocations do not fit a frame");
                None
            }
        }
    });
    let answers = stream::iter(calls).buffer_unordered(AT_ONCE);
    answers.filter_map(std::future::ready).collect().await
}

async fn tell_one(core: &Core, node: NodeId, frame: Bytes) -> Option<NodeId> {
    let told = core.endpoint.call(node, Kind::Revoked, frame, CALL).await;
    match told {
        Ok(_) => Some(node),
        Err(error) => {
            // It hears of it from its log, or at the next try.
            tracing::debug!(node = %node.short(), %error, "a member was not told what is revoked");
            None
        }
    }
}

/// How often the leadership is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// For members that did not answer: within the five seconds that a revocation may take.
const RETRY: Duration = Duration::from_secs(1);
const CALL: Duration = Duration::from_secs(1);
/// Members that are told at the same time.
const AT_ONCE: usize = 32;

#[cfg(test)]
mod tests;
