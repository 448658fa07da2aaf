//! Comparing two stores without sending them: a hash of everything, then one row per replica, then
//! the dots that are live.

use super::Store;
use crate::dot::mix;
use crate::records::Floor;
use crate::{Change, Delta, Replica, Span, Spans};
use base::NodeId;
use serde::{Deserialize, Serialize};

/// One replica's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaDigest {
    pub replica: Replica,
    pub seen: Spans,
    /// Of the live dots.
    pub hash: u64,
}

/// Everything that two stores must agree on to be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDigest {
    pub rows: Vec<ReplicaDigest>,
    pub floor: Floor,
}

impl Store {
    /// One number: equal for equal stores, and for hardly any others.
    pub fn root(&self) -> u64 {
        let mut root = 0;
        for (replica, log) in &self.logs {
            let name = crate::Dot {
                replica: *replica,
                count: 0,
            }
            .hash();
            let seen = log
                .seen
                .iter()
                .fold(name, |hash, (first, last)| mix(mix(hash ^ first) ^ last));
            root = mix(root ^ seen ^ log.hash.rotate_left(1));
        }
        match self.records.floor().0 {
            Some((stamp, replica, count)) => {
                mix(root ^ stamp.0 ^ crate::Dot { replica, count }.hash())
            }
            None => root,
        }
    }

    pub fn digest(&self) -> StoreDigest {
        let rows = self.logs.iter().map(|(replica, log)| ReplicaDigest {
            replica: *replica,
            seen: log.seen.clone(),
            hash: log.hash,
        });
        StoreDigest {
            rows: rows.collect(),
            floor: self.records.floor(),
        }
    }

    pub(crate) fn floor(&self) -> Floor {
        self.records.floor()
    }

    pub(crate) fn merge_floor(&mut self, floor: Floor, now: base::Time) {
        // A floor is a stamp: one too far ahead would empty the records of all.
        let Some((stamp, ..)) = floor.0 else { return };
        if self.clock.witness(now, stamp).is_ok() {
            for dot in self.records.raise_floor(floor) {
                self.kill(dot);
            }
            self.note_meta();
        }
    }

    /// What of these dots was not seen here. Nothing of what a removed node wrote is missed.
    pub fn missing(&self, replica: &Replica, theirs: &Spans) -> Spans {
        if self.gone.contains(&replica.node) || !theirs.is_sound() {
            return Spans::default();
        }
        match self.logs.get(replica) {
            Some(log) => theirs.minus(&log.seen),
            None => theirs.clone(),
        }
    }

    /// What was seen here and is not in the rows that a peer sent.
    pub fn news_for(&self, theirs: &StoreDigest) -> Vec<(Replica, Spans)> {
        let mut news = Vec::new();
        for (replica, log) in &self.logs {
            let at = theirs.rows.binary_search_by_key(replica, |row| row.replica);
            let new = match at {
                Ok(at) => log.seen.minus(&theirs.rows[at].seen),
                Err(_) => log.seen.clone(),
            };
            if !new.is_empty() {
                news.push((*replica, new));
            }
        }
        news
    }

    /// The rows where both have seen the same and yet not the same is live.
    pub(crate) fn disputes(&self, theirs: &StoreDigest) -> Vec<Replica> {
        let rows = theirs.rows.iter();
        rows.filter(|row| {
            let log = self.logs.get(&row.replica);
            log.is_some_and(|log| log.seen == row.seen && log.hash != row.hash)
        })
        .map(|row| row.replica)
        .collect()
    }

    /// The live dots of a replica, releases excepted, with what was seen.
    pub(crate) fn alive(&self, replica: &Replica) -> (Spans, Vec<u64>) {
        let Some(log) = self.logs.get(replica) else {
            return Default::default();
        };
        let lasting = log
            .live
            .iter()
            .filter(|(_, change)| !matches!(change, Change::Release { .. }));
        (log.seen.clone(), lasting.map(|(count, _)| *count).collect())
    }

    /// A peer has seen `seen`, and of it only `counts` are live there: the rest dies here too.
    /// True when this store knows of deaths that the peer does not.
    pub(crate) fn bury(&mut self, replica: Replica, seen: &Spans, counts: &[u64]) -> bool {
        let is_dead = |count: u64| seen.contains(count) && counts.binary_search(&count).is_err();
        let Some(log) = self.logs.get(&replica) else {
            return false;
        };
        let dead: Vec<u64> = log
            .live
            .iter()
            .filter(|(_, change)| !matches!(change, Change::Release { .. }))
            .map(|(count, _)| *count)
            .filter(|count| is_dead(*count))
            .collect();
        let knows_more = counts
            .iter()
            .any(|count| log.seen.contains(*count) && !log.live.contains_key(count));
        for count in dead {
            self.kill(crate::Dot { replica, count });
        }
        knows_more
    }

    /// The content of dots that were seen here, up to about that many bytes (one event at least);
    /// dots that were not seen here are left out.
    pub fn delta(&self, wants: &[(Replica, Spans)], max_bytes: usize) -> Delta {
        let mut delta = Delta::default();
        let mut left = max_bytes;
        for (replica, spans) in wants {
            let Some(log) = self.logs.get(replica) else {
                continue;
            };
            // What both have seen: the wanted, less the wanted that is not here.
            let known = spans.minus(&spans.minus(&log.seen));
            for (first, last) in known.iter() {
                let mut span = Span {
                    replica: *replica,
                    first,
                    last,
                    live: Vec::new(),
                };
                left = left.saturating_sub(SPAN_BYTES);
                for (count, change) in log.live.range(first..=last) {
                    let weight = change.weight();
                    if weight > left && !(delta.is_empty() && span.live.is_empty()) {
                        // Speaks only about what comes before the first event that has no room.
                        span.last = count - 1;
                        if span.first <= span.last {
                            delta.spans.push(span);
                        }
                        return delta;
                    }
                    left = left.saturating_sub(weight);
                    span.live.push((*count, change.clone()));
                }
                delta.spans.push(span);
                if left == 0 {
                    return delta;
                }
            }
        }
        delta
    }

    /// Lives that nobody needs to hear of twice: for the view of a person.
    pub fn lives(&self, node: &NodeId) -> usize {
        self.logs
            .keys()
            .filter(|replica| replica.node == *node)
            .count()
    }
}

const SPAN_BYTES: usize = 32;
