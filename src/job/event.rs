//! What a running job tells whoever watches it: the live display, the plain log, a remote client.
//! A closed list; the trace file (`crate::trace`) keeps what a replay needs, this keeps what a
//! person wants to see.

use base::{CallPath, JobId, JobOutcome, Usage};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use utoipa::ToSchema;

/// The sub-calls of one batch as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchProgress {
    pub done: u32,
    pub total: u32,
    pub cached: u32,
    pub failed: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// Something slow that comes before the first turn, or a part of it.
    Preparing {
        what: String,
        done: u64,
        total: Option<u64>,
    },
    Started {
        #[schema(value_type = String)]
        job: JobId,
        question: String,
        card: String,
        root_model: String,
        sub_model: String,
        // On the node's disk; a client that does not see the report finds it there.
        #[schema(value_type = Option<String>)]
        trace: Option<PathBuf>,
    },
    /// The root is asked.
    Turn {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        turn: u32,
        of: u32,
    },
    /// A piece of what the root writes.
    RootText {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        text: String,
    },
    /// A whole block was read and runs now.
    Block {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        turn: u32,
        code: String,
    },
    SubCalls {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        progress: BatchProgress,
    },
    /// What one call of a root, or a batch of sub-calls, has cost.
    Spent {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        by_root: bool,
        #[schema(value_type = Object)]
        usage: Usage,
    },
    /// What the block printed, or how it failed.
    Output {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        turn: u32,
        text: String,
        failed: bool,
    },
    /// What a person should know: a nudge, a gate, a limit, what is odd about a model.
    Note {
        #[schema(value_type = Vec<u32>)]
        path: CallPath,
        text: String,
    },
    Finished {
        #[schema(value_type = Object)]
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
