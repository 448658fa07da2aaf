//! Replies from live models: the root straight from its engine (its text streams), sub-calls
//! through the dispatcher.

use super::event::BatchProgress;
use super::models::{Models, RootAnswer, SubAnswer, SubAsk};
use super::parts::OpenSubModel;
use base::{CallPath, Message};
use dispatch::{Batch, Call, CallSource, Dispatcher, JobHandle, Progress, SubReply};
use engine::{CancellationToken, ChatRequest, Engine, Sampling, TextSink};
use orchestrator::RootCall;
use repl::LmCall;
use std::sync::Arc;
use std::time::Duration;

/// Tokens of a sub-call's reply when the call names no number.
const SUB_CALL_TOKENS: u32 = 1024;

pub(crate) struct LiveModels {
    pub(crate) root: Arc<dyn Engine>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) job: JobHandle,
    pub(crate) sub_model: String,
    pub(crate) openings: Arc<dyn OpenSubModel>,
    pub(crate) call_deadline: Duration,
    pub(crate) seed: u64,
}

#[async_trait::async_trait]
impl Models for LiveModels {
    async fn root(
        &self,
        _path: &CallPath,
        request: &RootCall,
        sink: &mut dyn TextSink,
        cancel: &CancellationToken,
    ) -> RootAnswer {
        let chat = ChatRequest {
            messages: request.messages.clone(),
            prefill: request.prefill.clone(),
            sampling: Sampling {
                temperature: request.temperature,
                seed: self.seed,
                max_tokens: request.max_tokens,
                stop: request.stop.clone(),
                ..Sampling::default()
            },
            grammar: None,
            shared_prefix: request.shared_prefix,
        };
        RootAnswer(
            self.root
                .chat(&chat, sink, self.call_deadline, cancel)
                .await,
        )
    }

    async fn ask(&self, ask: SubAsk<'_>) -> Vec<SubAnswer> {
        let total = u32::try_from(ask.calls.len()).unwrap_or(u32::MAX);
        let mut calls = Vec::with_capacity(ask.calls.len());
        let mut wrong: Vec<Option<String>> = Vec::with_capacity(ask.calls.len());
        for call in &ask.calls {
            let model = call.model.clone().unwrap_or_else(|| self.sub_model.clone());
            let opened = self.openings.open(&model).await;
            let grammars = opened.as_ref().is_ok_and(|facts| facts.grammar);
            wrong.push(opened.err());
            calls.push(Call {
                model,
                request: self.request(call, grammars),
            });
        }
        let names: Vec<String> = calls.iter().map(|call| call.model.clone()).collect();
        let batch = batch(&ask, calls, self.call_deadline);
        let outcomes = self.follow(batch, total, ask.progress).await;
        outcomes
            .into_iter()
            .zip(names)
            .zip(wrong)
            .map(|((outcome, name), wrong)| match (outcome, wrong) {
                (_, Some(reason)) => SubAnswer::failed(reason),
                (Ok(reply), None) => answer(&name, reply),
                (Err(failure), None) => SubAnswer::failed(failure.to_string()),
            })
            .collect()
    }
}

impl LiveModels {
    /// The prompt says in words what a grammar enforces: an engine without them is asked all the
    /// same, and its reply is matched with the labels afterwards.
    fn request(&self, call: &LmCall, grammars: bool) -> ChatRequest {
        let system = call.system.clone().map(Message::system);
        ChatRequest {
            messages: system
                .into_iter()
                .chain([Message::user(call.prompt.clone())])
                .collect(),
            prefill: None,
            sampling: Sampling {
                seed: self.seed,
                max_tokens: call.max_tokens.unwrap_or(SUB_CALL_TOKENS),
                stop: call.stop.clone(),
                ..Sampling::default()
            },
            grammar: call.grammar.clone().filter(|_| grammars),
            shared_prefix: 0,
        }
    }

    /// Asks a batch and tells how far it is each time that changes.
    async fn follow(
        &self,
        batch: Batch,
        total: u32,
        tell: &(dyn Fn(BatchProgress) + Sync),
    ) -> Vec<Result<SubReply, dispatch::CallFailure>> {
        let mut progress = self.job.progress();
        let before = *progress.borrow();
        let asking = self.dispatcher.ask_batch(&self.job, batch);
        tokio::pin!(asking);
        loop {
            tokio::select! {
                outcomes = &mut asking => return outcomes,
                changed = progress.changed() => {
                    if changed.is_err() {
                        return asking.await;
                    }
                    tell(since(&before, &progress.borrow_and_update(), total));
                }
            }
        }
    }
}

fn batch(ask: &SubAsk<'_>, calls: Vec<Call>, call_deadline: Duration) -> Batch {
    Batch {
        parent: ask.path.clone(),
        first: ask.first,
        calls,
        call_deadline,
        patience: Some(ask.patience),
        cancel: ask.cancel.clone(),
    }
}

/// What a batch of `total` calls has come to. Other batches of the job count in the same numbers,
/// so none passes the total, and the last call is told by the batch's own end.
fn since(before: &Progress, now: &Progress, total: u32) -> BatchProgress {
    let part = |now: u64, before: u64| {
        u32::try_from(now.saturating_sub(before))
            .unwrap_or(u32::MAX)
            .min(total)
    };
    BatchProgress {
        done: part(now.done, before.done).min(total.saturating_sub(1)),
        total,
        cached: part(now.sums.cache_hits(), before.sums.cache_hits()),
        failed: part(now.sums.failed, before.sums.failed),
    }
}

/// A reply that no model worked for costs nothing.
fn answer(model: &str, reply: SubReply) -> SubAnswer {
    let cached = reply.record.source != CallSource::Engine;
    let mut answer = SubAnswer::of_reply(model, reply.reply, cached);
    answer.timings.queue_ms = reply.record.queue_ms;
    if cached {
        answer.usage = base::Usage::default();
        answer.timings.prefill_ms = 0.0;
        answer.timings.decode_ms = 0.0;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_its_levels_numbers_and_what_is_left_of_its_time() {
        let cancel = CancellationToken::new();
        let ask = SubAsk {
            path: &CallPath::root().child(3),
            first: 5,
            patience: Duration::from_secs(7),
            calls: Vec::new(),
            cancel: &cancel,
            progress: &|_| {},
        };
        let batch = batch(&ask, Vec::new(), Duration::from_secs(300));
        assert_eq!((batch.parent, batch.first), (CallPath(vec![3]), 5));
        assert_eq!(batch.patience, Some(Duration::from_secs(7)));
        assert_eq!(batch.call_deadline, Duration::from_secs(300));
    }
}
