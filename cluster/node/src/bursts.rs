//! Waiting for the ledger to change, for those who act on who is a member. Under load it changes
//! thousands of times a second, nearly always in jobs; looking at each change cost more processor
//! than the commits did.

use raft::ledger::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// Waits for a change, at most until `wake`, and then a moment, so that one look serves a burst.
/// False once the group has ended.
pub(crate) async fn next(state: &mut watch::Receiver<Arc<State>>, wake: Instant) -> bool {
    tokio::select! {
        changed = state.changed() => {
            if changed.is_err() {
                return false;
            }
            sleep(SETTLE).await;
            state.mark_unchanged();
        }
        () = sleep_until(wake) => {}
    }
    true
}

/// Far below what anybody waits for a change of the members; one look in it costs nothing.
const SETTLE: Duration = Duration::from_millis(10);
