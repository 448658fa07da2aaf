//! What a disk must know: which rows changed since the last batch, and a store made from rows.
//!
//! A count must never name two events, even when the disk lost the last writes and the peers did
//! not. So the disk reserves counts ahead: after a crash the numbers go on above the reserved ones.
//! The numbers between stay unseen, and come back from the peers where they were used.

use super::{Store, UNSAVED_MAX};
use crate::records::Floor;
use crate::{Change, Dot, RecordLimits, Replica, Spans, Stamp};
use base::{NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Rows to write in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreBatch {
    pub(crate) puts: Vec<(Dot, Change)>,
    pub(crate) dead: Vec<Dot>,
    pub(crate) seen: Vec<(Replica, Spans)>,
    pub(crate) forgotten: Vec<Replica>,
    pub(crate) meta: Meta,
}

/// Everything that is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub(crate) live: Vec<(Dot, Change)>,
    pub(crate) seen: Vec<(Replica, Spans)>,
    pub(crate) meta: Meta,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) me: Replica,
    pub(crate) reserved: u64,
    pub(crate) last: Stamp,
    pub(crate) floor: Floor,
    pub(crate) gone: Vec<NodeId>,
}

/// What changed since the last batch. Bounded by what is live and what died in between.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaved {
    live: BTreeSet<Dot>,
    dead: BTreeSet<Dot>,
    seen: BTreeSet<Replica>,
    forgotten: BTreeSet<Replica>,
    meta: bool,
    /// As the last batch had it.
    floor: Floor,
}

impl Store {
    /// An empty store that is saved. Takes its first write once its first
    /// batch is on disk.
    pub fn new_saved(me: Replica, limits: RecordLimits) -> Store {
        let mut store = Store::new(me, limits);
        store.reserved = store.next;
        store.unsaved = Some(Unsaved {
            meta: true,
            ..Unsaved::default()
        });
        store
    }

    /// A store as the disk knows it. It too takes writes once its first batch is on disk.
    pub fn load(saved: Saved, limits: RecordLimits, now: Time) -> Store {
        let Saved { live, seen, meta } = saved;
        let mut store = Store::new(meta.me, limits);
        store.gone = meta.gone.into();
        store.clock.follow(meta.last);
        for (replica, spans) in seen {
            store.logs.entry(replica).or_default().seen = spans;
        }
        store.records.raise_floor(meta.floor);
        for (dot, change) in live {
            store.apply(now, dot, change);
        }
        store.next = meta.reserved;
        store.reserved = store.next;
        store.unsaved = Some(Unsaved {
            meta: true,
            ..Unsaved::default()
        });
        store
    }

    /// What must be written so that the disk knows all of this. `None` when it does.
    pub fn take_batch(&mut self) -> Option<StoreBatch> {
        let half_used = self.next + UNSAVED_MAX / 2 > self.reserved;
        let reserved = if half_used {
            self.next + UNSAVED_MAX
        } else {
            self.reserved
        };
        let meta = self.meta(reserved);
        let unsaved = self.unsaved.as_mut()?;
        if unsaved.is_empty() && !half_used {
            return None;
        }
        let floor = meta.floor;
        let after = Unsaved {
            floor,
            ..Unsaved::default()
        };
        let Unsaved {
            live,
            dead,
            seen,
            forgotten,
            ..
        } = std::mem::replace(unsaved, after);
        let content = |dot: &Dot| self.logs.get(&dot.replica)?.live.get(&dot.count).cloned();
        let spans = |replica: &Replica| Some(self.logs.get(replica)?.seen.clone());
        Some(StoreBatch {
            puts: live
                .iter()
                .filter_map(|dot| Some((*dot, content(dot)?)))
                .collect(),
            dead: dead.into_iter().collect(),
            seen: seen.iter().filter_map(|r| Some((*r, spans(r)?))).collect(),
            forgotten: forgotten.into_iter().collect(),
            meta,
        })
    }

    /// The batch is on disk: its reserved counts may be used.
    pub fn batch_saved(&mut self, batch: &StoreBatch) {
        self.reserved = self.reserved.max(batch.meta.reserved);
    }

    /// The batch is not on disk, or not for certain: the next one holds it, too. To write it twice
    /// does no harm, and its reserved counts stay unused.
    pub fn batch_refused(&mut self, batch: &StoreBatch) {
        let Some(unsaved) = self.unsaved.as_mut() else {
            return;
        };
        unsaved.dead.extend(&batch.dead);
        for (dot, _) in &batch.puts {
            // Who died since then stays dead.
            if !unsaved.dead.contains(dot) {
                unsaved.live.insert(*dot);
            }
        }
        unsaved.forgotten.extend(&batch.forgotten);
        for (replica, _) in &batch.seen {
            if !unsaved.forgotten.contains(replica) {
                unsaved.seen.insert(*replica);
            }
        }
        unsaved.meta = true;
    }

    /// The last batch of a store that ends in order: leaves no unused counts behind.
    pub fn take_last_batch(mut self) -> Option<StoreBatch> {
        let next = self.next;
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.meta = true;
        }
        let mut batch = self.take_batch()?;
        batch.meta.reserved = next;
        Some(batch)
    }

    fn meta(&self, reserved: u64) -> Meta {
        Meta {
            me: self.me,
            reserved,
            last: self.clock.last(),
            floor: self.records.floor(),
            gone: self.gone.iter().copied().collect(),
        }
    }

    pub(super) fn note_live(&mut self, dot: Dot) {
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.live.insert(dot);
            unsaved.dead.remove(&dot);
        }
    }

    pub(super) fn note_dead(&mut self, dot: Dot) {
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.live.remove(&dot);
            unsaved.dead.insert(dot);
        }
    }

    pub(super) fn note_seen(&mut self, replica: Replica) {
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.seen.insert(replica);
        }
    }

    pub(super) fn note_forgotten(&mut self, replica: Replica) {
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.seen.remove(&replica);
            unsaved.forgotten.insert(replica);
            unsaved.meta = true;
        }
    }

    /// The floor may have risen.
    pub(super) fn note_meta(&mut self) {
        let floor = self.records.floor();
        if let Some(unsaved) = self.unsaved.as_mut() {
            unsaved.meta |= floor != unsaved.floor;
        }
    }
}

impl Unsaved {
    fn is_empty(&self) -> bool {
        self.live.is_empty()
            && self.dead.is_empty()
            && self.seen.is_empty()
            && self.forgotten.is_empty()
            && !self.meta
    }
}
