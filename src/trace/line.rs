//! The trace file's lines: one JSON object each, every one with its `line` kind. A trace holds what
//! a person wants to read and what a replay needs (root replies, results of sub-calls); the context
//! stands in it by hash and preview, a long prompt by hash and beginning; what a block printed is
//! quoted where a prompt repeats it (`quote`).
//!
//! The version grows when a reader of the older version would misread a file; new optional fields
//! do not change it.

use super::quote::TracedMessage;
use base::{Budgets, CallPath, ContentHash, JobId, JobOutcome, Time, Usage};
use engine::Timings;
use orchestrator::{BlockNumber, CallNumber, Input, JobOptions};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// 2: messages quote what earlier lines have.
pub const TRACE_VERSION: u32 = 2;
/// The oldest version that is read. In version 1 every message is whole.
pub const OLDEST_TRACE: u32 = 1;
/// Characters of a context or of a sub-call's prompt that a trace repeats.
pub const PREVIEW_CHARS: usize = 400;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextNote {
    pub hash: ContentHash,
    pub chars: u64,
    pub kind: String,
    pub sources: Vec<PathBuf>,
    pub preview: String,
}

/// The first line: everything that, with the replies, determines the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub v: u32,
    pub program: String,
    pub job: JobId,
    pub question: String,
    pub context: ContextNote,
    pub root_model: String,
    pub sub_model: String,
    pub profile: String,
    /// BLAKE3 of the profile's files: another prompt text is another trajectory.
    pub profile_hash: ContentHash,
    pub budgets: Budgets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<JobOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<repl::ReplLimits>,
    pub root_window: Option<u32>,
    pub prefill: bool,
    pub seed: u64,
    pub clock: u64,
}

/// One sub-call's cost; its reply stands in the block's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubCallNote {
    pub path: CallPath,
    pub model: String,
    pub prompt_chars: u64,
    pub prompt_preview: String,
    pub usage: Usage,
    pub timings: Timings,
    pub cached: bool,
    pub error: Option<String>,
}

/// One batch of host calls of a block: the calls by hash (a replay makes them again and compares),
/// the results in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalNote {
    pub calls: ContentHash,
    pub results: Vec<Result<String, String>>,
}

impl JournalNote {
    pub fn of(entry: &repl::JournalEntry) -> JournalNote {
        JournalNote {
            calls: calls_hash(&entry.calls),
            results: entry.results.clone(),
        }
    }
}

/// BLAKE3 over the calls' JSON.
pub fn calls_hash(calls: &[repl::LmCall]) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    for call in calls {
        // Plain data of strings and numbers always becomes JSON.
        hasher.update(&serde_json::to_vec(call).unwrap_or_default());
        hasher.update(b"\n");
    }
    ContentHash(*hasher.finalize().as_bytes())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum TraceLine {
    Job(Box<Header>),
    /// A child that `rlm_query` started, at `path`.
    Child {
        path: CallPath,
        question: String,
        context: ContextNote,
    },
    /// What the machine was told, apart from what the other lines tell.
    Input {
        path: CallPath,
        at: Time,
        input: Input,
    },
    /// One root call and how it ended.
    Root {
        path: CallPath,
        at: Time,
        call: CallNumber,
        /// How many of the previous call's messages stand unchanged before `messages`.
        kept: usize,
        /// How many leading messages are the prompt profile's own part.
        fixed: usize,
        messages: Vec<TracedMessage>,
        prefill: Option<String>,
        timings: Timings,
        /// `RootDone` or `RootFailed`.
        input: Input,
    },
    SubCall(SubCallNote),
    /// One block that ran. The outcome's own journal is empty: `journal` has it in short.
    Block {
        path: CallPath,
        at: Time,
        turn: u32,
        block: BlockNumber,
        code: String,
        outcome: Box<repl::BlockOutcome>,
        journal: Vec<JournalNote>,
    },
    Decision {
        path: CallPath,
        at: Time,
        event: orchestrator::TraceEvent,
    },
    End {
        path: CallPath,
        outcome: JobOutcome,
        seconds: f64,
    },
}

/// The beginning of a text, for a line that must stay short.
pub fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARS).collect()
}
