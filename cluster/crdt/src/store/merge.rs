//! The one merge: what a delta says, made true here.

use super::{FACTS_BYTES, LIVE_MAX, METRIC_BYTES, RECORD_BYTES, Store};
use crate::{Change, Delta, Dot, Replica, Span, Spans, Stamp, WriteError};
use base::{NodeId, Time};
use crdts::{CmRDT, LWWReg};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Events that were not taken, because their stamps are too far ahead. They are asked for again by
/// the next comparison, and taken once their time has come, or their writer said them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub node: NodeId,
    pub ahead: Duration,
}

impl Store {
    /// Merges what a peer told. Returns the dots that were news here, and what was rejected.
    pub fn merge(&mut self, now: Time, delta: Delta) -> (Vec<(Replica, Spans)>, Option<Rejected>) {
        let mut news = Vec::new();
        let mut rejected = None;
        for span in delta.spans {
            let replica = span.replica;
            let span_news = self.merge_span(now, span, &mut rejected);
            if !span_news.is_empty() {
                news.push((replica, span_news));
            }
        }
        (news, rejected)
    }

    fn merge_span(&mut self, now: Time, span: Span, rejected: &mut Option<Rejected>) -> Spans {
        let Span {
            replica,
            first,
            last,
            live,
        } = span;
        // An own event that this life does not know can only come from a peer after a crash; it is
        // taken like any other.
        if first == 0 || first > last || self.gone.contains(&replica.node) {
            return Spans::default();
        }
        let told: BTreeSet<u64> = live.iter().map(|(count, _)| *count).collect();
        self.bury_holds(replica, first..=last, |count| !told.contains(&count));
        let whole: Spans = [(first, last)].into_iter().collect();
        let mut fresh = match self.logs.get(&replica) {
            Some(log) => whole.minus(&log.seen),
            None => whole,
        };
        let mut taken = Vec::new();
        for (count, change) in live {
            if !fresh.contains(count) {
                continue;
            }
            if let Some(stamp) = change.stamp()
                && let Err(ahead) = self.clock.witness(now, stamp)
                && replica.node != self.me.node
            {
                let node = replica.node;
                *rejected = Some(Rejected { node, ahead });
                fresh = fresh.minus(&[(count, count)].into_iter().collect());
                continue;
            }
            taken.push((count, change));
        }
        // First seen, then applied: a release that came before its hold has marked it as seen.
        for (first, last) in fresh.iter() {
            self.see(replica, first, last);
        }
        for (count, change) in taken {
            self.apply(now, Dot { replica, count }, change);
        }
        fresh
    }

    /// Makes a new event true. It is seen already, and dead at once where it says nothing new.
    pub(super) fn apply(&mut self, now: Time, dot: Dot, change: Change) {
        if !self.is_sound(dot, &change) {
            return;
        }
        match &change {
            Change::Facts { stamp, .. } => {
                let marker = (*stamp, dot.replica);
                let register = self.facts.entry(dot.replica.node).or_insert(LWWReg {
                    val: Dot::default(),
                    marker: (Stamp(0), Replica::default()),
                });
                if register.marker >= marker {
                    return;
                }
                let old = register.val;
                register.update(dot, marker);
                self.kill(old);
            }
            Change::Hold { hash, node } => {
                let nodes = self.holds.entry(*hash).or_default();
                nodes.entry(*node).or_default().insert(dot);
            }
            Change::Release { holds } => {
                for hold in holds {
                    if !self.gone.contains(&hold.replica.node) {
                        self.see(hold.replica, hold.count, hold.count);
                        self.bury_holds(hold.replica, hold.count..=hold.count, |_| true);
                    }
                }
                self.releases.push_back((now, dot));
            }
            Change::Count { metric, total } => {
                let counter = self.counters.entry(metric.clone()).or_default();
                counter.totals.apply(crdts::Dot::new(dot.replica, *total));
                let carrier = counter.dots.get(&dot.replica).copied();
                if carrier.is_some_and(|(_, before)| before >= *total) {
                    return;
                }
                counter.dots.insert(dot.replica, (dot.count, *total));
                if let Some((count, _)) = carrier {
                    let replica = dot.replica;
                    self.kill(Dot { replica, count });
                }
            }
            Change::Record { stamp, key, value } => {
                let place = (*stamp, dot.replica, dot.count);
                let dead = self.records.insert(place, key.clone(), value.clone());
                let stillborn = dead.contains(&dot);
                for old in dead.into_iter().filter(|old| *old != dot) {
                    self.kill(old);
                }
                self.note_meta();
                if stillborn {
                    return;
                }
            }
            Change::Retire { life } => {
                let node = dot.replica.node;
                self.end_life(Replica { node, life: *life });
            }
        }
        self.enliven(dot, change);
    }

    /// What an honest peer never sends is dead on arrival, on every node alike.
    fn is_sound(&self, dot: Dot, change: &Change) -> bool {
        let live = self.logs.get(&dot.replica).map_or(0, |log| log.live.len());
        live <= 2 * LIVE_MAX
            && match change {
                Change::Facts { .. } => change.weight() <= FACTS_BYTES,
                Change::Hold { node, .. } => !self.gone.contains(node),
                Change::Release { .. } => true,
                Change::Count { metric, .. } => metric.len() <= METRIC_BYTES,
                Change::Record { key, value, .. } => key.len() + value.len() <= RECORD_BYTES,
                Change::Retire { life } => *life != dot.replica.life,
            }
    }

    fn enliven(&mut self, dot: Dot, change: Change) {
        let log = self.logs.entry(dot.replica).or_default();
        if !matches!(change, Change::Release { .. }) {
            log.hash ^= dot.hash();
        }
        log.live.insert(dot.count, change);
        self.note_live(dot);
    }

    /// Ends an event, if it is live, and its rows in the tables.
    pub(super) fn kill(&mut self, dot: Dot) {
        let Some(log) = self.logs.get_mut(&dot.replica) else {
            return;
        };
        let Some(change) = log.live.remove(&dot.count) else {
            return;
        };
        if !matches!(change, Change::Release { .. }) {
            log.hash ^= dot.hash();
        }
        self.note_dead(dot);
        match change {
            Change::Facts { .. } => {
                let node = dot.replica.node;
                if self
                    .facts
                    .get(&node)
                    .is_some_and(|register| register.val == dot)
                {
                    self.facts.remove(&node);
                }
            }
            Change::Hold { hash, node } => {
                if let Some(nodes) = self.holds.get_mut(&hash) {
                    if let Some(dots) = nodes.get_mut(&node) {
                        dots.remove(&dot);
                    }
                    nodes.retain(|_, dots| !dots.is_empty());
                    if nodes.is_empty() {
                        self.holds.remove(&hash);
                    }
                }
            }
            Change::Record { stamp, .. } => {
                self.records.forget((stamp, dot.replica, dot.count));
            }
            Change::Release { .. } => self.releases.retain(|(_, release)| *release != dot),
            Change::Count { .. } | Change::Retire { .. } => {}
        }
    }

    /// Kills the holds and releases of a replica that a peer knows to be dead. Other kinds die only
    /// by their successors, which are on their way and must not leave a gap.
    fn bury_holds(
        &mut self,
        replica: Replica,
        counts: RangeInclusive<u64>,
        is_dead: impl Fn(u64) -> bool,
    ) {
        let Some(log) = self.logs.get(&replica) else {
            return;
        };
        let dead: Vec<u64> = log
            .live
            .range(counts)
            .filter(|(_, change)| matches!(change, Change::Hold { .. } | Change::Release { .. }))
            .map(|(count, _)| *count)
            .filter(|count| is_dead(*count))
            .collect();
        for count in dead {
            self.kill(Dot { replica, count });
        }
    }

    pub(super) fn see(&mut self, replica: Replica, first: u64, last: u64) {
        let log = self.logs.entry(replica).or_default();
        log.seen.insert(first, last);
        self.note_seen(replica);
    }

    pub(super) fn is_retired(&self, replica: &Replica) -> bool {
        self.logs
            .get(replica)
            .is_some_and(|log| log.seen.contains(u64::MAX))
    }

    pub(super) fn retire(&mut self, now: Time, old: Replica) -> Result<Delta, WriteError> {
        let change = Change::Retire { life: old.life };
        let count = self.next;
        self.next += 1;
        self.see(self.me, count, count);
        let replica = self.me;
        self.apply(now, Dot { replica, count }, change.clone());
        let live = vec![(count, change)];
        let (first, last) = (count, count);
        let spans = vec![Span {
            replica,
            first,
            last,
            live,
        }];
        Ok(Delta { spans })
    }

    fn end_life(&mut self, old: Replica) {
        if old == self.me {
            return;
        }
        self.void(old, |change| !matches!(change, Change::Record { .. }));
        self.see(old, 1, u64::MAX);
    }

    /// Forgets what a replica said.
    pub(super) fn void(&mut self, replica: Replica, which: impl Fn(&Change) -> bool) {
        let Some(log) = self.logs.get(&replica) else {
            return;
        };
        let dead: Vec<u64> = log
            .live
            .iter()
            .filter(|(_, change)| which(change))
            .map(|(count, _)| *count)
            .collect();
        for count in dead {
            self.kill(Dot { replica, count });
        }
        self.counters.retain(|_, counter| {
            counter.dots.remove(&replica);
            counter.totals = counter
                .totals
                .clone()
                .into_iter()
                .filter(|dot| dot.actor != replica)
                .collect();
            !counter.totals.is_empty()
        });
    }
}
