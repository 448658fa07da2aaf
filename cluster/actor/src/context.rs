//! What an actor's loop is given: its stop, its clock, its signs of life.

use crate::vitals::Vitals;
use base::Time;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Clones belong to the same life of the same actor.
#[derive(Clone, Debug)]
pub struct ActorContext {
    pub(crate) path: Arc<str>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) ready: Arc<watch::Sender<bool>>,
}

impl ActorContext {
    /// The names from the root down, joined by `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Time since the tree's start, on tokio's clock.
    pub fn now(&self) -> Time {
        self.vitals.clock().now()
    }

    /// The start is over; see [`Worker::ready_within`](crate::Worker::ready_within).
    pub fn ready(&self) {
        self.ready.send_replace(true);
    }

    /// Shows that the loop moves.
    pub fn pulse(&self) {
        self.vitals.pulse();
    }

    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns when the actor shall stop: clean up and return.
    pub async fn stopping(&self) {
        asked(&self.stop).await;
    }

    /// Does some work, with a pulse as long as it goes on; `None` when the actor shall stop before
    /// the work's end. For a loop that reads no letters.
    pub async fn pulsing<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            self.pulse();
            tokio::select! {
                biased;
                () = self.stopping() => return None,
                done = &mut work => return Some(done),
                () = tokio::time::sleep(PULSE_EVERY) => {}
            }
        }
    }
}

/// Returns when the sender said `true`, or went away.
pub(crate) async fn asked(signal: &watch::Receiver<bool>) {
    let mut signal = signal.clone();
    // An error means that the sender is gone, which asks for a stop as well.
    drop(signal.wait_for(|asked| *asked).await);
}

/// An idle actor shows that it lives this often.
pub(crate) const PULSE_EVERY: Duration = Duration::from_secs(1);
