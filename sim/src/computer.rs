//! One machine's processor and its monotonic clock: a runtime of its own, which the world moves
//! tick by tick. So a machine can stand still, or its clock run fast or slow, while its network
//! card and everybody else go on; a host of turmoil's can do neither.
//!
//! A pause is what SIGSTOP, a suspended virtual machine or a starved scheduler do: no task runs,
//! the card's buffers fill, and at the end tasks find that the monotonic clock has leapt, all
//! timers are due at once and old datagrams wait. Not simulated: a pause between two instructions
//! (it falls between two polls), a disk that ends its writes meanwhile (they were done before), and
//! a guest whose monotonic clock stood still too.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, RngSeed, Runtime, UnhandledPanic};
use tokio::task::LocalSet;
use tokio::time::{advance, sleep};

pub(crate) struct Computer {
    /// Each start has its own seed for the scheduler.
    seeds: ChaCha8Rng,
    running: Option<Running>,
    still_until: Option<Duration>,
    /// Time of a pause that the clock has not shown yet.
    missed: Duration,
    drift_ppm: i64,
    /// Millionths of a tick by which the clock should be ahead and is not yet.
    owed: i64,
    strayed: u64,
}

// The runtime goes first, as tasks of the set may be woken by its own.
struct Running {
    runtime: Runtime,
    tasks: LocalSet,
}

impl Computer {
    pub(crate) fn new(seed: u64) -> Computer {
        Computer {
            seeds: ChaCha8Rng::seed_from_u64(seed),
            running: None,
            still_until: None,
            missed: Duration::ZERO,
            drift_ppm: 0,
            owed: 0,
            strayed: 0,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// # Errors
    /// When the process has no room for another runtime.
    pub(crate) fn start(&mut self, life: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let seed: [u8; 32] = self.seeds.random();
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .rng_seed(RngSeed::from_bytes(&seed))
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()?;
        let mut tasks = LocalSet::new();
        tasks.unhandled_panic(UnhandledPanic::ShutdownRuntime);
        let running = Running { runtime, tasks };
        // Brings the clock to a whole millisecond, as timers are.
        running.run_for(TICK);
        running.run(async {
            tokio::task::spawn_local(life);
        });
        self.running = Some(running);
        Ok(())
    }

    /// Everything on it is gone at once.
    pub(crate) fn stop(&mut self) {
        self.running = None;
        self.still_until = None;
        self.missed = Duration::ZERO;
    }

    /// No task of it runs before `until`, or before [`Computer::wake`].
    pub(crate) fn pause(&mut self, until: Duration) {
        if self.is_on() {
            self.still_until = Some(until);
        }
    }

    pub(crate) fn stands_still(&self) -> bool {
        self.still_until.is_some()
    }

    /// Whether a pause ends now.
    pub(crate) fn wakes(&self, now: Duration) -> bool {
        self.still_until.is_some_and(|until| until <= now)
    }

    /// Ends a pause: the clock shows at once what it has missed.
    pub(crate) fn wake(&mut self) {
        self.still_until = None;
        let missed = std::mem::take(&mut self.missed);
        if let Some(running) = &self.running
            && !missed.is_zero()
        {
            running.run(advance(missed));
        }
    }

    /// From now on its clock gains that many millionths.
    pub(crate) fn drift(&mut self, ppm: i64) {
        self.drift_ppm = ppm;
    }

    /// Ticks by which the drift has moved the clock.
    pub(crate) fn strayed(&self) -> u64 {
        self.strayed
    }

    /// One tick of the world.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.wakes(now) {
            self.wake();
        }
        if self.stands_still() {
            self.missed += TICK;
            return;
        }
        let ticks = self.ticks();
        if let Some(running) = &self.running
            && ticks > 0
        {
            running.run_for(TICK * ticks);
        }
    }

    /// Of the machine's own clock, for one tick of the world.
    fn ticks(&mut self) -> u32 {
        self.owed += self.drift_ppm;
        let ticks = match self.owed {
            MILLION.. => 2,
            ..=MINUS_MILLION => 0,
            _ => return 1,
        };
        self.owed += if ticks == 2 { MINUS_MILLION } else { MILLION };
        self.strayed += 1;
        ticks
    }
}

impl Running {
    fn run<T>(&self, some: impl Future<Output = T>) -> T {
        self.runtime.block_on(self.tasks.run_until(some))
    }

    /// As turmoil does: what is ready runs, the clock moves, and what became ready waits.
    fn run_for(&self, span: Duration) {
        self.run(async move { sleep(span).await });
    }
}

/// As the world's.
const TICK: Duration = Duration::from_millis(1);
const MILLION: i64 = 1_000_000;
const MINUS_MILLION: i64 = -MILLION;

#[cfg(test)]
mod tests;
