//! Says to the cluster what this machine has: when that changes, and every few seconds, which costs
//! nothing unless something was lost or stamped by a clock that was wrong.

use crate::core::Core;
use crdt::{NodeFacts, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Runs until it is stopped.
pub(crate) async fn publish(core: Arc<Core>) {
    let mut source = core.facts.clone();
    loop {
        let facts = NodeFacts {
            name: core.name.clone(),
            address: core.address.to_string(),
            wire_version: core.endpoint.speaks(),
            ..source.borrow_and_update().clone()
        };
        let pause = match core.write(Write::Facts(facts)).await {
            Ok(()) => AGAIN,
            Err(error) => {
                tracing::warn!(%error, "the cluster does not know yet what this node has");
                RETRY
            }
        };
        tokio::select! {
            // Facts whose source is gone stay as they are.
            Ok(()) = source.changed() => {}
            () = sleep(pause) => {}
        }
    }
}

const AGAIN: Duration = Duration::from_secs(5);
/// A store that is being restarted is back by then.
const RETRY: Duration = Duration::from_millis(500);
