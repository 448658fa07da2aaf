//! What all levels of one job share: where replies come from, who watches, what is written down.

use super::event::Observer;
use super::level::Level;
use super::models::Models;
use super::stage::{Stage, child_task};
use crate::clock::Clock;
use crate::trace::{ContextNote, TraceLine, TraceWriter, preview};
use base::{Budgets, CallPath, Time};
use context::Context;
use engine::CancellationToken;
use orchestrator::BatchNumber;
use repl::LmCall;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct JobShared {
    pub(crate) models: Arc<dyn Models>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) trace: Option<TraceWriter>,
    pub(crate) stage: Stage,
    /// The most that a root of this job has.
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

    pub(crate) fn trace_path(&self) -> Option<PathBuf> {
        self.trace.as_ref().map(|trace| trace.path().to_owned())
    }

    pub(crate) fn next_batch(&self) -> BatchNumber {
        BatchNumber(self.batches.fetch_add(1, Ordering::Relaxed))
    }

    /// A level of its own for one `rlm_query`.
    pub(crate) async fn child_level(
        &self,
        path: CallPath,
        call: LmCall,
        budgets: Budgets,
    ) -> Result<Level, String> {
        let (question, text) = child_task(call);
        let context = Arc::new(Context::from_text(text));
        self.trace(&TraceLine::Child {
            path: path.clone(),
            question: question.clone(),
            context: note(&context, Vec::new()).map_err(|error| error.to_string())?,
        });
        self.stage.level(path, question, context, budgets).await
    }
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
