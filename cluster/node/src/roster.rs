//! Follows the ledger: dials members, cuts off who was removed or revoked, tells the leader's
//! changes. What is agreed there takes effect on each node here.

use crate::bursts;
use crate::core::Core;
use crate::event::NodeEvent;
use crate::home::Home;
use crate::spread::StoreAsk;
use crate::swim::SwimNote;
use base::{Epoch, NodeId, PeerRole};
use raft::ledger::{Revocation, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use transport::{Revocations, Serial};

/// Runs until the group ends.
pub(crate) async fn follow<H: Home>(core: Arc<Core>, home: H) {
    let mut state = core.group.watch();
    let mut seen = Seen::default();
    let first = state.borrow_and_update().clone();
    seen.apply(&core, &home, &first).await;
    loop {
        if !bursts::next(&mut state, Instant::now() + LOOK).await {
            return;
        }
        let view = core.group.view();
        seen.lead(&core, (view.leader, view.term));
        let state = state.borrow_and_update().clone();
        seen.apply(&core, &home, &state).await;
    }
}

/// What took effect already.
#[derive(Default)]
struct Seen {
    leader: Option<(Option<NodeId>, u64)>,
    announced: BTreeMap<NodeId, SocketAddr>,
    removed: BTreeSet<NodeId>,
    revoked: Option<Epoch>,
}

impl Seen {
    fn lead(&mut self, core: &Core, leader: (Option<NodeId>, u64)) {
        if self.leader.replace(leader) != Some(leader) {
            let (leader, term) = leader;
            core.tell_now(NodeEvent::Leader { leader, term });
        }
    }

    async fn apply<H: Home>(&mut self, core: &Core, home: &H, state: &State) {
        if self.announce(core, state).await {
            remember_peers(core, home, state);
        }
        for node in state.members.retired.keys() {
            if self.removed.insert(*node) {
                core.endpoint.revoke(&Revocations::of_node(*node));
                core.unlink(*node);
                core.swim_notes
                    .send(SwimNote::Refuse(*node), ROOM)
                    .await
                    .ok();
                core.store_asks
                    .send(StoreAsk::Removed(*node), ROOM)
                    .await
                    .ok();
                core.tell_now(NodeEvent::Removed(*node));
            }
        }
        let epoch = state.revoked.epoch;
        if self.revoked != Some(epoch) {
            self.revoked = Some(epoch);
            core.endpoint.revoke(&revoked_since(state, Epoch(0)));
        }
    }

    /// Whether somebody is new, or at a new address.
    async fn announce(&mut self, core: &Core, state: &State) -> bool {
        let mut fresh = Vec::new();
        for (node, member) in &state.members.live {
            let Ok(address) = member.address.parse() else {
                continue;
            };
            if *node != core.node && self.announced.insert(*node, address) != Some(address) {
                core.keep_linked(*node, address);
                fresh.push((*node, address));
            }
        }
        let new = !fresh.is_empty();
        if new {
            core.swim_notes
                .send(SwimNote::Announce(fresh), ROOM)
                .await
                .ok();
        }
        new
    }
}

/// Whom to dial at the next start, also when the log is damaged by then.
fn remember_peers<H: Home>(core: &Core, home: &H, state: &State) {
    let others = state
        .members
        .live
        .iter()
        .filter(|(node, _)| **node != core.node);
    let mut peers: Vec<(bool, NodeId, SocketAddr)> = others
        .filter_map(|(node, member)| {
            let address = member.address.parse().ok()?;
            Some((!member.roles.has(PeerRole::Voter), *node, address))
        })
        .collect();
    // Voters first: they can be repaired from.
    peers.sort_unstable();
    peers.truncate(PEERS_KEPT);
    let kept = home.load_record().and_then(|mut record| {
        record.peers = peers
            .into_iter()
            .map(|(_, node, address)| (node, address))
            .collect();
        home.save_record(&record)
    });
    if let Err(error) = kept {
        tracing::warn!(%error, "the peers of the next start are those of this one");
    }
}

/// What the ledger revoked after `known`, as the endpoint wants it.
pub(crate) fn revoked_since(state: &State, known: Epoch) -> Revocations {
    let mut all = Revocations::default();
    for (what, _) in state.revoked.since(known) {
        match what {
            Revocation::Node(node) => {
                all.nodes.insert(node);
            }
            Revocation::Serial(serial) => {
                all.serials.insert(Serial::from_bytes(serial));
            }
        }
    }
    all
}

/// How often the leader is looked at; only the log of events waits for it.
const LOOK: Duration = Duration::from_millis(100);
/// Enough to find one awake.
const PEERS_KEPT: usize = 32;
/// Longest wait for room in a mailbox; both actors read within milliseconds.
const ROOM: Duration = Duration::from_secs(5);
