//! The grow-only map with bounded retention: recorded replies and cache entries.
//!
//! Newest first, a record is kept while the count and the bytes are within the limits; age evicts
//! by the cluster's time. The newest that is evicted sets the *floor*: it and everything older is
//! gone, and never comes back. The floor only rises, so that eviction commutes with merging: a
//! store's records are a function of the records that it has ever seen, in whatever order (the
//! tests hold it to that).

use crate::{Dot, Replica, Stamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The place of a record in the order of eviction. Unique, since the dot is.
pub(crate) type Place = (Stamp, Replica, u64);

/// The same on all nodes of a cluster: a node with smaller limits evicts for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    pub count: usize,
    /// Of keys and values together.
    pub bytes: usize,
    /// Against the cluster's time.
    pub age: Duration,
}

impl Default for RecordLimits {
    fn default() -> RecordLimits {
        RecordLimits {
            count: RECORD_COUNT,
            bytes: RECORD_BYTES,
            age: RECORD_AGE,
        }
    }
}

/// Everything at or below is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Floor(pub(crate) Option<Place>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    limits: RecordLimits,
    floor: Floor,
    bytes: usize,
    /// Oldest first; the value is the key and the weight.
    order: BTreeMap<Place, (Bytes, usize)>,
    /// Of two records of one key the newer is read; both count until they are evicted.
    keys: BTreeMap<Bytes, BTreeMap<Place, Bytes>>,
}

impl Records {
    pub(crate) fn new(limits: RecordLimits) -> Records {
        Records {
            limits,
            ..Records::default()
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Bytes> {
        self.keys.get(key)?.last_key_value().map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn floor(&self) -> Floor {
        self.floor
    }

    /// Returns who died of it: perhaps the new one itself.
    pub(crate) fn insert(&mut self, place: Place, key: Bytes, value: Bytes) -> Vec<Dot> {
        if self.floor >= Floor(Some(place)) {
            return vec![dot(place)];
        }
        let weight = key.len() + value.len();
        if self.order.insert(place, (key.clone(), weight)).is_none() {
            self.bytes += weight;
            self.keys.entry(key).or_default().insert(place, value);
        }
        self.evict()
    }

    pub(crate) fn raise_floor(&mut self, floor: Floor) -> Vec<Dot> {
        self.floor = self.floor.max(floor);
        self.evict()
    }

    /// Evicts what is older than the age allows at a time.
    pub(crate) fn expire(&mut self, now: Stamp) -> Vec<Dot> {
        let oldest = Stamp(now.0.saturating_sub(self.limits.age.as_micros() as u64));
        // The floor rises to what is evicted and no further, or the floors of two idle nodes would
        // differ by the times at which they looked.
        let old = self.order.range(..(oldest, Replica::default(), 0));
        match old.last() {
            Some((place, _)) => self.raise_floor(Floor(Some(*place))),
            None => Vec::new(),
        }
    }

    /// Those with a later stamp, oldest first.
    pub(crate) fn above(&self, stamp: Stamp) -> impl Iterator<Item = Dot> {
        let first = Stamp(stamp.0.saturating_add(1));
        let later = self.order.range((first, Replica::default(), 0)..);
        later.map(|(place, _)| dot(*place))
    }

    pub(crate) fn forget(&mut self, place: Place) {
        if let Some((key, weight)) = self.order.remove(&place) {
            self.bytes -= weight;
            let versions = self.keys.get_mut(&key);
            let empty = versions.is_some_and(|versions| {
                versions.remove(&place);
                versions.is_empty()
            });
            if empty {
                self.keys.remove(&key);
            }
        }
    }

    fn evict(&mut self) -> Vec<Dot> {
        let mut dead = Vec::new();
        while let Some((place, _)) = self.order.first_key_value() {
            let place = *place;
            let over = self.order.len() > self.limits.count || self.bytes > self.limits.bytes;
            if over {
                self.floor = self.floor.max(Floor(Some(place)));
            }
            if Floor(Some(place)) > self.floor {
                break;
            }
            self.forget(place);
            dead.push(dot(place));
        }
        dead
    }
}

fn dot((_, replica, count): Place) -> Dot {
    Dot { replica, count }
}

/// Replies of a large job a few times over.
const RECORD_COUNT: usize = 100_000;
/// A quarter of a percent of a workstation's memory.
const RECORD_BYTES: usize = 256 << 20;
const RECORD_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
