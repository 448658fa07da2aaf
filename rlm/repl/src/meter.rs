//! How long a guest has run: processor time of the thread while the guest is polled. A machine that
//! is busy elsewhere, or a model that is slow, does not use up a block's time. The one place that
//! reads a clock.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Nanoseconds used by the block now running. Shared by the session, the store and the epoch
/// callback.
#[derive(Default)]
pub(crate) struct Meter {
    used: AtomicU64,
    /// Thread time at which the poll now running began; [`OUTSIDE`] between polls.
    entered: AtomicU64,
    limit: AtomicU64,
    stopped: AtomicBool,
}

/// Stops the block that a session runs, from another task: the guest ends at its next tick (10 ms)
/// and what the block did is undone, as when it passes a limit.
#[derive(Clone)]
pub struct Stopper(pub(crate) Arc<Meter>);

impl Stopper {
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

const OUTSIDE: u64 = u64::MAX;

impl Meter {
    pub(crate) fn start(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.limit.store(limit, Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
        self.stopped.store(false, Ordering::Relaxed);
        self.entered.store(OUTSIDE, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> Duration {
        let entered = self.entered.load(Ordering::Relaxed);
        let now = if entered == OUTSIDE {
            0
        } else {
            thread_time().saturating_sub(entered)
        };
        Duration::from_nanos(self.used.load(Ordering::Relaxed).saturating_add(now))
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn exceeded(&self) -> bool {
        self.used() > Duration::from_nanos(self.limit.load(Ordering::Relaxed))
    }

    /// Work that was done for the guest on another thread.
    pub(crate) fn add(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.used.fetch_add(time, Ordering::Relaxed);
    }
}

/// A future whose polls are metered.
pub(crate) struct Metered<F> {
    pub(crate) meter: Arc<Meter>,
    pub(crate) inner: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let start = thread_time();
        self.meter.entered.store(start, Ordering::Relaxed);
        let result = self.inner.as_mut().poll(cx);
        self.meter.entered.store(OUTSIDE, Ordering::Relaxed);
        self.meter
            .add(Duration::from_nanos(thread_time().saturating_sub(start)));
        result
    }
}

/// Runs `work` and tells the processor time that it took on this thread.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = thread_time();
    let value = work();
    let took = thread_time().saturating_sub(start);
    (value, Duration::from_nanos(took))
}

fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * NANOS + u64::try_from(time.tv_nsec).unwrap_or(0)
}

const NANOS: u64 = 1_000_000_000;
