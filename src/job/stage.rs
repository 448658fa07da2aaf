//! What every level of a job is set up with, in the job itself and in its replay: a REPL session,
//! the prompts for the kind of its context, the machine's start.

use super::level::Level;
use base::{Budgets, CallPath};
use context::Context;
use orchestrator::{ContextBrief, JobOptions, Profiles, Setup};
use repl::LmCall;
use std::sync::Arc;

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) runtime: Arc<repl::Runtime>,
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
}

impl Stage {
    /// The level at `path`, ready for its first turn.
    pub(crate) async fn level(
        &self,
        path: CallPath,
        question: String,
        context: Arc<Context>,
        budgets: Budgets,
    ) -> Result<Level, String> {
        let (setup, session) = self.set(question, context, budgets).await?;
        Ok(Level {
            path,
            setup,
            session,
        })
    }

    /// A level over `context`, its session started and its profile chosen by the context's kind.
    pub(crate) async fn set(
        &self,
        question: String,
        context: Arc<Context>,
        budgets: Budgets,
    ) -> Result<(Setup, repl::Session), String> {
        let brief = self.brief(&context, &question).await?;
        let config = repl::SessionConfig {
            context,
            query: question.clone(),
            seed: self.seed,
            clock: self.unix,
            limits: self.limits.clone(),
            style: self.style,
            depth_left: budgets.depth,
        };
        let session = self.runtime.session(config).await;
        let session = session.map_err(|error| error.to_string())?;
        Ok((self.setup(question, brief, budgets), session))
    }

    /// Apart from the other tasks, and from the cancel that may drop this: the search builds an
    /// index, which takes long of a large text.
    async fn brief(&self, context: &Arc<Context>, question: &str) -> Result<ContextBrief, String> {
        let (context, question) = (Arc::clone(context), question.to_owned());
        let profiles = Arc::clone(&self.profiles);
        let looking = move || super::brief::of(&context, &question, &profiles);
        let looked = tokio::task::spawn_blocking(looking).await;
        let brief = looked.map_err(|error| error.to_string())?;
        brief.map_err(|error| error.to_string())
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

/// What an `rlm_query` asks of its child: the question and the text. Where the call names no text
/// to work on, its prompt is both.
pub(crate) fn child_task(call: LmCall) -> (String, String) {
    match call.context {
        Some(text) => (call.prompt, text),
        None => (child_question(&call.prompt), call.prompt),
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
