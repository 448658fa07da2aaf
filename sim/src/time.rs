//! The simulation's own time. Only the world moves it; traces, histories, disks and calendars are
//! read off it, whatever the clock of one machine says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A shared clock; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct WorldTime(Arc<AtomicU64>);

impl WorldTime {
    /// Since the world began.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }
}

/// How wrong one machine's wall clock is: set wrong, and running fast or slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    ahead_us: i64,
    drift_ppm: i64,
    /// Since when it drifts.
    since: Duration,
}

impl Calendar {
    /// Sets the clock this far apart from the right time; it drifts on from there.
    pub(crate) fn set(&mut self, now: Duration, ahead_ms: i64) {
        self.ahead_us = ahead_ms.saturating_mul(1000);
        self.since = now;
    }

    pub(crate) fn drift(&mut self, now: Duration, ppm: i64) {
        self.ahead_us = self.ahead_us(now);
        self.since = now;
        self.drift_ppm = ppm;
    }

    /// What the clock shows at the right time `unix`.
    pub(crate) fn shows(&self, unix: Duration, now: Duration) -> Duration {
        let ahead = self.ahead_us(now);
        let apart = Duration::from_micros(ahead.unsigned_abs());
        if ahead < 0 {
            unix.saturating_sub(apart)
        } else {
            unix + apart
        }
    }

    fn ahead_us(&self, now: Duration) -> i64 {
        let ran = now.saturating_sub(self.since).as_micros();
        let ran = i64::try_from(ran).unwrap_or(i64::MAX);
        let drifted = ran.saturating_mul(self.drift_ppm) / MILLION;
        self.ahead_us.saturating_add(drifted)
    }
}

const MILLION: i64 = 1_000_000;

#[cfg(test)]
mod tests;
