//! A job: what is asked, what it may cost, how it ended.

use crate::{ContentHash, Usage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What one job asks for. The context is named by content, never carried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    pub question: String,
    pub context: ContentHash,
    /// A model name as the user wrote it: catalog name, `PATH.gguf`, `ollama:…`, `openai:…`.
    pub root_model: String,
    pub sub_model: String,
    pub budgets: Budgets,
    /// Seeds everything random in the job (the REPL's `random`, sampling).
    pub seed: u64,
    /// Seconds since the Unix epoch that the REPL's clock shows, for the whole job.
    pub clock: u64,
}

/// What a job may spend. Reached, a budget ends the job with its best answer so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// Turns of the root model.
    pub turns: u32,
    /// Sub-calls of every kind, of all children too.
    pub sub_calls: u32,
    /// Prompt and completion tokens of all calls together.
    pub tokens: u64,
    /// Wall-clock time of the job.
    pub wall: Duration,
    /// Levels of `rlm_query` below the root; 0 makes `rlm_query` a plain `llm_query`.
    pub depth: u32,
    /// Turns in a row that failed (no code, or code that raised).
    pub consecutive_errors: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    Turns,
    SubCalls,
    Tokens,
    Wall,
    Depth,
    ConsecutiveErrors,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LimitKind::Turns => "turns",
            LimitKind::SubCalls => "sub-calls",
            LimitKind::Tokens => "tokens",
            LimitKind::Wall => "wall time",
            LimitKind::Depth => "recursion depth",
            LimitKind::ConsecutiveErrors => "errors in a row",
        })
    }
}

/// What a job has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub turns: u32,
    pub sub_calls: u32,
    pub failed_sub_calls: u32,
    pub cache_hits: u32,
    pub root_usage: Usage,
    pub sub_usage: Usage,
}

impl Tally {
    pub fn tokens(&self) -> u64 {
        self.root_usage.total() + self.sub_usage.total()
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ending")]
pub enum Ending {
    /// The root gave its answer.
    Answered,
    /// A budget ran out; the answer, if any, is the best that the root could give.
    Limit {
        limit: LimitKind,
    },
    Cancelled,
    Failed {
        reason: String,
    },
}

/// A job's result. An answer may be there under every ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutcome {
    #[serde(flatten)]
    pub ending: Ending,
    pub answer: Option<String>,
    pub tally: Tally,
}
