//! A hybrid logical clock: near the real time, and above everything this node has heard of.
//!
//! `now` is microseconds since the Unix epoch on every node (the shell reads the wall clock once at
//! its start and adds monotonic time). No wall clock is trusted: the median of the offsets to the
//! peers corrects the own one, and a stamp too far ahead is not taken at all, so that a node with a
//! wrong clock never wins by it.

use base::{NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A time of the hybrid clock, in microseconds. Two replicas may draw the same: the replica
/// decides.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Stamp(pub u64);

#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    last: Stamp,
    /// Peer's clock less ours, microseconds, as last heard.
    offsets: BTreeMap<NodeId, i64>,
}

impl Clock {
    /// A stamp above every one before.
    pub(crate) fn tick(&mut self, now: Time) -> Stamp {
        let real = Stamp(self.real(now).0);
        // Own stamps of a time when this node's clock was wrong do not count: nobody took them.
        self.last = if self.is_beyond(now, self.last) {
            real
        } else {
            real.max(Stamp(self.last.0 + 1))
        };
        self.last
    }

    /// Takes note of a stamp, or says how far it is ahead when that is too far.
    pub(crate) fn witness(&mut self, now: Time, stamp: Stamp) -> Result<(), Duration> {
        let ahead = Time(stamp.0).since(self.real(now));
        if ahead > MAX_AHEAD {
            return Err(ahead);
        }
        self.last = self.last.max(stamp);
        Ok(())
    }

    /// Whether a stamp is so far ahead that no peer takes it.
    pub(crate) fn is_beyond(&self, now: Time, stamp: Stamp) -> bool {
        Time(stamp.0).since(self.real(now)) > MAX_AHEAD
    }

    pub(crate) fn has_heard(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// Whether one wrong clock, the own one or a peer's, is outvoted.
    pub(crate) fn is_sure(&self) -> bool {
        self.offsets.len() >= 2
    }

    /// The next own stamp must be above this one.
    pub(crate) fn follow(&mut self, stamp: Stamp) {
        self.last = self.last.max(stamp);
    }

    pub(crate) fn last(&self) -> Stamp {
        self.last
    }

    /// The time by the median of the clocks of all peers and the own one; of an even number the
    /// lower, on which both nodes of a pair agree.
    pub(crate) fn real(&self, now: Time) -> Time {
        let mut offsets: Vec<i64> = self.offsets.values().copied().collect();
        offsets.push(0);
        let middle = (offsets.len() - 1) / 2;
        let (_, median, _) = offsets.select_nth_unstable(middle);
        // The way a message takes shows as an offset, and is none.
        if median.unsigned_abs() < SMALL_OFFSET.as_micros() as u64 {
            return now;
        }
        Time(now.0.saturating_add_signed(*median))
    }

    pub(crate) fn heard(&mut self, from: NodeId, now: Time, theirs: Time) {
        let offset = (i128::from(theirs.0) - i128::from(now.0))
            .clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2));
        self.offsets.insert(from, offset as i64);
    }

    /// Peers that are gone say nothing about the time.
    pub(crate) fn keep(&mut self, is_peer: impl Fn(&NodeId) -> bool) {
        self.offsets.retain(|node, _| is_peer(node));
    }
}

/// How far ahead of the cluster's time a stamp may be. More than any drift between two corrections,
/// and little enough that what slipped in loses again within a minute.
pub(crate) const MAX_AHEAD: Duration = Duration::from_secs(60);
/// Offsets below are taken for the message's way.
const SMALL_OFFSET: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn node(i: u8) -> NodeId {
        NodeId([i; 16])
    }

    const HOUR: u64 = 3_600_000_000;

    #[test]
    fn a_stamp_is_above_all_before_even_when_time_stands() {
        let mut clock = Clock::default();
        let now = Time(5 * HOUR);
        let first = clock.tick(now);
        assert!(clock.tick(now) > first);
        let heard = Stamp(now.0 + 1_000_000);
        clock.witness(now, heard).unwrap();
        assert!(clock.tick(now) > heard);
    }

    #[test]
    fn a_clock_that_was_wrong_starts_again() {
        let mut clock = Clock::default();
        let now = Time(5 * HOUR);
        assert_eq!(clock.tick(Time(9 * HOUR)), Stamp(9 * HOUR));
        assert_eq!(clock.tick(now), Stamp(now.0));
        assert!(!clock.has_heard() && clock.is_beyond(now, Stamp(6 * HOUR)));
    }

    #[test]
    fn a_stamp_far_ahead_is_refused_and_leaves_no_mark() {
        let mut clock = Clock::default();
        let now = Time(5 * HOUR);
        let ahead = clock.witness(now, Stamp(now.0 + HOUR)).unwrap_err();
        assert_eq!(ahead, Duration::from_secs(3600));
        assert_eq!(clock.tick(now), Stamp(now.0));
    }

    #[test]
    fn the_median_corrects_one_wrong_clock() {
        let real = 10 * HOUR;
        // Ours is an hour behind: everybody else says so.
        let mut behind = Clock::default();
        let now = Time(real - HOUR);
        (1..=4).for_each(|i| behind.heard(node(i), now, Time(real)));
        assert_eq!(behind.real(now), Time(real));
        // One of four peers is an hour ahead: nobody follows.
        let mut right = Clock::default();
        (1..=3).for_each(|i| right.heard(node(i), Time(real), Time(real)));
        right.heard(node(4), Time(real), Time(real + HOUR));
        assert_eq!(right.real(Time(real)), Time(real));
        // Two nodes agree on the slower clock.
        let (mut a, mut b) = (Clock::default(), Clock::default());
        a.heard(node(2), Time(real), Time(real + HOUR));
        b.heard(node(1), Time(real + HOUR), Time(real));
        assert_eq!(a.real(Time(real)), b.real(Time(real + HOUR)));
        a.heard(node(2), Time(0), Time(u64::MAX));
        assert_eq!(a.real(Time(7)), Time(7));
    }
}
