//! What this node wrote under a clock that was far ahead, said again.
//!
//! A node that starts with a wrong clock stamps by it until it has heard what time it is. No peer
//! takes such a stamp before its time has come, which may be hours away; until then a write that
//! was answered is on one disk alone. Holding such writes back until a peer is heard would stop
//! a node that is alone, so they are corrected instead: once the clocks of two peers are known, own
//! events whose stamps are beyond the cluster's time end, and new ones with the same content and a
//! stamp of now take their places, in their order. Nobody took the old ones, and whoever did (its
//! clock was wrong, too) finds out by comparing.
//!
//! One peer is not enough: of two clocks nobody knows which one is wrong, and to date a record back
//! by the other's mistake would let it grow old early. Nor is anything said again at or below
//! what was evicted: it would be gone at once.

use super::{Store, UNSAVED_MAX};
use crate::clock::MAX_AHEAD;
use crate::{Change, Delta, Dot, Stamp, Write, WriteError};
use base::Time;

impl Store {
    /// Says again what no peer takes, some of it at a time. What comes back is to be pushed.
    pub(crate) fn restamp(&mut self, now: Time) -> Delta {
        let mut again = Delta::default();
        if !self.clock.is_sure() {
            return again;
        }
        let real = self.clock.real(now);
        let limit = Stamp((real + MAX_AHEAD).0);
        self.restamp_facts(now, limit, &mut again);
        let floor = self.records.floor().0;
        if floor.is_some_and(|(stamp, ..)| stamp.0 >= real.0) {
            return again;
        }
        let me = self.me;
        let untaken = self.records.above(limit);
        let untaken: Vec<Dot> = untaken
            .filter(|dot| dot.replica == me)
            .take(TOGETHER)
            .collect();
        for dot in untaken {
            match self.say_again(now, dot) {
                Ok(delta) => again.spans.extend(delta.spans),
                // The disk is behind. The next letter goes on here.
                Err(_) => break,
            }
        }
        again
    }

    fn restamp_facts(&mut self, now: Time, limit: Stamp, again: &mut Delta) {
        let me = self.me;
        let register = self.facts.get(&me.node);
        let untaken = register
            .is_some_and(|register| register.val.replica == me && register.marker.0 > limit);
        // A write of the same facts is a new one where the old stamp is void.
        if untaken
            && let Some(facts) = self.facts(&me.node).cloned()
            && let Ok(delta) = self.write(now, Write::Facts(facts))
        {
            again.spans.extend(delta.spans);
        }
    }

    fn say_again(&mut self, now: Time, dot: Dot) -> Result<Delta, WriteError> {
        let log = self.logs.get(&dot.replica);
        let change = log.and_then(|log| log.live.get(&dot.count)).cloned();
        let Some(Change::Record { key, value, .. }) = change else {
            return Ok(Delta::default());
        };
        // Before the old one ends: the two go to the disk together or not at all.
        if self.next >= self.reserved {
            return Err(WriteError::Unsaved(UNSAVED_MAX));
        }
        self.kill(dot);
        self.write(now, Write::Record { key, value })
    }
}

/// Records said again for one letter of a peer: below what may wait for the disk.
const TOGETHER: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RecordLimits, Replica, StoreDigest};
    use base::NodeId;
    use bytes::Bytes;

    const NOW: Time = Time(1_763_000_000_000_000);
    const AHEAD: Time = Time(NOW.0 + 3_600_000_000);

    fn node(i: u8) -> NodeId {
        NodeId([i; 16])
    }

    fn store(i: u8) -> Store {
        let me = Replica {
            node: node(i),
            life: 1,
        };
        Store::new(me, RecordLimits::default())
    }

    fn record(key: &'static str) -> Write {
        Write::Record {
            key: Bytes::from(key),
            value: Bytes::from("v"),
        }
    }

    fn everything(store: &Store) -> Delta {
        let all = store.news_for(&StoreDigest::default());
        store.delta(&all, usize::MAX)
    }

    #[test]
    fn what_was_stamped_ahead_is_said_again_once_two_clocks_are_known() {
        let (mut a, mut b) = (store(1), store(2));
        a.write(AHEAD, record("first")).unwrap();
        a.write(AHEAD, record("second")).unwrap();
        let (_, rejected) = b.merge(NOW, everything(&a));
        assert!(rejected.is_some() && b.record(b"first").is_none());
        a.heard_clock(node(2), AHEAD, NOW);
        assert!(a.restamp(AHEAD).is_empty(), "one of two clocks is wrong");
        a.heard_clock(node(3), AHEAD, NOW);
        let again = a.restamp(AHEAD);
        assert_eq!(again.spans.len(), 2);
        let (_, rejected) = b.merge(NOW, again);
        assert_eq!(rejected, None);
        for key in [b"first".as_slice(), b"second"] {
            assert_eq!(a.record(key), Some(&Bytes::from("v")));
            assert_eq!(b.record(key), a.record(key));
        }
        assert!(a.restamp(AHEAD).is_empty(), "once is enough");
        // The old ones are over for both.
        let (_, rejected) = b.merge(NOW, everything(&a));
        assert_eq!((rejected, a.record_size().0), (None, 2));
        assert_eq!(a.root(), b.root());
    }

    #[test]
    fn a_right_clock_says_nothing_again() {
        let mut a = store(1);
        a.write(NOW, record("k")).unwrap();
        // One peer is a year behind, which the median of three outvotes.
        a.heard_clock(node(2), NOW, Time(NOW.0 - 365 * 24 * 3_600_000_000));
        a.heard_clock(node(3), NOW, NOW);
        assert!(a.restamp(NOW).is_empty());
    }

    #[test]
    fn what_waits_for_the_disk_waits_with_its_old_stamp() {
        let mut a = Store::new_saved(store(1).me(), RecordLimits::default());
        let batch = a.take_batch().unwrap();
        a.batch_saved(&batch);
        a.write(AHEAD, record("k")).unwrap();
        a.heard_clock(node(2), AHEAD, NOW);
        a.heard_clock(node(3), AHEAD, NOW);
        let reserved = std::mem::replace(&mut a.reserved, a.next);
        assert!(a.restamp(AHEAD).is_empty());
        assert!(a.record(b"k").is_some(), "nothing was given up for it");
        a.reserved = reserved;
        assert_eq!(a.restamp(AHEAD).spans.len(), 1);
        // Both halves of the correction are in one batch.
        let batch = a.take_batch().unwrap();
        let (old, new) = (batch.dead.first(), batch.puts.first());
        assert_eq!(old.map(|dot| dot.count), Some(1));
        assert_eq!(new.map(|(dot, _)| dot.count), Some(2));
    }
}
