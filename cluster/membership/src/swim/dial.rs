//! Coming and going: dialling those who should be members, refusing those who may not, goodbye.

use super::{MAX_REFUSED, MAX_SEEDS, Swim, SwimEffect};
use crate::timers::Purpose;
use crate::{Liveness, Member, Standing};
use base::NodeId;
use rand::RngExt;
use std::net::SocketAddr;
use std::time::Duration;

impl Swim {
    pub(super) fn announce(&mut self, peers: Vec<(NodeId, SocketAddr)>, out: &mut Vec<SwimEffect>) {
        for (node, addr) in peers {
            if node == self.me().node || self.refused.contains(&node) {
                continue;
            }
            if self.seeds.len() < MAX_SEEDS || self.seeds.contains_key(&node) {
                self.seeds.insert(node, addr);
            }
            if !self.is_active(node) {
                self.call(node, addr, out);
            }
        }
    }

    /// Asks a node for its list of members. Whoever holds us for dead says so, and we renew.
    fn call(&mut self, node: NodeId, addr: SocketAddr, out: &mut Vec<SwimEffect>) {
        // Only the node counts: an announcement reaches every life of it.
        let stranger = Member::new(node, 0, addr);
        let done = self.foca.announce(stranger, &mut self.sink);
        self.tolerate(done);
        self.drain(out);
    }

    /// Calls some of those who should be members and are not. For ever: a partition ends some day.
    pub(super) fn dial(&mut self, out: &mut Vec<SwimEffect>) {
        let mut absent: Vec<(NodeId, SocketAddr)> = self
            .seeds
            .iter()
            .filter(|(node, _)| !self.peers.table.contains_key(node))
            .map(|(node, addr)| (*node, *addr))
            .collect();
        for peer in self.peers.table.values() {
            // A suspect may run again under a later boot, which hears announcements only.
            if matches!(peer.liveness, Liveness::Suspect | Liveness::Dead) {
                absent.push((peer.member.node, peer.member.addr));
            }
        }
        for _ in 0..DIALS.min(absent.len()) {
            let (node, addr) = absent.swap_remove(self.rng.random_range(0..absent.len()));
            self.call(node, addr, out);
        }
    }

    /// A list of members has room for some thirty, drawn at random: whoever is new, or was away,
    /// asks
    /// one peer after another until the lists bring nobody new.
    pub(super) fn greet(&mut self, known: usize, idle: u32, out: &mut Vec<SwimEffect>) {
        let seen = self.usable().count();
        let idle = if seen > known { 0 } else { idle + 1 };
        if idle > IDLE_GREETINGS || seen == 0 {
            return;
        }
        let chosen = self.rng.random_range(0..seen);
        let friend = self.usable().nth(chosen).map(|peer| (peer.node, peer.addr));
        if let Some((node, addr)) = friend {
            self.call(node, addr, out);
        }
        let known = seen;
        self.arm(GREET_EVERY, Purpose::Greet { known, idle }, out);
    }

    fn is_active(&self, node: NodeId) -> bool {
        self.peers
            .get(node)
            .is_some_and(|peer| peer.liveness.is_active())
    }

    pub(super) fn refuse(&mut self, node: NodeId, out: &mut Vec<SwimEffect>) {
        if node == self.me().node || !self.refused.insert(node) {
            return;
        }
        self.refused_order.push_back(node);
        if self.refused_order.len() > MAX_REFUSED
            && let Some(oldest) = self.refused_order.pop_front()
        {
            self.refused.remove(&oldest);
        }
        self.seeds.remove(&node);
        if let Some(peer) = self.peers.table.remove(&node) {
            if peer.is_usable() {
                out.push(SwimEffect::Dead(peer.member.clone()));
            }
            if peer.liveness.is_active() {
                self.declare(vec![foca::Member::down(peer.member)], out);
            }
        }
    }

    pub(super) fn note_renewed(&mut self, me: Member, out: &mut Vec<SwimEffect>) {
        self.counts.renewals += 1;
        self.probe = None;
        self.fruitless_lives += 1;
        if self.fruitless_lives > FRUITLESS_LIVES {
            self.ended = Some(Standing::Superseded);
            return;
        }
        out.push(SwimEffect::Renewed(me));
        // foca gossips the new life, which nobody answers; an announcement is answered.
        self.greet(0, 0, out);
    }

    pub(super) fn leave(&mut self, out: &mut Vec<SwimEffect>) {
        let last = Member {
            leaving: true,
            renewals: self.me().renewals.saturating_add(1),
            ..self.me().clone()
        };
        let renamed = self.foca.change_identity(last, &mut self.sink);
        self.tolerate(renamed);
        let left = self.foca.leave_cluster(&mut self.sink);
        self.tolerate(left);
        self.drain(out);
        self.ended = Some(Standing::Left);
        self.arm(FAREWELL_EVERY, Purpose::Farewell { left: FAREWELLS }, out);
    }

    pub(super) fn farewell(&mut self, left: u32, out: &mut Vec<SwimEffect>) {
        let done = self.foca.gossip(&mut self.sink);
        self.tolerate(done);
        self.drain(out);
        if left > 1 {
            self.arm(FAREWELL_EVERY, Purpose::Farewell { left: left - 1 }, out);
        }
    }
}

/// Nodes called at a time.
const DIALS: usize = 3;
/// Questions that bring nobody new before a node stops asking.
const IDLE_GREETINGS: u32 = 4;
const GREET_EVERY: Duration = Duration::from_millis(150);
/// Goodbyes are repeated, each to `helpers` random peers, since a datagram may be lost.
const FAREWELLS: u32 = 3;
const FAREWELL_EVERY: Duration = Duration::from_millis(50);
/// Lives that nobody answered in: the cluster knows a later boot of this node, and each further
/// life
/// of this one is refused too.
const FRUITLESS_LIVES: u32 = 10;
