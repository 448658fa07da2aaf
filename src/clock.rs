//! The one place of the shell that reads the machine's clocks.

use base::Time;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Monotonic time since the clock was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell's one source of monotonic time"
    )]
    pub fn start() -> Clock {
        Clock {
            start: std::time::Instant::now(),
        }
    }

    pub fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Seconds since the Unix epoch, for a job's frozen clock and for names of files.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell's one source of calendar time"
)]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|span| span.as_secs())
        .unwrap_or_default()
}
