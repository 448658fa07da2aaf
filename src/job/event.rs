//! What a running job tells whoever watches it: the live display, the plain log, a remote client.
//! A closed list; the trace file (`crate::trace`) keeps what a replay needs, this keeps what a
//! person wants to see.

use base::{CallPath, JobId, JobOutcome};
use serde::{Deserialize, Serialize};

/// The sub-calls of one batch as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchProgress {
    pub done: u32,
    pub total: u32,
    pub cached: u32,
    pub failed: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// Something slow that comes before the first turn, or a part of it.
    Preparing {
        what: String,
        done: u64,
        total: Option<u64>,
    },
    Started {
        job: JobId,
        question: String,
        card: String,
        root_model: String,
        sub_model: String,
    },
    /// The root is asked.
    Turn {
        path: CallPath,
        turn: u32,
        of: u32,
    },
    /// A piece of what the root writes.
    RootText {
        path: CallPath,
        text: String,
    },
    /// A whole block was read and runs now.
    Block {
        path: CallPath,
        turn: u32,
        code: String,
    },
    SubCalls {
        path: CallPath,
        progress: BatchProgress,
    },
    /// What the block printed, or how it failed.
    Output {
        path: CallPath,
        turn: u32,
        text: String,
        failed: bool,
    },
    /// A decision of the loop that a person should know: a nudge, a gate, a limit.
    Note {
        path: CallPath,
        text: String,
    },
    Finished {
        outcome: JobOutcome,
        seconds: f64,
    },
}

/// Takes events as they happen. Must be quick: it is called inside the job's loop.
pub trait Observer: Send + Sync {
    fn see(&self, event: JobEvent);
}

/// For callers that only want the outcome.
pub struct Unobserved;

impl Observer for Unobserved {
    fn see(&self, _event: JobEvent) {}
}
