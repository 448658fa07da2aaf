//! The cluster's own time: it advances only while somebody leads, is carried by commands, and never
//! goes back. A token's 15 minutes are counted on it, so no machine's wall clock matters.

use base::Time;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// The newest stamp that was applied here, and when.
#[derive(Clone)]
pub(crate) struct ClusterClock(Arc<watch::Sender<(Time, Instant)>>);

impl ClusterClock {
    pub(crate) fn new() -> ClusterClock {
        ClusterClock(Arc::new(watch::Sender::new((Time::ZERO, Instant::now()))))
    }

    pub(crate) fn now(&self) -> Time {
        let (stamp, at) = *self.0.borrow();
        stamp + at.elapsed()
    }

    /// A command with this stamp was applied.
    pub(crate) fn observe(&self, stamp: Time) {
        self.0.send_if_modified(|seen| {
            let later = stamp > seen.0 + seen.1.elapsed();
            if later {
                *seen = (stamp, Instant::now());
            }
            false
        });
    }
}
