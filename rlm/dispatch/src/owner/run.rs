//! Tries under way: a task each, which always ends, even when its engine hangs or panics.

use super::TryOutcome;
use crate::core::{TicketId, Verdict};
use base::Finish;
use engine::{CancellationToken, ChatRequest, Engine, EngineError, Reply};
use futures::FutureExt;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

#[derive(Debug, Default)]
pub(super) struct Runs {
    tasks: JoinSet<(TicketId, TryOutcome)>,
    stops: BTreeMap<TicketId, CancellationToken>,
}

impl Runs {
    pub(super) fn start(
        &mut self,
        ticket: TicketId,
        engine: Arc<dyn Engine>,
        request: Arc<ChatRequest>,
        limit: Duration,
    ) {
        let stop = CancellationToken::new();
        self.stops.insert(ticket, stop.clone());
        self.tasks
            .spawn(async move { (ticket, ask(&*engine, &request, limit, &stop).await) });
    }

    pub(super) fn stop(&mut self, ticket: TicketId) {
        if let Some(stop) = self.stops.get(&ticket) {
            stop.cancel();
        }
    }

    /// The next try that ends; `None` when there is none under way.
    pub(super) async fn next(&mut self) -> Option<(TicketId, TryOutcome)> {
        loop {
            // Tasks catch their panics and are never aborted one by one, so an error is not seen.
            if let Ok((ticket, outcome)) = self.tasks.join_next().await? {
                self.stops.remove(&ticket);
                return Some((ticket, outcome));
            }
        }
    }
}

/// What the outcome of a try means for the ticket.
pub(super) fn verdict(outcome: &TryOutcome) -> Verdict {
    match outcome {
        Err(EngineError::Died {
            asked_again: false, ..
        }) => Verdict::Died,
        Err(EngineError::Deadline { .. }) => Verdict::Deadline,
        Err(EngineError::Busy { retry_after_ms, .. }) => Verdict::MayPass {
            wish: retry_after_ms.map(Duration::from_millis),
        },
        Err(error) if error.retryable() => Verdict::MayPass { wish: None },
        Ok(_) | Err(_) => Verdict::Final,
    }
}

async fn ask(
    engine: &dyn Engine,
    request: &ChatRequest,
    limit: Duration,
    stop: &CancellationToken,
) -> TryOutcome {
    let mut partial = String::new();
    let outcome = {
        let mut sink = |text: &str| {
            partial.push_str(text);
            true
        };
        let asked = AssertUnwindSafe(engine.chat(request, &mut sink, limit, stop)).catch_unwind();
        tokio::select! {
            outcome = asked => Some(outcome),
            () = overdue(limit, stop) => None,
        }
    };
    match outcome {
        Some(Ok(outcome)) => outcome.and_then(|reply| whole(reply, stop)),
        Some(Err(_)) => {
            let reason = "the engine's code panicked".to_owned();
            Err(EngineError::Died {
                reason,
                partial,
                asked_again: false,
            })
        }
        None => Err(EngineError::Deadline { partial }),
    }
}

/// A reply that was cut off although nobody asked for that is a fault.
fn whole(reply: Reply, stop: &CancellationToken) -> TryOutcome {
    if reply.finish == Finish::Cancelled && !stop.is_cancelled() {
        let reason = "it stopped before the reply was complete".to_owned();
        return Err(EngineError::Died {
            reason,
            partial: reply.text,
            asked_again: false,
        });
    }
    Ok(reply)
}

/// Ends a while after the engine should have ended by itself.
async fn overdue(limit: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(limit.saturating_add(HANG)) => {}
        () = async { stop.cancelled().await; tokio::time::sleep(HANG).await } => {}
    }
}

/// How long an engine may take to heed its deadline or a cancellation before its future is dropped;
/// less than `core::LATE`, so that what it wrote still reaches the asker.
const HANG: Duration = Duration::from_millis(250);
