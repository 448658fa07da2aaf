//! What all levels of one job share: where replies come from, who watches, what is written down.

use super::event::Observer;
use super::level::Level;
use super::models::Models;
use crate::clock::Clock;
use crate::trace::{ContextNote, TraceLine, TraceWriter, preview};
use base::{Budgets, CallPath, Time};
use context::Context;
use engine::CancellationToken;
use orchestrator::{BatchNumber, ContextBrief, JobOptions, Profiles, Setup};
use repl::LmCall;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct JobShared {
    pub(crate) models: Arc<dyn Models>,
    pub(crate) runtime: Arc<repl::Runtime>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) trace: Option<TraceWriter>,
    pub(crate) profiles: Arc<Profiles>,
    pub(crate) limits: repl::ReplLimits,
    pub(crate) style: repl::GuestStyle,
    pub(crate) options: JobOptions,
    pub(crate) window: Option<u32>,
    /// Whether the root's engine can begin the root's turn for it.
    pub(crate) prefill: bool,
    pub(crate) seed: u64,
    /// Unix seconds that every REPL of the job shows.
    pub(crate) unix: u64,
    pub(crate) turns: u32,
    pub(crate) cancel: CancellationToken,
    pub(crate) clock: Clock,
    pub(crate) batches: AtomicU64,
}

impl JobShared {
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn trace(&self, line: &TraceLine) {
        if let Some(trace) = &self.trace {
            trace.write(line);
        }
    }

    pub(crate) fn next_batch(&self) -> BatchNumber {
        BatchNumber(self.batches.fetch_add(1, Ordering::Relaxed))
    }

    /// A level of its own for one `rlm_query`. Where the call names no text to work on, its prompt
    /// is both the context and the question.
    pub(crate) async fn child_level(
        &self,
        path: CallPath,
        call: LmCall,
        budgets: Budgets,
    ) -> Result<Level, String> {
        let (question, text) = match call.context {
            Some(text) => (call.prompt, text),
            None => (child_question(&call.prompt), call.prompt),
        };
        let context = Arc::new(Context::from_text(text));
        self.trace(&TraceLine::Child {
            path: path.clone(),
            question: question.clone(),
            context: note(&context, Vec::new()).map_err(|error| error.to_string())?,
        });
        self.level(path, question, context, budgets).await
    }

    /// A level over `context`, its session started and its profile chosen by the context's kind.
    pub(crate) async fn level(
        &self,
        path: CallPath,
        question: String,
        context: Arc<Context>,
        budgets: Budgets,
    ) -> Result<Level, String> {
        let brief = super::brief::of(&context, &question, &self.profiles)
            .map_err(|error| error.to_string())?;
        let config = repl::SessionConfig {
            context,
            query: question.clone(),
            seed: self.seed,
            clock: self.unix,
            limits: self.limits.clone(),
            style: self.style,
            depth_left: budgets.depth,
        };
        let session = self
            .runtime
            .session(config)
            .await
            .map_err(|error| error.to_string())?;
        let setup = self.setup(question, brief, budgets);
        Ok(Level {
            path,
            setup,
            session,
        })
    }

    fn setup(&self, question: String, context: ContextBrief, budgets: Budgets) -> Setup {
        let profile = self.profiles.for_kind(context.kind).clone();
        Setup {
            profile: if self.prefill {
                profile
            } else {
                profile.without_prefill()
            },
            question,
            context,
            budgets,
            window: self.window,
            options: self.options,
        }
    }
}

/// Characters of a child's prompt that its root is shown as the question.
const CHILD_QUESTION_CHARS: usize = 2000;

/// A child's root sees the beginning and the end of its prompt as the question: the instruction
/// stands at one of the two, and the whole is its `context`.
fn child_question(prompt: &str) -> String {
    let chars: Vec<char> = prompt.chars().collect();
    if chars.len() <= CHILD_QUESTION_CHARS {
        return prompt.to_owned();
    }
    let half = CHILD_QUESTION_CHARS / 2;
    let head: String = chars[..half].iter().collect();
    let tail: String = chars[chars.len() - half..].iter().collect();
    format!(
        "{head}\n[... {} more characters in context ...]\n{tail}",
        chars.len() - 2 * half
    )
}

/// What a trace says of a context.
pub(crate) fn note(
    context: &Context,
    sources: Vec<PathBuf>,
) -> Result<ContextNote, context::ReadError> {
    let chars = context.len_chars(None)?;
    let head = context.read(None, 0..chars.min(crate::trace::PREVIEW_CHARS as u64))?;
    Ok(ContextNote {
        hash: context.hash(),
        chars,
        kind: super::brief::kind(context).as_str().to_owned(),
        sources,
        preview: preview(&head),
    })
}
