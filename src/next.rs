//! What a person can do about a failure: one step for each kind, told behind what happened and why.

use crate::engines::OpenModelError;
use crate::job::{JobError, JobReport, RequestError};
use base::{Ending, LimitKind};
use dispatch::AddModelError;
use engine::{EngineError, RecordingError};
use engine_llama::OpenError;
use models::StoreError;

/// After a job that could not start; nothing where it was cancelled.
pub(crate) fn after_start(error: &JobError) -> Option<String> {
    let step = match error {
        JobError::Cancelled { .. } => return None,
        JobError::Request(RequestError::NoQuestion) => "say what is to be found out",
        JobError::Request(RequestError::OutOfRange { field, .. }) => {
            return Some(format!(
                "give `{field}` within its bounds, or leave it out for the node's own setting"
            ));
        }
        JobError::Model(error) => return Some(after_opening(error)),
        JobError::Context(error) => after_context(error),
        JobError::Read(_) => "see that nothing changes the files of --context, then ask again",
        JobError::Name(_) => "`rlm-ctl model list` shows the names of the catalog",
        JobError::Profile(_) | JobError::UnknownProfile { .. } | JobError::PromptFile { .. } => {
            "mend the prompt files, or leave --profile out"
        }
        JobError::Repl { .. } => {
            "see that the disk has room, delete `rlm/repl` in your cache folder, then ask again"
        }
        JobError::Trace { .. } => "name a file in a folder of yours with --trace FILE",
        JobError::Dispatch(_) => {
            "name another folder with RLM_CACHE_DIR, or ask with RLM_CACHE_ENABLED=false"
        }
        JobError::Changed { .. } => {
            "say where the job's files are now with --context, and take the program that ran it"
        }
    };
    Some(step.to_owned())
}

/// After a job that ran and was not answered.
pub(crate) fn after_job(report: &JobReport) -> Option<String> {
    let step = match &report.outcome.ending {
        Ending::Answered | Ending::Cancelled => return None,
        Ending::Limit { limit } => after_limit(*limit).to_owned(),
        Ending::Failed { .. } => match &report.trace {
            Some(trace) => format!(
                "`rlm-ctl trace show {}` tells how far it came",
                trace.display()
            ),
            None => "ask again with --trace FILE; `rlm-ctl trace show FILE` tells how far it came"
                .to_owned(),
        },
    };
    Some(step)
}

/// After a call that gave no reply, tried again or not.
pub(crate) fn after_call(error: &EngineError) -> &'static str {
    match error {
        EngineError::TooLong { .. } => "take a model with a larger window (--model)",
        EngineError::Unsupported { .. } => "take another model (--model)",
        EngineError::Refused { .. } => "check the model's name and the key of its server",
        EngineError::Unreachable { .. } => "start its server, or mend the address in its name",
        EngineError::Garbled { .. } => {
            "check that the address is that of a model server of this kind, and read its log"
        }
        EngineError::Busy { .. } => "ask later, or fewer calls at once (--max-concurrent 4)",
        EngineError::Died { .. } => {
            "ask again; if it dies again, take a smaller model (--model) or close something"
        }
        EngineError::Deadline { .. } => {
            "allow each call more time (RLM_DISPATCH_CALL_DEADLINE=15m), or take a quicker model \
             (--model)"
        }
        EngineError::NotRecorded { .. } => AFTER_MISS,
    }
}

fn after_limit(limit: LimitKind) -> &'static str {
    match limit {
        LimitKind::Turns => "allow more turns with --max-turns N",
        LimitKind::SubCalls => "allow more sub-calls with --max-sub-calls N",
        LimitKind::Tokens => "allow more tokens with --max-tokens N",
        LimitKind::Wall => "allow more time with --max-time TIME",
        LimitKind::Depth => "allow more levels with --max-depth N",
        LimitKind::ConsecutiveErrors => {
            "allow more errors with --max-errors N, or take a larger model with --model"
        }
    }
}

fn after_context(error: &context::OpenError) -> &'static str {
    use context::OpenError::{Changed, HalfCharacter, Shrank, TooLarge, TooManyFiles};
    if matches!(error, TooLarge { .. } | TooManyFiles { .. }) {
        "name less with --context, or raise RLM_CONTEXT_MAX_BYTES or RLM_CONTEXT_MAX_FILES"
    } else if matches!(error, Shrank { .. } | Changed { .. } | HalfCharacter { .. }) {
        "ask again once its writer is done, or give --context a copy"
    } else {
        "give --context a file or a folder of text, or `-` for standard input"
    }
}

fn after_opening(error: &OpenModelError) -> String {
    let step = match error {
        OpenModelError::Store(StoreError::NotInstalled { name }) => {
            return format!("rlm-ctl model pull {name}");
        }
        OpenModelError::Store(StoreError::Damaged { name, .. }) => {
            return format!("rlm-ctl model rm {name}, then rlm-ctl model pull {name}");
        }
        OpenModelError::Server(error)
        | OpenModelError::Dispatch(AddModelError::NoFacts { source: error, .. }) => {
            after_call(error)
        }
        OpenModelError::Store(StoreError::Busy { .. })
        | OpenModelError::Dispatch(AddModelError::Stopped) => "ask again in a while",
        OpenModelError::Store(StoreError::Io { .. }) => "look at that folder's owner and rights",
        OpenModelError::Open(OpenError::Memory { .. }) => {
            "take a smaller model with --model, or lower RLM_ENGINE_LLAMA_CELLS"
        }
        OpenModelError::Store(StoreError::Unknown(_))
        | OpenModelError::Inspect(_)
        | OpenModelError::Open(_) => "take another model with --model: see rlm-ctl model list",
        OpenModelError::Catalog(_) | OpenModelError::CatalogFile { .. } => {
            "mend the file that `models.catalog` names: see rlm-ctl config show --origin"
        }
        OpenModelError::Key(_) => "mend the key's file: see rlm-ctl config show --origin",
        OpenModelError::Web(_) => "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
        OpenModelError::Program(_) => "start the program by its whole path",
        OpenModelError::NotRecorded { .. } => {
            "name the models that were recorded (--model, --sub-model), or record this job, too, \
             into another folder (--record DIR in place of --replay DIR)"
        }
        OpenModelError::Recording(
            RecordingError::Unreadable { .. } | RecordingError::Unwritable { .. },
        ) => "name a folder of yours, on a disk with room",
        OpenModelError::Recording(RecordingError::InUse { .. }) => {
            "record into another folder (--record DIR), or ask again when that process has ended"
        }
        OpenModelError::Recording(RecordingError::Taken { .. }) => {
            "record into another folder (--record DIR), or delete the recording that is there"
        }
        OpenModelError::Recording(_) => "record the job again into another folder (--record DIR)",
    };
    step.to_owned()
}

/// After a replay that asked for what its recording does not have.
pub(crate) const AFTER_MISS: &str = "ask with the context, question, flags and program that were \
    recorded, or record this job, too, into another folder (--record DIR in place of --replay DIR)";

#[cfg(test)]
mod tests {
    use super::*;
    use base::{JobId, JobOutcome, Tally};

    #[test]
    fn what_stops_a_job_before_it_starts_has_a_step() {
        let busy = EngineError::Busy {
            engine: "box".to_owned(),
            reason: "503".to_owned(),
            retry_after_ms: None,
        };
        let missing = StoreError::NotInstalled {
            name: "m".to_owned(),
        };
        let cut = RecordingError::Cut {
            file: "m.jsonl".to_owned(),
        };
        let taken = RecordingError::Taken {
            place: "tape".to_owned(),
        };
        let reason = "no space".to_owned();
        let turns = RequestError::OutOfRange {
            field: "max_turns",
            given: "0".to_owned(),
            expected: "more".to_owned(),
        };
        for (error, step) in [
            (JobError::Model(busy.into()), "--max-concurrent"),
            (JobError::Model(missing.into()), "rlm-ctl model pull m"),
            (JobError::Repl { reason }, "room"),
            (JobError::Changed { what: "it" }, "--context"),
            (JobError::Model(cut.into()), "--record DIR"),
            (JobError::Model(taken.into()), "into another folder"),
            (JobError::Request(turns), "give `max_turns` within"),
        ] {
            let next = after_start(&error).unwrap_or_default();
            assert!(next.contains(step), "{error}: {next}");
        }
        let during = "loading the model".to_owned();
        assert_eq!(after_start(&JobError::Cancelled { during }), None);
    }

    #[test]
    fn a_job_that_was_not_answered_says_what_to_do() {
        let limit = |limit| Ending::Limit { limit };
        let failed = Ending::Failed {
            reason: "gone".to_owned(),
        };
        for (ending, step) in [
            (limit(LimitKind::Wall), Some("--max-time")),
            (limit(LimitKind::Turns), Some("--max-turns")),
            (failed, Some("rlm-ctl trace show /t/job.jsonl")),
            (Ending::Answered, None),
            (Ending::Cancelled, None),
        ] {
            let report = JobReport {
                job: JobId(1),
                outcome: JobOutcome {
                    ending,
                    answer: None,
                    tally: Tally::default(),
                },
                seconds: 1.0,
                trace: Some("/t/job.jsonl".into()),
                trace_failure: None,
            };
            let next = after_job(&report);
            assert_eq!(next.is_some(), step.is_some(), "{report:?}");
            assert!(next.unwrap_or_default().contains(step.unwrap_or_default()));
        }
    }
}
