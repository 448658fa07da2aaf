//! Pushes: to whom, and again to those who did not acknowledge.

use super::{Effect, Gossip, Letter};
use crate::Delta;
use base::{NodeId, Time};

/// A push under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    letter: Letter,
    pub(super) waiting: Vec<NodeId>,
    sent_at: Time,
    tries: u32,
    pub(super) due: Time,
}

impl Gossip {
    /// Pushes what waits in the outbox.
    pub(super) fn push_out(&mut self, now: Time, out: &mut Vec<Effect>) {
        let delta = std::mem::take(&mut self.outbox);
        if !delta.is_empty() {
            self.pushed_at = now;
            let me = self.store.me().node;
            self.push(now, me, delta, out);
        }
    }

    /// Pushes to this node's children in the tree of `root`.
    fn push(&mut self, now: Time, root: NodeId, delta: Delta, out: &mut Vec<Effect>) {
        let waiting = self.children(root);
        if waiting.is_empty() {
            return;
        }
        let id = self.next_push;
        self.next_push += 1;
        let letter = Letter::Push { id, root, delta };
        let patience = waiting.iter().map(|peer| self.patience(peer)).max();
        let flight = Flight {
            letter: letter.clone(),
            waiting: waiting.clone(),
            sent_at: now,
            tries: 1,
            due: now + patience.unwrap_or_default(),
        };
        self.flights.insert(id, flight);
        if self.flights.len() > FLIGHTS_MAX {
            self.flights.pop_first();
            self.tally.given_up += 1;
        }
        self.send(waiting, letter, out);
    }

    pub(super) fn on_push(
        &mut self,
        now: Time,
        from: NodeId,
        (id, root): (u64, NodeId),
        delta: Delta,
        out: &mut Vec<Effect>,
    ) {
        self.send(vec![from], Letter::Ack { id }, out);
        let relayed = if self.is_direct() {
            Delta::default()
        } else {
            delta.clone()
        };
        if !self.absorb(now, delta, out) {
            self.tally.redundant += 1;
            return;
        }
        // Only news are passed on: nothing runs in circles, whatever each believes of the tree.
        if !relayed.is_empty() && root != self.store.me().node {
            self.push(now, root, relayed, out);
        }
    }

    pub(super) fn on_ack(&mut self, now: Time, from: NodeId, id: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        let Some(at) = flight.waiting.iter().position(|peer| *peer == from) else {
            return;
        };
        flight.waiting.swap_remove(at);
        // After a repetition nobody knows which one was acknowledged (Karn).
        if flight.tries == 1 {
            let trip = now.since(flight.sent_at);
            self.paces.entry(from).or_default().took(trip);
        }
        if flight.waiting.is_empty() {
            self.flights.remove(&id);
        }
    }

    pub(super) fn repeat_pushes(&mut self, now: Time, out: &mut Vec<Effect>) {
        let due = self.flights.iter().filter(|(_, flight)| flight.due <= now);
        let due: Vec<u64> = due.map(|(id, _)| *id).collect();
        for id in due {
            let Some(mut flight) = self.flights.remove(&id) else {
                continue;
            };
            if flight.tries >= self.settings.push_tries {
                self.tally.given_up += flight.waiting.len() as u64;
                continue;
            }
            self.tally.repeated += flight.waiting.len() as u64;
            let patience = flight.waiting.iter().map(|peer| self.patience(peer)).max();
            flight.due = now + patience.unwrap_or_default() * 2_u32.pow((flight.tries - 1).min(8));
            flight.tries += 1;
            self.send(flight.waiting.clone(), flight.letter.clone(), out);
            self.flights.insert(id, flight);
        }
    }

    fn patience(&self, peer: &NodeId) -> std::time::Duration {
        self.paces.get(peer).copied().unwrap_or_default().patience()
    }

    fn is_direct(&self) -> bool {
        self.peers.len() < self.settings.direct_nodes
    }

    /// This node's children in the tree of `root`: the ring of all nodes, begun at the root and
    /// read as a heap. Nodes that disagree about who is alive leave holes, which announcements
    /// fill.
    pub(super) fn children(&self, root: NodeId) -> Vec<NodeId> {
        let me = self.store.me().node;
        if self.is_direct() {
            let is_root = root == me;
            return if is_root {
                self.peers.clone()
            } else {
                Vec::new()
            };
        }
        let mine = self.peers.partition_point(|peer| *peer < me);
        let ring = self.peers.len() + 1;
        let at = |i: usize| match i % ring {
            i if i == mine => me,
            i => self.peers[i - usize::from(i > mine)],
        };
        let begin = self.peers.partition_point(|peer| *peer < root) + usize::from(me < root);
        let place = (mine + ring - begin % ring) % ring;
        let first = place * self.settings.branches + 1;
        (first..first + self.settings.branches)
            .take_while(|child| *child < ring)
            .map(|child| at(begin + child))
            .collect()
    }
}

/// Pushes that are waited for. A node whose peers answer nothing for that many has other worries,
/// and comparisons heal it.
const FLIGHTS_MAX: usize = 1024;
