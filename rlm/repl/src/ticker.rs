//! The thread that advances the engine's epoch while blocks run, so that they can be stopped and
//! yield their executor thread. It sleeps when nothing runs and ends with its owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use wasmtime::Engine;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    stop: AtomicBool,
}

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> Ticker {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            while !seen.stop.load(Ordering::Acquire) {
                if seen.running.load(Ordering::Acquire) == 0 {
                    thread::park();
                } else {
                    thread::park_timeout(TICK);
                    engine.increment_epoch();
                }
            }
        });
        Ticker {
            shared,
            thread: Some(thread),
        }
    }

    /// Ticks come for as long as the guard lives.
    pub(crate) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::AcqRel);
        self.wake();
        Running(&self.shared.running)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

pub(crate) struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(!matches!(ended, Some(Err(_))), "the ticker does not panic");
    }
}

/// How often a guest gives its executor thread back, and the grain of the time limit.
const TICK: Duration = Duration::from_millis(10);
