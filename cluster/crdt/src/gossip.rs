//! The machine that spreads a store: pushes what is new, repairs what was lost, compares at
//! leisure.
//!
//! * **Push.** A small change goes at once to every peer of a small cluster, and down a tree
//!   (rooted at the writer, the same on every node without a word said) in a larger one. A push is
//!   acknowledged, and repeated to those who did not; a peer's round trip sets the pace.
//! * **Announce.** Who got news tells a few random peers a little later which dots it has; who
//!   misses some asks for them. That heals what the push could not: a writer that died half way, a
//!   link that works one way, a change too large to push.
//! * **Compare.** Every period with one random peer: a hash of everything; when it differs the rows
//!   per replica; when they agree and the content does not, the live dots. That heals the rest, and
//!   is all that a rejoining node needs.
//!
//! Every message may be lost, doubled, late or out of order, and every message stands by itself, so
//! the machine is right under any loss; the first two parts only make it fast.

mod letter;
mod pace;
mod push;
mod repair;

pub use letter::Letter;

use crate::dot::mix;
use crate::{Delta, Rejected, Replica, Spans, Store, Write, WriteError};
use base::{NodeId, Time};
use pace::Pace;
use push::Flight;
use repair::{News, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What happens to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The peers that are alive now, without this node.
    Peers(Vec<NodeId>),
    /// A node was removed from the cluster for good.
    Removed(NodeId),
    /// This node writes.
    Write(Write),
    Letter {
        from: NodeId,
        letter: Letter,
    },
    /// The time that [`Gossip::wake_at`] named has come. Early or late does no harm.
    Timer,
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The same bytes to each of these. May be lost.
    Send { to: Vec<NodeId>, letter: Letter },
    /// The write was refused; nothing changed.
    Refused(WriteError),
    /// A node's clock is so far ahead that what it stamps is not taken.
    Skewed(Rejected),
    /// What the store answers may have changed, by a peer's doing.
    Changed,
}

/// How it spreads. All durations are of the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Nodes up to which a push goes straight to everybody.
    pub direct_nodes: usize,
    /// Children per node of the tree in a larger cluster. More is faster and burdens a writer more.
    pub branches: usize,
    /// Bytes of a change that is pushed; a larger one is announced.
    pub push_bytes: usize,
    /// Pushes of one node are at least so far apart: a burst of writes shares one.
    pub push_gap: Duration,
    /// Times that a push is sent to a peer that does not acknowledge it.
    pub push_tries: u32,
    /// Peers that hear an announcement.
    pub announce_to: usize,
    /// News are announced after this, after four times this, and so on.
    pub announce_after: Duration,
    pub announce_times: u32,
    /// Between comparisons with one random peer.
    pub compare_every: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            direct_nodes: DIRECT_NODES,
            branches: BRANCHES,
            push_bytes: PUSH_BYTES,
            push_gap: PUSH_GAP,
            push_tries: PUSH_TRIES,
            announce_to: ANNOUNCE_TO,
            announce_after: ANNOUNCE_AFTER,
            announce_times: ANNOUNCE_TIMES,
            compare_every: COMPARE_EVERY,
        }
    }
}

/// What the machine did since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GossipTally {
    /// Letters sent, each receiver counted.
    pub sent: u64,
    /// Their bytes, roughly.
    pub sent_bytes: u64,
    /// Pushes sent again because no acknowledgement came. Divide by `sent` for the loss.
    pub repeated: u64,
    /// Pushes given up after the last try, to be healed by announcements and comparisons.
    pub given_up: u64,
    /// Dots asked for after an announcement or a comparison.
    pub pulled: u64,
    /// Pushes that brought nothing new. Divide by `received` for the waste.
    pub redundant: u64,
    /// Letters received.
    pub received: u64,
    /// Comparisons that found a difference.
    pub differed: u64,
}

/// One node's gossip with its store.
#[derive(Clone, Debug)]
pub struct Gossip {
    store: Store,
    settings: Settings,
    /// Sorted.
    peers: Vec<NodeId>,
    dice: u64,
    tally: GossipTally,
    /// What waits for the next push, and when the last one went.
    outbox: Delta,
    pushed_at: Time,
    next_push: u64,
    flights: BTreeMap<u64, Flight>,
    paces: BTreeMap<NodeId, Pace>,
    news: Vec<News>,
    wanted: BTreeMap<Replica, Wanted>,
    compare_at: Time,
    tidy_at: Time,
}

impl Gossip {
    pub fn new(store: Store, settings: Settings, seed: u64, now: Time) -> Gossip {
        Gossip {
            dice: mix(seed),
            store,
            settings,
            peers: Vec::new(),
            tally: GossipTally::default(),
            outbox: Delta::default(),
            pushed_at: Time::ZERO,
            next_push: 1,
            flights: BTreeMap::new(),
            paces: BTreeMap::new(),
            news: Vec::new(),
            wanted: BTreeMap::new(),
            compare_at: now,
            tidy_at: now,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// For saving it, and for [`Store::adopt`], whose delta goes to [`Gossip::spread`].
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    pub fn into_store(self) -> Store {
        self.store
    }

    pub fn tally(&self) -> GossipTally {
        self.tally
    }

    /// Pushes not yet acknowledged, announcements due, and replicas with missing dots: the queues,
    /// each of which has a bound.
    pub fn queues(&self) -> (usize, usize, usize) {
        (self.flights.len(), self.news.len(), self.wanted.len())
    }

    /// When [`Input::Timer`] is due.
    pub fn wake_at(&self) -> Time {
        let mut at = self.compare_at.min(self.tidy_at);
        if !self.outbox.is_empty() {
            at = at.min(self.pushed_at + self.settings.push_gap);
        }
        let flights = self.flights.values().map(|flight| flight.due);
        let news = self.news.iter().map(|news| news.due);
        let wanted = self.wanted.values().map(|wanted| wanted.due);
        flights.chain(news).chain(wanted).fold(at, Time::min)
    }

    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        match input {
            Input::Peers(peers) => self.set_peers(now, peers, out),
            Input::Removed(node) => {
                self.store.remove_node(node);
                out.push(Effect::Changed);
            }
            Input::Write(write) => match self.store.write(now, write) {
                Ok(delta) => self.spread(now, delta, out),
                Err(error) => out.push(Effect::Refused(error)),
            },
            Input::Letter { from, letter } => {
                self.tally.received += 1;
                self.open(now, from, letter, out);
            }
            Input::Timer => {}
        }
        self.run_due(now, out);
    }

    /// Spreads what this node wrote by [`Store::write`] or [`Store::adopt`].
    pub fn spread(&mut self, now: Time, delta: Delta, out: &mut Vec<Effect>) {
        for span in delta.spans {
            let one = Delta { spans: vec![span] };
            if one.weight() > self.settings.push_bytes {
                self.announce_large(now, one, out);
                continue;
            }
            // One letter must fit its cap; what has no room goes now.
            if self.outbox.weight() + one.weight() > self.settings.push_bytes {
                self.push_out(now, out);
            }
            self.outbox.spans.extend(one.spans);
        }
    }

    fn set_peers(&mut self, now: Time, mut peers: Vec<NodeId>, out: &mut Vec<Effect>) {
        let me = self.store.me().node;
        peers.retain(|peer| *peer != me);
        peers.sort();
        peers.dedup();
        let before: BTreeSet<NodeId> = self.peers.iter().copied().collect();
        let new: Vec<NodeId> = peers
            .iter()
            .filter(|peer| !before.contains(peer))
            .copied()
            .collect();
        self.peers = peers;
        let is_peer = |node: &NodeId| self.peers.binary_search(node).is_ok();
        self.paces.retain(|node, _| is_peer(node));
        self.store.keep_clocks(is_peer);
        self.flights.retain(|_, flight| {
            flight
                .waiting
                .retain(|node| self.peers.binary_search(node).is_ok());
            !flight.waiting.is_empty()
        });
        // A newcomer, or one that was away, learns at once that there is something to fetch. A few
        // are enough: what one of them learns, the others hear announced.
        let few: Vec<NodeId> = new.into_iter().take(GREETINGS).collect();
        if !few.is_empty() {
            let letter = self.summary(now);
            self.send(few, letter, out);
        }
    }

    fn open(&mut self, now: Time, from: NodeId, letter: Letter, out: &mut Vec<Effect>) {
        match letter {
            Letter::Push { id, root, delta } => self.on_push(now, from, (id, root), delta, out),
            Letter::Ack { id } => self.on_ack(now, from, id),
            Letter::Have { dots } => self.on_have(now, from, dots, out),
            Letter::Pull { dots } => self.on_pull(from, &dots, out),
            Letter::Content { delta } => {
                self.absorb(now, delta, out);
            }
            Letter::Summary { time, root } => self.on_summary(now, from, time, root, out),
            Letter::Digest { digest } => self.on_digest(now, from, &digest, out),
            Letter::Evicted { floor } => {
                self.store.merge_floor(floor, now);
                out.push(Effect::Changed);
            }
            Letter::Alive {
                replica,
                seen,
                counts,
            } => {
                self.on_alive(from, (replica, seen, counts), out);
            }
        }
    }

    fn run_due(&mut self, now: Time, out: &mut Vec<Effect>) {
        if !self.outbox.is_empty() && self.pushed_at + self.settings.push_gap <= now {
            self.push_out(now, out);
        }
        self.repeat_pushes(now, out);
        self.announce_due(now, out);
        self.pull_due(now, out);
        if self.compare_at <= now {
            let period = self.settings.compare_every;
            // Between half and one and a half periods, so that nodes do not march in step.
            let jitter = self.roll(period.as_micros() as u64 + 1);
            self.compare_at = now + period / 2 + Duration::from_micros(jitter);
            if let [peer, ..] = self.some_peers(1)[..] {
                let letter = self.summary(now);
                self.send(vec![peer], letter, out);
            }
        }
        if self.tidy_at <= now {
            self.tidy_at = now + TIDY_EVERY;
            self.store.tidy(now);
            if self.peers.is_empty() || self.store.has_heard_a_clock() {
                self.store.expire(now);
            }
        }
    }

    /// Takes in what a peer told; returns whether any of it was news.
    fn absorb(&mut self, now: Time, delta: Delta, out: &mut Vec<Effect>) -> bool {
        let (news, rejected) = self.store.merge(now, delta);
        if let Some(rejected) = rejected {
            out.push(Effect::Skewed(rejected));
        }
        if news.is_empty() {
            return false;
        }
        out.push(Effect::Changed);
        self.note_news(now, news);
        true
    }

    fn send(&mut self, to: Vec<NodeId>, letter: Letter, out: &mut Vec<Effect>) {
        if to.is_empty() {
            return;
        }
        self.tally.sent += to.len() as u64;
        self.tally.sent_bytes += (to.len() * letter.weight()) as u64;
        out.push(Effect::Send { to, letter });
    }

    /// That many different peers, or all.
    fn some_peers(&mut self, most: usize) -> Vec<NodeId> {
        let mut peers = self.peers.clone();
        let most = most.min(peers.len());
        for i in 0..most {
            let other = i + self.roll((peers.len() - i) as u64) as usize;
            peers.swap(i, other);
        }
        peers.truncate(most);
        peers
    }

    /// Below `bound`.
    fn roll(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(1);
        mix(self.dice) % bound.max(1)
    }
}

/// The dots of some replicas.
type Dots = Vec<(Replica, Spans)>;

/// Straight to everybody is the faster way at every size and loss that was measured (with 200 nodes
/// and no loss 0.8 ms against 2.3 ms); the tree is for the writer, who would spend milliseconds of
/// CPU on sending. `cargo run --release -p crdt --example spread` prints both side by side.
const DIRECT_NODES: usize = 64;
const BRANCHES: usize = 8;
/// Bytes. A Raft-sized entry or a node's facts fit many times over.
const PUSH_BYTES: usize = 16 * 1024;
const PUSH_GAP: Duration = Duration::from_millis(1);
const PUSH_TRIES: u32 = 8;
/// Two announcements to one peer each cost as many letters as the push itself, and bring the
/// slowest write of 500 under 30 % loss from 0.7 s to 0.2 s; more of them bring little.
const ANNOUNCE_TO: usize = 1;
const ANNOUNCE_AFTER: Duration = Duration::from_millis(25);
const ANNOUNCE_TIMES: u32 = 2;
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// New peers that are told of this store's state at once.
const GREETINGS: usize = 3;
const TIDY_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
