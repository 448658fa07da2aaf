//! The REPL's way out: a block's LM calls become admissions, sub-calls and child levels.

use super::event::{BatchProgress, JobEvent};
use super::level::{Event, Level};
use super::models::{SubAnswer, SubAsk};
use super::shared::JobShared;
use crate::trace::{SubCallNote, TraceLine, preview};
use base::{Budgets, CallPath, JobOutcome, Time};
use engine::CancellationToken;
use futures::StreamExt;
use orchestrator::{Admission, BatchNumber, Input, SubCallResult};
use repl::{LmCall, LmKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Children of one batch that run at once. Each has a Python of its own (60 MB and more), and one
/// that waits takes no permit from its own children: a bound for the whole job could lock up.
const CHILDREN_AT_ONCE: usize = 8;

/// A block asks the level's machine how many of its calls it may make.
pub(crate) struct Asked {
    pub(crate) batch: BatchNumber,
    pub(crate) count: u32,
    pub(crate) recursive: bool,
    pub(crate) admitted: oneshot::Sender<Admission>,
}

/// Answers the LM calls of one running block.
pub(crate) struct BlockHost {
    pub(crate) shared: Arc<JobShared>,
    pub(crate) path: CallPath,
    pub(crate) events: mpsc::Sender<Event>,
    /// Numbers the level's calls, whatever their kind.
    pub(crate) ordinals: Arc<AtomicU32>,
    /// When the level's wall time is over.
    pub(crate) ends: Time,
    pub(crate) cancel: CancellationToken,
}

#[async_trait::async_trait]
impl repl::Host for BlockHost {
    async fn ask(&self, calls: Vec<LmCall>) -> Vec<Result<String, String>> {
        let count = calls.len();
        let recursive = calls.iter().any(|call| call.kind == LmKind::Recursive);
        let Some(admission) = self.admit(count, recursive).await else {
            return vec![Err("the block was stopped".to_owned()); count];
        };
        let granted = usize::try_from(admission.granted)
            .unwrap_or(count)
            .min(count);
        let mut made = calls;
        made.truncate(granted);
        let answers = match admission.child {
            Some(budgets) if recursive => self.children(&admission, made, budgets).await,
            _ => self.plain(&admission, made).await,
        };
        let mut results: Vec<_> = answers.into_iter().map(|answer| answer.text).collect();
        let refused = admission
            .refused
            .unwrap_or_else(|| "no sub-calls are left".to_owned());
        results.resize(count, Err(refused));
        results
    }
}

impl BlockHost {
    async fn admit(&self, count: usize, recursive: bool) -> Option<Admission> {
        let (admitted, answer) = oneshot::channel();
        let asked = Asked {
            batch: self.shared.next_batch(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            recursive,
            admitted,
        };
        self.events.send(Event::Asked(Box::new(asked))).await.ok()?;
        tokio::select! {
            () = self.cancel.cancelled() => None,
            admission = answer => admission.ok(),
        }
    }

    async fn plain(&self, admission: &Admission, calls: Vec<LmCall>) -> Vec<SubAnswer> {
        let first = self.number(calls.len());
        let prompts: Vec<String> = calls.iter().map(|call| call.prompt.clone()).collect();
        let progress = |progress: BatchProgress| {
            self.shared.observer.see(JobEvent::SubCalls {
                path: self.path.clone(),
                progress,
            });
        };
        let ask = SubAsk {
            path: &self.path,
            first,
            patience: self.ends.since(self.shared.now()),
            calls,
            cancel: &self.cancel,
            progress: &progress,
        };
        let answers = self.shared.models.ask(ask).await;
        let all = BatchProgress {
            done: count(answers.iter()),
            total: count(answers.iter()),
            cached: count(answers.iter().filter(|answer| answer.cached)),
            failed: count(answers.iter().filter(|answer| answer.text.is_err())),
        };
        progress(all);
        for ((prompt, answer), ordinal) in prompts.iter().zip(&answers).zip(first..) {
            self.note(self.path.child(ordinal), prompt, answer);
            self.done(admission.batch, answer.result()).await;
        }
        answers
    }

    /// Takes the numbers of `count` calls; gives the first.
    fn number(&self, count: usize) -> u32 {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.ordinals.fetch_add(count, Ordering::Relaxed)
    }

    fn note(&self, path: CallPath, prompt: &str, answer: &SubAnswer) {
        self.shared.trace(&TraceLine::SubCall(SubCallNote {
            path,
            model: answer.model.clone(),
            prompt_chars: prompt.chars().count() as u64,
            prompt_preview: preview(prompt),
            usage: answer.usage,
            timings: answer.timings,
            cached: answer.cached,
            error: answer.text.as_ref().err().cloned(),
        }));
    }

    async fn done(&self, batch: BatchNumber, result: SubCallResult) {
        let input = Input::SubCallDone { batch, result };
        // When nobody receives the job is over, and its tally is already told.
        drop(self.events.send(Event::Input(Box::new(input))).await);
    }

    /// Runs each call as a level of its own, several at once; each with a session and context.
    async fn children(
        &self,
        admission: &Admission,
        calls: Vec<LmCall>,
        budgets: Budgets,
    ) -> Vec<SubAnswer> {
        let first = self.number(calls.len());
        let runs = calls
            .into_iter()
            .zip(first..)
            .map(|(call, ordinal)| async move {
                let path = self.path.child(ordinal);
                let answer = self.child(path, call, budgets).await;
                self.done(admission.batch, answer.result()).await;
                answer
            });
        futures::stream::iter(runs)
            .buffered(CHILDREN_AT_ONCE)
            .collect()
            .await
    }

    async fn child(&self, path: CallPath, call: LmCall, budgets: Budgets) -> SubAnswer {
        let level: Result<Level, String> = self.shared.child_level(path, call, budgets).await;
        match level {
            Ok(level) => {
                let running = super::level::run(Arc::clone(&self.shared), level);
                let running: std::pin::Pin<Box<dyn Future<Output = JobOutcome> + Send>> =
                    Box::pin(running);
                SubAnswer::of_child(running.await)
            }
            Err(reason) => SubAnswer::failed(reason),
        }
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
