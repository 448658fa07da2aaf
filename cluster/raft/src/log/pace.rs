//! How long the disk takes for a batch: told by the log's writer, asked by whoever decides whether
//! this is a disk to lead with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The quickest batch since the last question. The quickest, since a hiccup among quick ones says
/// nothing of the disk. Clones share it.
#[derive(Clone)]
pub(crate) struct Pace(Arc<AtomicU64>);

impl Default for Pace {
    fn default() -> Pace {
        Pace(Arc::new(AtomicU64::new(NONE)))
    }
}

impl Pace {
    /// A batch was durable so long after its writing began.
    pub(crate) fn wrote(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(NONE);
        self.0.fetch_min(micros, Ordering::Relaxed);
    }

    /// None where no batch has ended since the last question.
    pub(crate) fn quickest(&self) -> Option<Duration> {
        let micros = self.0.swap(NONE, Ordering::Relaxed);
        (micros != NONE).then(|| Duration::from_micros(micros))
    }
}

const NONE: u64 = u64::MAX;
