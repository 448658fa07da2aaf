//! Many nodes' gossip in one thread: virtual time, a lossy network, and nothing else. Pure, so a
//! seed gives the same run for ever.
#![allow(dead_code, reason = "each program that includes it uses a part")]

use base::{ContentHash, NodeId, Time};
use crdt::{
    Effect, Gossip, GossipTally, Input, Letter, RecordLimits, Replica, Settings, Store, Write,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

pub(crate) struct Weather {
    /// Of datagrams; a longer letter goes by stream and is late instead.
    pub(crate) loss: f64,
    pub(crate) round_trip: Duration,
    /// Added to each way, drawn evenly up to this.
    pub(crate) jitter: Duration,
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) nodes: Vec<Gossip>,
    pub(crate) weather: Weather,
    /// Ways on which nothing passes: from, to.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Nodes that are down: they neither send nor receive nor wake.
    pub(crate) down: BTreeSet<usize>,
    /// Each node's clock less the world's, in microseconds.
    pub(crate) skew: Vec<i64>,
    pub(crate) lost: u64,
    pub(crate) delivered: u64,
    pub(crate) skewed: u64,
    /// A hash of every event, in order: equal runs have equal traces.
    pub(crate) trace: u64,
    /// Writes under way: who lacks them, and since when they are written.
    pending: Vec<(ContentHash, NodeId, Time, BTreeSet<usize>)>,
    /// From the write to the last node's sight of it.
    pub(crate) spans: Vec<Duration>,
    ids: BTreeMap<NodeId, usize>,
    alarms: Vec<Time>,
    queue: BinaryHeap<Reverse<(Time, u64, usize)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    rng: ChaCha8Rng,
}

enum Event {
    Wake,
    Arrive { from: NodeId, letter: Letter },
}

pub(crate) const EPOCH: Time = Time(1_763_000_000_000_000);

pub(crate) fn node_id(i: usize) -> NodeId {
    let mut id = [0; 16];
    // Spread over the id space as random ids are.
    id[..8].copy_from_slice(&((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    NodeId(id)
}

pub(crate) fn hash_of(i: u64) -> ContentHash {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&i.to_le_bytes());
    ContentHash(hash)
}

impl World {
    pub(crate) fn new(nodes: usize, weather: Weather, settings: Settings, seed: u64) -> World {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let gossips = (0..nodes).map(|i| {
            let me = Replica {
                node: node_id(i),
                life: 1,
            };
            let store = Store::new(me, RecordLimits::default());
            Gossip::new(store, settings, seed ^ (i as u64) << 32, EPOCH)
        });
        let mut world = World {
            now: EPOCH,
            nodes: gossips.collect(),
            weather,
            cut: BTreeSet::new(),
            down: BTreeSet::new(),
            skew: vec![0; nodes],
            lost: 0,
            delivered: 0,
            skewed: 0,
            trace: 0,
            pending: Vec::new(),
            spans: Vec::new(),
            ids: (0..nodes).map(|i| (node_id(i), i)).collect(),
            alarms: vec![Time(u64::MAX); nodes],
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            rng,
        };
        let all: Vec<NodeId> = (0..nodes).map(node_id).collect();
        for i in 0..nodes {
            world.step(i, Input::Peers(all.clone()));
        }
        world
    }

    /// The node's own clock.
    fn clock(&self, i: usize) -> Time {
        Time(self.now.0.saturating_add_signed(self.skew[i]))
    }

    pub(crate) fn step(&mut self, i: usize, input: Input) {
        if self.down.contains(&i) {
            return;
        }
        let mut effects = Vec::new();
        let clock = self.clock(i);
        self.nodes[i].step(clock, input, &mut effects);
        let mut changed = false;
        for effect in effects {
            match effect {
                Effect::Send { to, letter } => {
                    for peer in to {
                        self.send(i, peer, letter.clone());
                    }
                }
                Effect::Skewed(_) => self.skewed += 1,
                Effect::Changed => changed = true,
                Effect::Refused(error) => panic!("{error}"),
            }
        }
        if changed {
            self.look(i);
        }
        self.set_alarm(i);
    }

    fn set_alarm(&mut self, i: usize) {
        let at = self.nodes[i].wake_at();
        let at = Time(at.0.saturating_add_signed(-self.skew[i])).max(self.now);
        if at < self.alarms[i] {
            self.alarms[i] = at;
            self.post(at, i, Event::Wake);
        }
    }

    fn post(&mut self, at: Time, i: usize, event: Event) {
        self.events.insert(self.next, event);
        self.queue.push(Reverse((at, self.next, i)));
        self.next += 1;
    }

    fn send(&mut self, from: usize, to: NodeId, letter: Letter) {
        let to = self.ids[&to];
        let packets = letter.weight().div_ceil(1200).max(1);
        let mut late = self.weather.round_trip / 2;
        if !self.weather.jitter.is_zero() {
            let most = self.weather.jitter.as_micros() as u64;
            late += Duration::from_micros(self.rng.random_range(0..=most));
        }
        let mut missing = (0..packets)
            .filter(|_| self.rng.random_bool(self.weather.loss))
            .count();
        if self.cut.contains(&(from, to)) || (packets == 1 && missing > 0) {
            self.lost += 1;
            return;
        }
        // A stream sends again after a probe timeout, as long as it takes.
        while missing > 0 {
            late += PROBE_TIMEOUT;
            missing = (0..missing)
                .filter(|_| self.rng.random_bool(self.weather.loss))
                .count();
        }
        let from = node_id(from);
        self.post(self.now + late, to, Event::Arrive { from, letter });
    }

    /// Runs until that much time has passed.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(Reverse((at, id, i))) = self.queue.peek().copied() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            let event = self.events.remove(&id).expect("posted once");
            self.trace = self
                .trace
                .rotate_left(5)
                .wrapping_add(at.0 ^ (i as u64) << 48)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match event {
                // One that an earlier alarm has overtaken would ring for ever beside it.
                Event::Wake if at != self.alarms[i] => {}
                Event::Wake => {
                    self.alarms[i] = Time(u64::MAX);
                    self.step(i, Input::Timer);
                }
                Event::Arrive { from, letter } => {
                    self.delivered += 1;
                    self.step(i, Input::Letter { from, letter });
                }
            }
        }
        self.now = end;
    }

    pub(crate) fn restart(&mut self, i: usize) {
        self.down.remove(&i);
        self.alarms[i] = Time(u64::MAX);
        self.step(i, Input::Timer);
    }

    /// A write whose spread is timed.
    pub(crate) fn hold(&mut self, i: usize, hash: ContentHash) {
        let lacking = (0..self.nodes.len())
            .filter(|j| *j != i && !self.down.contains(j))
            .collect();
        self.pending.push((hash, node_id(i), self.now, lacking));
        self.step(i, Input::Write(Write::Hold(hash)));
    }

    fn look(&mut self, i: usize) {
        let (store, now, spans) = (self.nodes[i].store(), self.now, &mut self.spans);
        self.pending.retain_mut(|(hash, node, since, lacking)| {
            if lacking.contains(&i) && store.holds(hash, node) {
                lacking.remove(&i);
            }
            if lacking.is_empty() {
                spans.push(now.since(*since));
            }
            !lacking.is_empty()
        });
    }

    pub(crate) fn unseen(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn converged(&self) -> bool {
        let roots: BTreeSet<u64> = self.nodes.iter().map(|node| node.store().root()).collect();
        roots.len() == 1
    }

    /// Seconds until all stores are equal, in steps of a tenth; none within `most`.
    pub(crate) fn settle(&mut self, most: Duration) -> Option<Duration> {
        let start = self.now;
        while !self.converged() {
            if self.now.since(start) > most {
                return None;
            }
            self.run(Duration::from_millis(100));
        }
        Some(self.now.since(start))
    }

    pub(crate) fn tally(&self) -> GossipTally {
        let mut sum = GossipTally::default();
        for node in &self.nodes {
            let one = node.tally();
            sum.sent += one.sent;
            sum.sent_bytes += one.sent_bytes;
            sum.repeated += one.repeated;
            sum.given_up += one.given_up;
            sum.pulled += one.pulled;
            sum.redundant += one.redundant;
            sum.received += one.received;
            sum.differed += one.differed;
        }
        sum
    }

    pub(crate) fn random(&mut self, below: usize) -> usize {
        self.rng.random_range(0..below)
    }
}

/// Sorted in place; the value below which that share lies.
pub(crate) fn percentile(spans: &mut [Duration], share: f64) -> Duration {
    spans.sort();
    let at = (spans.len() as f64 * share).ceil() as usize;
    spans[at.clamp(1, spans.len()) - 1]
}

/// QUIC's at a round trip of a millisecond: mostly the peer's right to delay an acknowledgement.
const PROBE_TIMEOUT: Duration = Duration::from_millis(30);
