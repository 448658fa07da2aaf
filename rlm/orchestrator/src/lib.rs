//! How one job thinks: a pure state machine that turns a question into root calls, blocks of code
//! and an answer. It owns turns, block recognition, observations, budgets, the support gate, the
//! history and the prompts; it refuses to touch a model, a REPL, a clock, a file or randomness.
//!
//! ```text
//! let mut job = Job::new(setup, now);
//! job.step(now, Input::Start, &mut out);      // out: CallRoot or RunBlock
//! // .. the shell does what `out` says and steps the job with what comes back ..
//! ```
//!
//! Invariants, held by property tests: no input makes `step` panic; `Finish` is the last effect;
//! every job whose effects are answered finishes; a budget is passed by no more than what was
//! under way when it was reached. Inputs about calls or blocks that are not under way are ignored.

mod estimate;
mod fence;
mod gate;
mod history;
mod io;
mod job;
mod ledger;
mod observe;
mod plain;
mod profile;
mod setup;
mod trace;

pub use io::{
    Admission, BatchNumber, BlockFault, BlockNumber, BlockReport, CallNumber, Effect, FailureKind,
    Input, Purpose, RootCall, RootFailure, RootReply, SubCallResult, VariableBrief,
};
pub use job::Job;
pub use profile::{
    BuiltIn, Compaction, First, FirstSearch, Format, HitStyle, Last, Profile, ProfileError,
    Profiles, Root, Rules, Script, Shot, Show,
};
pub use setup::{ContextBrief, ContextKind, Hit, JobOptions, Setup};
pub use trace::{AnswerRule, AnswerSource, BlockSource, TraceEvent};

#[cfg(test)]
mod tests;
