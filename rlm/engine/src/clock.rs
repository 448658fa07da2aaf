//! The one place of this crate that reads a clock: to measure where a call's time went. It follows
//! the runtime's clock, so a test that steps time steps this one, too.

use std::time::Duration;
use tokio::time::Instant;

/// Time since it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn millis(self) -> f64 {
        self.elapsed().as_secs_f64() * 1000.0
    }
}
