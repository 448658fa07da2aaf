//! Runs a job again from its trace, without a model: the same machine, fed with the recorded inputs
//! at the recorded times, and the same blocks in a new REPL, whose model calls are answered from
//! the journal. Everything that the job did must come out again to the byte; the first difference
//! is told.

use super::line::{JournalNote, TraceLine, calls_hash};
use super::reader::Trace;
use base::{CallPath, Message};
use orchestrator::{Effect, Input, Job, RootCall, Setup};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    pub root_calls: usize,
    pub blocks: usize,
    /// Bytes of output that were compared.
    pub bytes: usize,
    pub finished: bool,
}

/// Where the second run differs from the first.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{what} differs\n  recorded: {recorded}\n  now:      {now}")]
    Differs {
        what: String,
        recorded: String,
        now: String,
    },
    #[error("the trace has {what}, but the machine did not ask for it")]
    NotAsked { what: String },
    #[error("the REPL failed: {0}")]
    Repl(#[from] repl::SessionError),
}

/// Replays the job's root level. `session` is a new session over the same context.
pub async fn replay(
    trace: &Trace,
    setup: Setup,
    session: repl::Session,
) -> Result<ReplayReport, ReplayError> {
    let root = CallPath::root();
    let mut run = Run {
        job: None,
        setup: Some(setup),
        session,
        calls: VecDeque::new(),
        blocks: VecDeque::new(),
        finish: None,
        sent: Vec::new(),
        report: ReplayReport::default(),
    };
    for line in &trace.lines {
        match line {
            TraceLine::Input { path, at, input } if *path == root => run.step(*at, input.clone()),
            TraceLine::Root {
                path,
                at,
                kept,
                messages,
                input,
                ..
            } if *path == root => {
                run.root_call(*kept, messages)?;
                run.step(*at, input.clone());
            }
            TraceLine::Block {
                path,
                at,
                block,
                code,
                outcome,
                journal,
                ..
            } if *path == root => {
                let report = run.block(code, outcome, journal).await?;
                run.step(
                    *at,
                    Input::BlockDone {
                        block: *block,
                        report,
                    },
                );
            }
            TraceLine::End { path, outcome, .. } if *path == root => {
                let Some(now) = run.finish.take() else {
                    return Err(ReplayError::NotAsked {
                        what: "an end".to_owned(),
                    });
                };
                same("the outcome", outcome, &now)?;
                run.report.finished = true;
            }
            // Of children the parent's journal has the answers; the rest follows from the inputs.
            TraceLine::Job(_)
            | TraceLine::Child { .. }
            | TraceLine::Input { .. }
            | TraceLine::Root { .. }
            | TraceLine::SubCall(_)
            | TraceLine::Block { .. }
            | TraceLine::Decision { .. }
            | TraceLine::End { .. } => {}
        }
    }
    Ok(run.report)
}

struct Run {
    job: Option<Job>,
    setup: Option<Setup>,
    session: repl::Session,
    calls: VecDeque<RootCall>,
    blocks: VecDeque<String>,
    finish: Option<base::JobOutcome>,
    sent: Vec<Message>,
    report: ReplayReport,
}

impl Run {
    fn step(&mut self, at: base::Time, input: Input) {
        if let Some(setup) = self.setup.take() {
            self.job = Some(Job::new(setup, at));
        }
        let Some(job) = &mut self.job else { return };
        let mut out = Vec::new();
        job.step(at, input, &mut out);
        for effect in out {
            match effect {
                Effect::CallRoot(call) => self.calls.push_back(call),
                Effect::RunBlock { code, .. } => self.blocks.push_back(code),
                Effect::Finish(outcome) => self.finish = Some(outcome),
                Effect::StopRoot { .. }
                | Effect::StopBlock { .. }
                | Effect::AdmitSubCalls(_)
                | Effect::Trace(_) => {}
            }
        }
    }

    /// The machine must have asked the root for just what the trace says.
    fn root_call(&mut self, kept: usize, messages: &[Message]) -> Result<(), ReplayError> {
        let Some(call) = self.calls.pop_front() else {
            return Err(ReplayError::NotAsked {
                what: "a root call".to_owned(),
            });
        };
        self.sent.truncate(kept);
        self.sent.extend_from_slice(messages);
        same("a prompt of the root", &self.sent, &call.messages)?;
        self.report.root_calls += 1;
        Ok(())
    }

    async fn block(
        &mut self,
        code: &str,
        recorded: &repl::BlockOutcome,
        journal: &[JournalNote],
    ) -> Result<orchestrator::BlockReport, ReplayError> {
        let Some(asked) = self.blocks.pop_front() else {
            return Err(ReplayError::NotAsked {
                what: "a block".to_owned(),
            });
        };
        same("a block's code", &code, &asked.as_str())?;
        let host = JournalHost::new(journal);
        let mut outcome = self.session.run(code, &host).await?;
        if let Some(difference) = host.difference() {
            return Err(ReplayError::Differs {
                what: "a sub-call of a block".to_owned(),
                recorded: difference,
                now: "another call".to_owned(),
            });
        }
        // The journal was compared call by call; how long the guest ran is not the job's.
        outcome.journal = Vec::new();
        outcome.guest_time = recorded.guest_time;
        same("what a block did", recorded, &outcome)?;
        self.report.blocks += 1;
        self.report.bytes += recorded.stdout.len();
        Ok(crate::job::report(&outcome))
    }
}

fn same<T: PartialEq + serde::Serialize + ?Sized>(
    what: &str,
    recorded: &T,
    now: &T,
) -> Result<(), ReplayError> {
    if recorded == now {
        return Ok(());
    }
    let (recorded, now) = (json(recorded), json(now));
    let (recorded, now) = from_difference(&recorded, &now);
    Err(ReplayError::Differs {
        what: what.to_owned(),
        recorded,
        now,
    })
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

/// Characters of each side that are shown, beginning a little before the difference.
const SHOWN: usize = 160;

fn from_difference(left: &str, right: &str) -> (String, String) {
    let equal = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let from = equal.saturating_sub(20);
    let part = |text: &str| text.chars().skip(from).take(SHOWN).collect();
    (part(left), part(right))
}

/// Answers a block's model calls from its journal.
struct JournalHost {
    // The REPL asks through a shared reference, one batch at a time.
    state: Mutex<(VecDeque<JournalNote>, Option<String>)>,
}

impl JournalHost {
    fn new(journal: &[JournalNote]) -> JournalHost {
        JournalHost {
            state: Mutex::new((journal.iter().cloned().collect(), None)),
        }
    }

    /// The first call that the journal does not have, or what it has over.
    fn difference(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.0.len();
        state
            .1
            .clone()
            .or_else(|| (left > 0).then(|| format!("{left} more batches of calls")))
    }
}

#[async_trait::async_trait]
impl repl::Host for JournalHost {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = calls_hash(&calls);
        match state.0.pop_front() {
            Some(note) if note.calls == hash => note.results,
            other => {
                let recorded = other.map_or("no call".to_owned(), |note| note.calls.short());
                state.1.get_or_insert(recorded);
                vec![Err("the trace has no such call".to_owned()); calls.len()]
            }
        }
    }
}
