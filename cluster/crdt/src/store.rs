//! The state: what was seen, what is live, and the tables to read it by.
//!
//! Invariants: a live event is seen; every table holds exactly what the live events say; two stores
//! that have seen the same hold the same (the totals of counters are kept from dead events too, for
//! a total must not fall while its successor is on its way).

mod digest;
mod merge;
mod restamp;
mod save;

pub use digest::{ReplicaDigest, StoreDigest};
pub use merge::Rejected;
pub(crate) use save::Meta;
pub use save::{Saved, StoreBatch};

use crate::clock::{Clock, MAX_AHEAD};
use crate::records::Records;
use crate::{Change, Delta, Dot, NodeFacts, RecordLimits, Replica, Span, Spans, Stamp};
use base::{ContentHash, NodeId, Time};
use bytes::Bytes;
use crdts::{LWWReg, VClock};
use save::Unsaved;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// One node's copy of what the cluster knows.
#[derive(Clone, Debug)]
pub struct Store {
    me: Replica,
    clock: Clock,
    logs: BTreeMap<Replica, Log>,
    facts: BTreeMap<NodeId, LWWReg<Dot, (Stamp, Replica)>>,
    holds: BTreeMap<ContentHash, BTreeMap<NodeId, BTreeSet<Dot>>>,
    counters: BTreeMap<String, Counter>,
    records: Records,
    /// Releases, oldest first, with the time at which they came.
    releases: VecDeque<(Time, Dot)>,
    /// Removed nodes, oldest first: what they wrote is not taken again.
    gone: VecDeque<NodeId>,
    /// The count of the next own event.
    next: u64,
    /// Own counts below may be used: the disk knows of them.
    reserved: u64,
    unsaved: Option<Unsaved>,
}

/// What is known of one replica's events.
#[derive(Clone, Debug, Default)]
struct Log {
    seen: Spans,
    live: BTreeMap<u64, Change>,
    /// Of the live dots, releases excepted (those are forgotten by each store for itself).
    hash: u64,
}

#[derive(Clone, Debug, Default)]
struct Counter {
    /// A grow-only counter is a vector clock that is summed.
    totals: VClock<Replica>,
    /// The live event that carries each total.
    dots: BTreeMap<Replica, (u64, u64)>,
}

/// A change asked for by this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Facts(NodeFacts),
    /// This node has these bytes.
    Hold(ContentHash),
    /// That node has them no more; usually this node says it of itself.
    Release {
        hash: ContentHash,
        node: NodeId,
    },
    Count {
        metric: String,
        add: u64,
    },
    Record {
        key: Bytes,
        value: Bytes,
    },
}

/// Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Larger than one event may be. The caller should split or shorten it.
    #[error("{what} of {len} bytes, where {max} are allowed")]
    TooLarge {
        what: &'static str,
        len: usize,
        max: usize,
    },
    /// This node has as many as it may. Something must be released first.
    #[error("this node has {max} {what}, which is the most")]
    Full { what: &'static str, max: usize },
    /// Too many writes that no disk knows of: save a batch, then try again.
    #[error("{0} writes wait to be saved")]
    Unsaved(u64),
}

impl Store {
    /// An empty store that is never saved.
    pub fn new(me: Replica, limits: RecordLimits) -> Store {
        Store {
            me,
            clock: Clock::default(),
            logs: BTreeMap::new(),
            facts: BTreeMap::new(),
            holds: BTreeMap::new(),
            counters: BTreeMap::new(),
            records: Records::new(limits),
            releases: VecDeque::new(),
            gone: VecDeque::new(),
            next: 1,
            reserved: u64::MAX,
            unsaved: None,
        }
    }

    pub fn me(&self) -> Replica {
        self.me
    }

    pub fn facts(&self, node: &NodeId) -> Option<&NodeFacts> {
        let dot = self.facts.get(node)?.val;
        match self.logs.get(&dot.replica)?.live.get(&dot.count)? {
            Change::Facts { facts, .. } => Some(facts),
            Change::Hold { .. }
            | Change::Release { .. }
            | Change::Count { .. }
            | Change::Record { .. }
            | Change::Retire { .. } => None,
        }
    }

    /// Every node that has told facts about itself.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeFacts)> {
        let nodes = self.facts.keys();
        nodes.filter_map(|node| Some((*node, self.facts(node)?)))
    }

    pub fn holders(&self, hash: &ContentHash) -> impl Iterator<Item = NodeId> {
        self.holds
            .get(hash)
            .into_iter()
            .flat_map(|nodes| nodes.keys().copied())
    }

    pub fn holds(&self, hash: &ContentHash, node: &NodeId) -> bool {
        self.holds
            .get(hash)
            .is_some_and(|nodes| nodes.contains_key(node))
    }

    /// Everything that some node holds, with its holders.
    pub fn placements(&self) -> impl Iterator<Item = (ContentHash, NodeId)> {
        let each = self.holds.iter();
        each.flat_map(|(hash, nodes)| nodes.keys().map(|node| (*hash, *node)))
    }

    /// A metric's total over all nodes.
    pub fn total(&self, metric: &str) -> u64 {
        self.totals(metric).map(|(_, total)| total).sum()
    }

    /// A metric's total by node.
    pub fn totals(&self, metric: &str) -> impl Iterator<Item = (NodeId, u64)> {
        let counter = self.counters.get(metric);
        counter.into_iter().flat_map(|counter| {
            let dots = counter.totals.iter();
            dots.map(|dot| (dot.actor.node, dot.counter))
        })
    }

    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.counters.keys().map(String::as_str)
    }

    pub fn record(&self, key: &[u8]) -> Option<&Bytes> {
        self.records.get(key)
    }

    /// How many records there are and their bytes.
    pub fn record_size(&self) -> (usize, usize) {
        (self.records.len(), self.records.bytes())
    }

    /// Live events, and pieces of the sets of what was seen: what the memory is made of.
    pub fn size(&self) -> (usize, usize) {
        let logs = self.logs.values();
        logs.fold((0, 0), |(live, pieces), log| {
            (live + log.live.len(), pieces + log.seen.pieces())
        })
    }

    /// Applies a local write. What comes back is to be pushed to the peers, and is empty when
    /// nothing changed. Where the store is saved, the write counts as done when a
    /// [`Store::take_batch`] that was taken after it is on disk.
    pub fn write(&mut self, now: Time, write: Write) -> Result<Delta, WriteError> {
        if self.next >= self.reserved {
            return Err(WriteError::Unsaved(UNSAVED_MAX));
        }
        let Some(change) = self.change_of(now, write)? else {
            return Ok(Delta::default());
        };
        let dot = Dot {
            replica: self.me,
            count: self.next,
        };
        self.next += 1;
        let span = Span {
            replica: self.me,
            first: dot.count,
            last: dot.count,
            live: vec![(dot.count, change.clone())],
        };
        self.see(self.me, dot.count, dot.count);
        self.apply(now, dot, change);
        Ok(Delta { spans: vec![span] })
    }

    fn change_of(&mut self, now: Time, write: Write) -> Result<Option<Change>, WriteError> {
        let me = self.me.node;
        Ok(match write {
            Write::Facts(facts) => {
                let register = self
                    .facts
                    .get(&me)
                    .map(|register| (register.val, register.marker.0));
                match register {
                    // Written under a clock that was wrong, and taken by nobody: void.
                    Some((dot, stamp)) if self.clock.is_beyond(now, stamp) => self.kill(dot),
                    Some(_) if self.facts(&me) == Some(&facts) => return Ok(None),
                    // The next must win, also over an earlier life's.
                    Some((_, stamp)) => self.clock.follow(stamp),
                    None => {}
                }
                let stamp = self.clock.tick(now);
                let change = Change::Facts { stamp, facts };
                at_most("facts", change.weight(), FACTS_BYTES)?;
                Some(change)
            }
            Write::Hold(hash) => {
                if self.holds(&hash, &me) {
                    return Ok(None);
                }
                let live = self.logs.get(&self.me).map_or(0, |log| log.live.len());
                if live >= LIVE_MAX {
                    let (what, max) = ("live events", LIVE_MAX);
                    return Err(WriteError::Full { what, max });
                }
                Some(Change::Hold { hash, node: me })
            }
            Write::Release { hash, node } => {
                let dots = self.holds.get(&hash).and_then(|nodes| nodes.get(&node));
                dots.map(|dots| Change::Release {
                    holds: dots.iter().copied().collect(),
                })
            }
            Write::Count { metric, add } => {
                at_most("the name of a metric", metric.len(), METRIC_BYTES)?;
                let counter = self.counters.get(&metric);
                if counter.is_none() && self.counters.len() >= METRICS_MAX {
                    let (what, max) = ("metrics", METRICS_MAX);
                    return Err(WriteError::Full { what, max });
                }
                let before = counter.map_or(0, |counter| counter.totals.get(&self.me));
                let total = before.saturating_add(add);
                (add > 0).then_some(Change::Count { metric, total })
            }
            Write::Record { key, value } => {
                at_most("a record", key.len() + value.len(), RECORD_BYTES)?;
                if self.record(&key) == Some(&value) {
                    return Ok(None);
                }
                let stamp = self.clock.tick(now);
                Some(Change::Record { stamp, key, value })
            }
        })
    }

    /// Takes over what an earlier life of this node said, and ends that life. Called once the
    /// peers have told a store that began empty what they know. Holds are not taken over: the
    /// caller knows what is still on its disk, and holds it again before.
    pub fn adopt(&mut self, now: Time) -> Result<Delta, WriteError> {
        let lives: Vec<Replica> = self.logs.keys().copied().collect();
        let mut adopted = Delta::default();
        for old in lives {
            if old.node != self.me.node || old == self.me || self.is_retired(&old) {
                continue;
            }
            let inherited: Vec<(String, u64)> = self
                .counters
                .iter()
                .map(|(metric, counter)| (metric.clone(), counter.totals.get(&old)))
                .collect();
            for (metric, add) in inherited {
                let delta = self.write(now, Write::Count { metric, add })?;
                adopted.spans.extend(delta.spans);
            }
            if let Some(facts) = self.facts(&self.me.node).cloned() {
                let owned = self
                    .facts
                    .get(&self.me.node)
                    .map(|register| register.val.replica);
                if owned == Some(old) {
                    // The same facts again, under this life's name.
                    self.facts
                        .entry(self.me.node)
                        .and_modify(|r| r.val = Dot::default());
                    let delta = self.write(now, Write::Facts(facts))?;
                    adopted.spans.extend(delta.spans);
                }
            }
            adopted.spans.extend(self.retire(now, old)?.spans);
        }
        Ok(adopted)
    }

    /// A node was removed from the cluster: everything it said is forgotten, and not taken again.
    pub fn remove_node(&mut self, node: NodeId) {
        if node == self.me.node || self.gone.contains(&node) {
            return;
        }
        self.gone.push_back(node);
        if self.gone.len() > GONE_MAX {
            self.gone.pop_front();
        }
        let lives: Vec<Replica> = self.lives_of(node);
        for replica in lives {
            self.void(replica, |_| true);
            self.logs.remove(&replica);
            self.note_forgotten(replica);
        }
        let named: Vec<Dot> = self
            .holds
            .values()
            .filter_map(|nodes| nodes.get(&node))
            .flatten()
            .copied()
            .collect();
        for dot in named {
            self.kill(dot);
        }
    }

    /// Evicts records by age. Only for a store that knows the cluster's time: one that is alone, or
    /// has heard a peer's clock. A wrong clock would evict for all.
    pub fn expire(&mut self, now: Time) {
        let newest = Stamp(self.clock.real(now).0);
        for dot in self.records.expire(newest) {
            self.kill(dot);
        }
        self.note_meta();
    }

    pub fn has_heard_a_clock(&self) -> bool {
        self.clock.has_heard()
    }

    /// Forgets old releases. Cheap; call it every few seconds.
    pub fn tidy(&mut self, now: Time) {
        while let Some((came, dot)) = self.releases.front().copied() {
            let old = now.since(came) > RELEASE_AGE;
            if !old && self.releases.len() <= RELEASES_MAX {
                break;
            }
            self.releases.pop_front();
            self.kill(dot);
        }
    }

    /// A peer said what time it has.
    pub fn heard_clock(&mut self, from: NodeId, now: Time, theirs: Time) {
        self.clock.heard(from, now, theirs);
    }

    /// Forgets the clocks of those who are no peers any more.
    pub fn keep_clocks(&mut self, is_peer: impl Fn(&NodeId) -> bool) {
        self.clock.keep(is_peer);
    }

    /// How far a stamp may be ahead of the cluster's time before it is not taken.
    pub const fn max_ahead() -> Duration {
        MAX_AHEAD
    }

    fn lives_of(&self, node: NodeId) -> Vec<Replica> {
        let lives = self.logs.keys().filter(|replica| replica.node == node);
        lives.copied().collect()
    }
}

fn at_most(what: &'static str, len: usize, max: usize) -> Result<(), WriteError> {
    if len > max {
        return Err(WriteError::TooLarge { what, len, max });
    }
    Ok(())
}

/// Own writes between two savings. Also the numbers that a crash leaves unused.
const UNSAVED_MAX: u64 = 4096;
/// Bytes of one node's facts: some hundred model names.
const FACTS_BYTES: usize = 16 * 1024;
/// Bytes of a record, which must fit a gossip frame.
const RECORD_BYTES: usize = 192 * 1024;
/// Live events of one replica: held contents, most of all.
const LIVE_MAX: usize = 200_000;
const METRIC_BYTES: usize = 128;
const METRICS_MAX: usize = 1024;
/// Releases that are kept so that they can be told cheaply. A peer that comes later finds out by
/// comparing what is live.
const RELEASES_MAX: usize = 4096;
const RELEASE_AGE: Duration = Duration::from_secs(300);
/// Removed nodes that are remembered. Their certificates are revoked: only what an absent peer
/// still has of them can come back.
const GONE_MAX: usize = 4096;

#[cfg(test)]
mod tests;
