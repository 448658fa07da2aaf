//! The one place where this crate reads a clock; everything else gets a `Time`.
#![expect(
    clippy::disallowed_methods,
    reason = "the shell that hands time to the logic"
)]

use base::Time;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}

/// Milliseconds from `earlier` to `later`.
pub(crate) fn millis(earlier: Time, later: Time) -> f64 {
    later.0.saturating_sub(earlier.0) as f64 / 1e3
}
