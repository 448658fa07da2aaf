//! What goes into the machine and what comes out: closed enums, so that a trace of them replays.

use crate::TraceEvent;
use base::{Budgets, Finish, JobOutcome, Message, Tally, Usage};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Numbers the root calls of a job, from 0; every retry is a new call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallNumber(pub u32);

/// Numbers the blocks of a job, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockNumber(pub u32);

/// Numbers the batches of sub-calls; chosen by the caller, unique within the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchNumber(pub u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "input")]
pub enum Input {
    /// The first input; anything before it but `Cancel` is ignored.
    Start,
    /// A piece of the reply to the root call in flight.
    RootDelta {
        call: CallNumber,
        text: String,
    },
    /// The root call ended; also after `StopRoot`, with the text so far.
    RootDone {
        call: CallNumber,
        reply: RootReply,
    },
    RootFailed {
        call: CallNumber,
        failure: RootFailure,
    },
    BlockDone {
        block: BlockNumber,
        report: BlockReport,
    },
    /// The REPL itself failed; `restarted` tells whether an empty one took its place.
    BlockFailed {
        block: BlockNumber,
        reason: String,
        restarted: bool,
    },
    /// The running block wants `count` sub-calls; answered by `AdmitSubCalls` at once.
    SubCallsAsked {
        batch: BatchNumber,
        count: u32,
        recursive: bool,
    },
    /// One admitted sub-call ended.
    SubCallDone {
        batch: BatchNumber,
        result: SubCallResult,
    },
    /// Time has passed. Due at least once a second.
    Tick,
    Cancel,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootReply {
    /// The whole text, without the prefill. Empty: what the deltas brought counts.
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFailure {
    pub kind: FailureKind,
    /// What happened, for people.
    pub reason: String,
    /// What they can do about it, told when the call is given up; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// What had been written; a closed block in it is used.
    pub partial: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FailureKind {
    /// The same call may succeed; `after` where the server named a time.
    Retryable { after: Option<Duration> },
    /// The prompt is `over` tokens longer than what fits.
    TooLong { over: u64 },
    /// Asking again cannot help.
    Fatal,
}

/// One executed block, as the REPL reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReport {
    /// Printed text, already capped by the REPL.
    pub stdout: String,
    /// Bytes of output that the REPL dropped.
    pub cut_bytes: u64,
    /// What the last expression evaluated to.
    pub value: Option<String>,
    pub error: Option<BlockFault>,
    /// Set by FINAL and its kin.
    pub answer: Option<String>,
    /// Passages that a search printed or a helper model read.
    pub shown: Vec<String>,
    /// What the session has after the block; not told of a block that was rolled back.
    pub variables: Vec<VariableBrief>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockFault {
    /// The exception's class, such as `NameError`.
    pub kind: String,
    pub message: String,
    pub traceback: String,
    pub line: Option<u32>,
    pub source_line: Option<String>,
    /// The session is as it was before the block.
    pub rolled_back: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableBrief {
    pub name: String,
    pub kind: String,
    pub size: Option<u64>,
}

/// What one sub-call came to and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubCallResult {
    pub ok: bool,
    /// Answered by a cache or shared with an equal prompt: no model worked for it.
    pub cached: bool,
    /// The call's own tokens; zero for a child, whose `Tally` has them.
    pub usage: Usage,
    /// What the child job of a recursive call spent.
    pub child: Option<Tally>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    CallRoot(RootCall),
    /// Stop the call in flight. After a found block its `RootDone` is awaited.
    StopRoot {
        call: CallNumber,
    },
    RunBlock {
        block: BlockNumber,
        code: String,
    },
    /// Stop the running block; its `BlockDone` is awaited unless `Finish` follows.
    StopBlock {
        block: BlockNumber,
    },
    AdmitSubCalls(Admission),
    Trace(TraceEvent),
    /// The last effect there is.
    Finish(JobOutcome),
}

/// One request to the root model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootCall {
    pub call: CallNumber,
    pub purpose: Purpose,
    pub messages: Vec<Message>,
    pub prefill: Option<String>,
    pub max_tokens: u32,
    pub temperature: f32,
    pub stop: Vec<String>,
    /// How many leading messages are the profile's fixed part.
    pub shared_prefix: usize,
    /// How long to wait before the call is sent (retries).
    pub after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An ordinary turn.
    Turn,
    /// The closing call, after a budget was used up.
    Last,
    /// Shortening the history.
    Summarise,
}

/// Which of a batch's sub-calls may be made: the first `granted`; the others get `refused` as
/// their error text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    pub batch: BatchNumber,
    pub granted: u32,
    pub refused: Option<String>,
    /// For recursive calls: what each child may spend, taken from this job's budgets until its
    /// `SubCallDone`. `None`: plain calls, also where the depth is used up.
    pub child: Option<Budgets>,
}
