//! The decisions of a job, one event each, for the trace file and the live display. Carries
//! numbers and short texts; prompts, code and output are in the effects and inputs themselves.

use crate::{BatchNumber, BlockNumber, CallNumber, ContextKind};
use base::LimitKind;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TraceEvent {
    Started {
        kind: ContextKind,
        hits: usize,
        scripts: usize,
    },
    /// A scripted block runs instead of a turn.
    ScriptStarted {
        step: usize,
        block: BlockNumber,
    },
    TurnStarted {
        turn: u32,
        call: CallNumber,
        messages: usize,
        /// Tokens of the prompt, estimated.
        tokens: u64,
    },
    BlockFound {
        turn: u32,
        call: CallNumber,
        how: BlockSource,
        lines: usize,
    },
    /// A turn without anything to run.
    NoCode {
        turn: u32,
        errors: u32,
    },
    /// The token limit came inside a block.
    CodeCut {
        turn: u32,
        errors: u32,
    },
    /// A block raised, or repeated the one before.
    BlockFaulted {
        block: BlockNumber,
        errors: u32,
        repeated: bool,
    },
    AnswerFound {
        source: AnswerSource,
    },
    AnswerRejected {
        rule: AnswerRule,
        answer: String,
    },
    RootRetried {
        call: CallNumber,
        attempt: u32,
        reason: String,
    },
    SubCallsRefused {
        batch: BatchNumber,
        asked: u32,
        granted: u32,
        limit: LimitKind,
    },
    /// The depth is used up: recursive calls are made as plain ones.
    MadePlain {
        batch: BatchNumber,
    },
    LimitReached {
        limit: LimitKind,
    },
    /// The closing call is made.
    LastTurn {
        call: CallNumber,
    },
    Summarising {
        call: CallNumber,
        turns: usize,
    },
    /// Older turns left the prompt.
    Compacted {
        dropped: usize,
        kept: usize,
        summarised: bool,
    },
    Finished {
        source: Option<AnswerSource>,
    },
}

/// How a block was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockSource {
    /// A fence with its close.
    Closed,
    /// The reply ended inside the fence.
    Open,
    /// A fence without a language whose content looks like code.
    Bare,
    /// `FINAL(..)` outside a fence.
    Plain,
}

/// Where the outcome's answer comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerSource {
    /// The root's FINAL or its kin.
    Root,
    /// A script of the profile.
    Script,
    /// The text of the closing call.
    LastTurn,
    /// An answer that was sent back and never replaced.
    Rejected,
    /// What the last block printed.
    Output,
}

/// Why an answer was sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerRule {
    Empty,
    /// Far more than what was asked for.
    Long,
    /// How many was asked, and the answer is a list or a table.
    Number,
    /// A column of numbers was counted where it was to be compared or added up.
    Column,
    /// The passage with the answer lacks a name of the question.
    Support,
    /// A script found no answer.
    Refusal,
}
