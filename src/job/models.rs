//! Where a job's replies come from: live models, or (in a replay) the trace of an earlier run.

use super::event::BatchProgress;
use base::{CallPath, Ending, Finish, JobOutcome, Tally, Usage};
use engine::{CancellationToken, EngineError, Reply, TextSink, Timings};
use orchestrator::{
    CallNumber, FailureKind, Input, RootCall, RootFailure, RootReply, SubCallResult,
};
use repl::LmCall;
use std::time::Duration;

#[async_trait::async_trait]
pub(crate) trait Models: Send + Sync {
    /// Asks the root model; `cancel` ends the call with what was written.
    async fn root(
        &self,
        path: &CallPath,
        request: &RootCall,
        sink: &mut dyn TextSink,
        cancel: &CancellationToken,
    ) -> RootAnswer;

    /// Asks for every call of a batch; answers stand in the order of the calls.
    async fn ask(&self, ask: SubAsk<'_>) -> Vec<SubAnswer>;
}

/// One batch of plain sub-calls.
pub(crate) struct SubAsk<'a> {
    pub(crate) path: &'a CallPath,
    /// The level's number of the first call; the others follow.
    pub(crate) first: u32,
    /// What the level's wall time leaves.
    pub(crate) patience: Duration,
    pub(crate) calls: Vec<LmCall>,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) progress: &'a (dyn Fn(BatchProgress) + Sync),
}

/// What a root call came to.
pub(crate) struct RootAnswer(pub(crate) Result<Reply, EngineError>);

impl RootAnswer {
    pub(crate) fn timings(&self) -> Timings {
        self.0
            .as_ref()
            .map(|reply| reply.timings)
            .unwrap_or_default()
    }

    pub(crate) fn input(&self, call: CallNumber) -> Input {
        match &self.0 {
            Ok(reply) => Input::RootDone {
                call,
                reply: RootReply {
                    text: reply.text.clone(),
                    finish: reply.finish,
                    usage: reply.usage,
                },
            },
            Err(error) => Input::RootFailed {
                call,
                failure: RootFailure {
                    kind: failure_kind(error),
                    reason: error.to_string(),
                    next: crate::next::after_call(error).to_owned(),
                    partial: error.partial().unwrap_or_default().to_owned(),
                },
            },
        }
    }
}

fn failure_kind(error: &EngineError) -> FailureKind {
    match error {
        EngineError::TooLong { over, .. } => FailureKind::TooLong { over: *over },
        EngineError::Busy { retry_after_ms, .. } => FailureKind::Retryable {
            after: retry_after_ms.map(std::time::Duration::from_millis),
        },
        EngineError::Unreachable { .. }
        | EngineError::Garbled { .. }
        | EngineError::Died {
            asked_again: false, ..
        } => FailureKind::Retryable { after: None },
        EngineError::Unsupported { .. }
        | EngineError::Refused { .. }
        | EngineError::Deadline { .. }
        | EngineError::Died {
            asked_again: true, ..
        }
        | EngineError::NotRecorded { .. } => FailureKind::Fatal,
    }
}

/// What a sub-call came to, whatever answered it.
#[derive(Clone, Debug)]
pub(crate) struct SubAnswer {
    pub(crate) text: Result<String, String>,
    pub(crate) model: String,
    pub(crate) usage: Usage,
    pub(crate) timings: Timings,
    pub(crate) cached: bool,
    /// What a child level spent; its own calls are in there, not in `usage`.
    pub(crate) child: Option<Tally>,
}

impl SubAnswer {
    pub(crate) fn failed(reason: String) -> SubAnswer {
        SubAnswer {
            text: Err(reason),
            model: String::new(),
            usage: Usage::default(),
            timings: Timings::default(),
            cached: false,
            child: None,
        }
    }

    /// A reply that was cut at its token limit is still a reply; a cancelled one is not.
    pub(crate) fn of_reply(model: &str, reply: Reply, cached: bool) -> SubAnswer {
        let text = match reply.finish {
            Finish::End | Finish::Stop | Finish::Length => Ok(reply.text),
            Finish::Cancelled => Err("the call was cancelled".to_owned()),
        };
        SubAnswer {
            text,
            model: model.to_owned(),
            usage: reply.usage,
            timings: reply.timings,
            cached,
            child: None,
        }
    }

    pub(crate) fn of_child(outcome: JobOutcome) -> SubAnswer {
        let why = match &outcome.ending {
            Ending::Answered => "the child gave no answer".to_owned(),
            Ending::Limit { limit } => format!("the child reached its limit on {limit}"),
            Ending::Cancelled => "the child was cancelled".to_owned(),
            Ending::Failed { reason } => reason.clone(),
        };
        let mut answer = SubAnswer::failed(why);
        answer.child = Some(outcome.tally);
        if let Some(text) = outcome.answer {
            answer.text = Ok(text);
        }
        answer
    }

    pub(crate) fn result(&self) -> SubCallResult {
        SubCallResult {
            ok: self.text.is_ok(),
            cached: self.cached,
            usage: self.usage,
            child: self.child,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_final_where_the_engine_has_asked_again() {
        let kind = |asked_again| {
            failure_kind(&EngineError::Died {
                reason: "a C++ assertion".to_owned(),
                partial: String::new(),
                asked_again,
            })
        };
        assert_eq!(kind(true), FailureKind::Fatal);
        assert_eq!(kind(false), FailureKind::Retryable { after: None });
    }
}
