//! The wall clock, which only certificates need: they begin and end at dates. Everything else in
//! the cluster counts durations on its own monotonic clock.

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Tells the date; the simulation hands in its own.
pub trait WallClock: Send + Sync + Debug {
    /// Time since the Unix epoch.
    fn unix(&self) -> Duration;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWallClock;

impl WallClock for SystemWallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the shell that owns the wall clock"
    )]
    fn unix(&self) -> Duration {
        let now = std::time::SystemTime::now();
        // A clock before 1970 makes every certificate "not yet valid", which is the right alarm.
        now.duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// The wall clock as rustls wants it.
#[derive(Debug)]
pub(crate) struct TlsTime(pub(crate) Arc<dyn WallClock>);

impl TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.unix()))
    }
}
