//! The words that a session and its callers share: what a block asks, gives back and may use. Plain
//! data, all of it serialisable, since a job's trace holds it.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Who answers the model calls of a block.
#[async_trait::async_trait]
pub trait Host: Send + Sync {
    /// One batch, answered in its order. A call that failed is an `Err` with its reason in its
    /// place; a list of another length than `calls` is filled up with errors.
    async fn ask(&self, calls: Vec<LmCall>) -> Vec<Result<String, String>>;
}

/// What is asked for: one completion, or a whole job of its own with the prompt as its context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LmKind {
    Query,
    Recursive,
}

/// One model call of a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LmCall {
    pub kind: LmKind,
    pub prompt: String,
    /// A system message before the prompt: what many calls of one batch have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// For [`LmKind::Recursive`]: the text that the child works on, when it is not the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// GBNF that the reply must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

/// One batch of calls with what it was answered: enough to run the block again without a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub calls: Vec<LmCall>,
    pub results: Vec<Result<String, String>>,
}

/// For which kind of root model the session's texts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestStyle {
    /// A model of a few billion parameters: short observations, `search` shows sentences.
    Small,
    /// A model that reads tracebacks and passages.
    #[default]
    Capable,
}

/// What one session works on and may use.
#[derive(Clone)]
pub struct SessionConfig {
    pub context: Arc<context::Context>,
    /// The question, as the variable `query`.
    pub query: String,
    /// Seeds `random`, `uuid` and everything else that would be random.
    pub seed: u64,
    /// What the clock shows at the start, in seconds since 1970; each reading moves it a little.
    pub clock: u64,
    pub limits: ReplLimits,
    pub style: GuestStyle,
    /// 0: `rlm_query` is answered like `llm_query`.
    pub depth_left: u32,
}

/// What a block may use. Each limit has its own error, a block that one of them ends is undone, and
/// the block after it works. Only output does not end a block: what is too much is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplLimits {
    /// Processor time of one block's own code and of its work on the context. Model calls are not
    /// counted: they have deadlines of their own.
    pub block_time: Duration,
    /// The guest's whole linear memory; an empty session has about 26 MiB of it. Python raises
    /// `MemoryError` at its end: a block that catches it goes on.
    pub memory_bytes: usize,
    /// Of one block's printed text, what is kept; the rest is counted.
    pub output_bytes: usize,
    /// Model calls of one block, each prompt of a batch counted. More raise `RuntimeError`, which a
    /// block may catch.
    pub host_calls: u32,
    /// `label` and the batched calls refuse longer lists; `None`: no such guard.
    pub bulk_items: Option<u32>,
    /// Up to so many characters (or so many characters of `rows` and `lines`) the guest gets real
    /// `str` and `list` values; longer ones stay on the host and behave like them.
    pub eager_chars: u64,
    /// The most characters that a lazy text turns into a real `str` on its own.
    pub copied_chars: u64,
    /// Python's recursion limit at the start; a block may set another, and may catch the
    /// `RecursionError`. The guest's stack has an end of its own.
    pub recursion: u32,
}

impl Default for ReplLimits {
    fn default() -> ReplLimits {
        ReplLimits {
            block_time: Duration::from_secs(60),
            memory_bytes: 512 << 20,
            output_bytes: 20_000,
            host_calls: 10_000,
            bulk_items: None,
            eager_chars: 1 << 20,
            copied_chars: 64 << 20,
            recursion: 1000,
        }
    }
}

/// What a block did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockOutcome {
    /// Printed text, cut at the limit with a notice in the place of the rest.
    pub stdout: String,
    /// Bytes that were printed and are not in `stdout`.
    pub cut_bytes: u64,
    /// What was written to `sys.stderr`, cut like `stdout`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// `repr` of the last expression, when it is not `None`; cut like `stdout`.
    pub value: Option<String>,
    pub error: Option<BlockError>,
    /// Set by `FINAL`, `FINAL_VAR`, `SUBMIT` or a ready `answer`.
    pub answer: Option<String>,
    /// Passages that `search` showed or `ask` read, in that order, each once.
    pub shown: Vec<String>,
    /// The session's own names after the block; empty when it was undone, since they are those from
    /// before it.
    pub variables: Vec<Variable>,
    /// Model calls made, each prompt of a batch counted.
    pub host_calls: u32,
    pub journal: Vec<JournalEntry>,
    pub guest_time: Duration,
}

/// How a block failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockError {
    /// The exception's name, or `TimeLimit`, `MemoryLimit`, `StackLimit`, `Crash`.
    pub kind: String,
    pub message: String,
    /// As Python prints it, the block's own frames only.
    pub traceback: String,
    /// What the root model is told, in the session's style.
    pub text: String,
    /// Line of the block, from 1.
    pub line: Option<u32>,
    pub source_line: Option<String>,
    /// The block passed a limit, and the variables are those from before it: so for each kind that
    /// is no exception, and for a `MemoryError`, a `RecursionError` or the `RuntimeError` of too
    /// many model calls that nobody caught.
    pub rolled_back: bool,
}

/// A name that a block made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    /// Its type's name.
    pub kind: String,
    /// `len()` where it has one.
    pub size: Option<u64>,
}
