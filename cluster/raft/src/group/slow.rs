//! When a leader's disk is too slow to lead with. Pure.
//!
//! The leader compares what its own log takes for entries with what the others take to acknowledge
//! them. Theirs holds their fsync and the way there and back, so it is never less than their disk's
//! time: where all disks are slow, or the network is, nobody is faster and nothing moves. It asks
//! for a wide gap, sees it several times in a row and then rests, so that the leadership does not
//! wander after every hiccup.

use base::{NodeId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long entries took since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DiskTimes {
    /// The leader's quickest batch. None where none has ended.
    pub(super) own: Option<Duration>,
    /// The slowest acknowledgement of each node that gave any.
    pub(super) others: BTreeMap<NodeId, Duration>,
}

/// What a leader remembers of its last looks.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowDisk {
    /// Looks in a row that found it too slow.
    looks: u32,
    moved: Option<Time>,
}

impl SlowDisk {
    /// Those whose disks are so much faster that one of them should lead now; mostly nobody.
    pub(super) fn look(&mut self, now: Time, times: &DiskTimes) -> BTreeSet<NodeId> {
        let faster: BTreeSet<NodeId> = match times.own {
            // The one batch of this time is still on its way to the disk: no news.
            None if !times.others.is_empty() => return BTreeSet::new(),
            Some(own) if own >= NOTICED => {
                let others = times.others.iter();
                let faster = others.filter(|(_, theirs)| **theirs * TIMES <= own);
                faster.map(|(node, _)| *node).collect()
            }
            Some(_) | None => BTreeSet::new(),
        };
        if faster.is_empty() {
            self.looks = 0;
            return faster;
        }
        self.looks = self.looks.saturating_add(1);
        let rested = self.moved.is_none_or(|moved| now.since(moved) >= REST);
        if self.looks < LOOKS || !rested {
            return BTreeSet::new();
        }
        self.looks = 0;
        self.moved = Some(now);
        faster
    }
}

/// Below this nobody waits for a disk.
const NOTICED: Duration = Duration::from_millis(10);
/// How many times faster another one must be.
const TIMES: u32 = 10;
/// Looks in a row; they are half a second apart.
const LOOKS: u32 = 4;
/// Between two times that one node gives the leadership away for its disk.
const REST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
