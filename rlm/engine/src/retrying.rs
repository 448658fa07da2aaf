//! Wraps an engine so that calls that failed for a passing reason are asked again, as the policy
//! says and within the caller's deadline. Invariant: a sink never gets a piece twice; once text has
//! reached it, the call is asked again only if the sink can start over.

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::clock::Stopwatch;
use crate::retry::RetryPolicy;
use base::{Finish, Usage};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An engine whose passing failures are tried again.
#[derive(Debug)]
pub struct Retrying<E> {
    inner: E,
    policy: RetryPolicy,
    /// Spreads the waits of engines that fail at the same moment.
    seed: u64,
}

impl<E: Engine> Retrying<E> {
    pub fn new(inner: E, policy: RetryPolicy, seed: u64) -> Retrying<E> {
        Retrying {
            inner,
            policy,
            seed,
        }
    }

    /// Waits as the policy says; the error comes back when it is final.
    async fn pause(
        &self,
        attempt: u32,
        error: EngineError,
        left: Duration,
    ) -> Result<(), EngineError> {
        let Some(wait) = self.policy.wait(attempt, &error, left, self.seed) else {
            return Err(error);
        };
        tracing::info!(%error, attempt, wait_ms = wait.as_millis() as u64, "asked again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Passes pieces on and remembers whether any came.
struct Noticing<'a> {
    sink: &'a mut dyn TextSink,
    pushed: bool,
}

impl TextSink for Noticing<'_> {
    fn push(&mut self, text: &str) -> bool {
        self.pushed = true;
        self.sink.push(text)
    }

    fn restart(&mut self) -> bool {
        self.pushed = false;
        self.sink.restart()
    }
}

#[async_trait::async_trait]
impl<E: Engine> Engine for Retrying<E> {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        let mut attempt = 1;
        loop {
            match self.inner.facts().await {
                Err(error) => self.pause(attempt, error, FACTS_PATIENCE).await?,
                facts => return facts,
            }
            attempt += 1;
        }
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let watch = Stopwatch::start();
        let mut noticing = Noticing {
            sink,
            pushed: false,
        };
        let mut attempt = 1;
        loop {
            let left = deadline.saturating_sub(watch.elapsed());
            let error = match self.inner.chat(request, &mut noticing, left, cancel).await {
                Ok(mut reply) => {
                    if attempt > 1 {
                        // The waits and failed attempts were time in which nothing was computed.
                        let worked = reply.timings.prefill_ms + reply.timings.decode_ms;
                        reply.timings.queue_ms = (watch.millis() - worked).max(0.0);
                    }
                    return Ok(reply);
                }
                Err(error) => error,
            };
            if noticing.pushed && !noticing.restart() {
                return Err(error);
            }
            let left = deadline.saturating_sub(watch.elapsed());
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(cancelled(&error)),
                paused = self.pause(attempt, error.clone(), left) => paused?,
            }
            attempt += 1;
        }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut attempt = 1;
        loop {
            match self.inner.embed(texts).await {
                Err(error) => self.pause(attempt, error, EMBED_PATIENCE).await?,
                vectors => return vectors,
            }
            attempt += 1;
        }
    }

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        self.inner.count_tokens(text).await
    }
}

/// A call that was cancelled while it waited: the failed attempt's text is what there is.
fn cancelled(error: &EngineError) -> Reply {
    Reply {
        text: error.partial().unwrap_or_default().to_owned(),
        finish: Finish::Cancelled,
        usage: Usage::default(),
        timings: crate::Timings::default(),
    }
}

/// Facts are asked when a job starts, with a person waiting.
const FACTS_PATIENCE: Duration = Duration::from_secs(20);

/// An index is built in the background.
const EMBED_PATIENCE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
