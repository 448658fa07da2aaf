//! Runs a job again from its trace, without a model: for the root and for every child the same
//! machine, fed with the recorded inputs at the recorded times, and the same blocks in a new REPL,
//! whose model calls are answered from the journal. Everything that the job did must come out again
//! to the byte; the first difference is told.
//!
//! A child's question and text stand nowhere in the trace: they are what the parent's block asks
//! for when it runs again. So levels are replayed from the root down.

use super::heard::{Heard, JournalHost};
use super::line::{JournalNote, TraceLine};
use super::quote::TracedMessage;
use super::reader::Trace;
use crate::job::{Replaying, SubAnswer, child_task};
use base::{Budgets, CallPath, ContentHash, JobOutcome, Message};
use context::Context;
use orchestrator::{Admission, Effect, Input, Job, RootCall, Setup};
use std::collections::VecDeque;

/// What a replay found the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    pub root_calls: usize,
    pub blocks: usize,
    /// Bytes of output that were compared.
    pub bytes: usize,
    /// Levels below the root.
    pub children: usize,
    pub finished: bool,
}

/// Where the second run differs from the first.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{what} of level {level} differs\n  recorded: {recorded}\n  now:      {now}")]
    Differs {
        level: CallPath,
        what: String,
        recorded: String,
        now: String,
    },
    #[error("the trace has {what} of level {level}, but the machine did not ask for it")]
    NotAsked { level: CallPath, what: String },
    #[error("the REPL failed: {0}")]
    Repl(#[from] repl::SessionError),
    #[error("level {level} cannot be set up: {reason}")]
    Level { level: CallPath, reason: String },
}

/// Replays the job's root and then every level below it.
pub async fn replay(trace: &Trace, replaying: Replaying) -> Result<ReplayReport, ReplayError> {
    let Replaying {
        setup,
        session,
        stage,
    } = replaying;
    let mut root = Run::new(CallPath::root(), setup, session);
    root.level(trace).await?;
    let mut report = root.report;
    let mut open = VecDeque::from(root.children);
    while let Some(child) = open.pop_front() {
        let fault = |reason| ReplayError::Level {
            level: child.path.clone(),
            reason,
        };
        let context = Context::from_text(child.text);
        let set = stage
            .set(child.question, context.into(), child.budgets)
            .await;
        let (setup, session) = set.map_err(fault)?;
        let mut run = Run::new(child.path.clone(), setup, session);
        run.level(trace).await?;
        run.answered(&child.answer)?;
        report.root_calls += run.report.root_calls;
        report.blocks += run.report.blocks;
        report.bytes += run.report.bytes;
        report.children += 1;
        open.extend(run.children);
    }
    Ok(report)
}

/// A child as its parent's block asked for it.
struct Child {
    path: CallPath,
    question: String,
    text: String,
    budgets: Budgets,
    /// What the parent was given.
    answer: Result<String, String>,
}

/// One level that runs again.
struct Run {
    path: CallPath,
    job: Option<Job>,
    setup: Option<Setup>,
    session: repl::Session,
    calls: VecDeque<RootCall>,
    blocks: VecDeque<String>,
    admissions: VecDeque<Admission>,
    /// Children of the trace that no call was found for yet, in their order.
    named: VecDeque<(CallPath, String, ContentHash)>,
    children: Vec<Child>,
    finish: Option<JobOutcome>,
    sent: Vec<Message>,
    report: ReplayReport,
}

impl Run {
    fn new(path: CallPath, setup: Setup, session: repl::Session) -> Run {
        Run {
            path,
            job: None,
            setup: Some(setup),
            session,
            calls: VecDeque::new(),
            blocks: VecDeque::new(),
            admissions: VecDeque::new(),
            named: VecDeque::new(),
            children: Vec::new(),
            finish: None,
            sent: Vec::new(),
            report: ReplayReport::default(),
        }
    }

    /// Takes every line of this level.
    async fn level(&mut self, trace: &Trace) -> Result<(), ReplayError> {
        self.named = children_of(&self.path, &trace.lines);
        for line in &trace.lines {
            match line {
                TraceLine::Input { path, at, input } if *path == self.path => {
                    self.step(*at, input.clone());
                }
                TraceLine::Root {
                    path,
                    at,
                    kept,
                    messages,
                    input,
                    ..
                } if *path == self.path => {
                    self.root_call(*kept, messages)?;
                    self.step(*at, input.clone());
                }
                TraceLine::Block { path, .. } if *path == self.path => self.block(line).await?,
                TraceLine::End { path, outcome, .. } if *path == self.path => {
                    let now = self.finish.take().ok_or_else(|| self.not_asked("an end"))?;
                    self.same("the outcome", outcome, &now)?;
                    self.report.finished = true;
                }
                // What the others tell follows from these.
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
        Ok(())
    }

    fn step(&mut self, at: base::Time, input: Input) {
        if let Some(setup) = self.setup.take() {
            self.job = Some(Job::new(setup, at));
        }
        let Some(job) = &mut self.job else { return };
        if matches!(input, Input::BlockFailed { .. }) {
            // Its REPL failed: there is nothing of it that could be compared.
            self.blocks.pop_front();
            self.admissions.clear();
        }
        let mut out = Vec::new();
        job.step(at, input, &mut out);
        for effect in out {
            match effect {
                Effect::CallRoot(call) => self.calls.push_back(call),
                Effect::RunBlock { code, .. } => self.blocks.push_back(code),
                Effect::AdmitSubCalls(admission) => self.admissions.push_back(admission),
                Effect::Finish(outcome) => self.finish = Some(outcome),
                Effect::StopRoot { .. } | Effect::StopBlock { .. } | Effect::Trace(_) => {}
            }
        }
    }

    /// The machine must have asked the root for just what the trace says.
    fn root_call(&mut self, kept: usize, messages: &[TracedMessage]) -> Result<(), ReplayError> {
        let call = self.calls.pop_front();
        let call = call.ok_or_else(|| self.not_asked("a root call"))?;
        self.sent.truncate(kept);
        let new = messages.iter().map(TracedMessage::message);
        self.sent.extend(new);
        self.same("a prompt of the root", &self.sent, &call.messages)?;
        self.report.root_calls += 1;
        Ok(())
    }

    async fn block(&mut self, line: &TraceLine) -> Result<(), ReplayError> {
        let TraceLine::Block {
            at,
            block,
            code,
            outcome: recorded,
            journal,
            ..
        } = line
        else {
            return Ok(());
        };
        let asked = self.blocks.pop_front();
        let asked = asked.ok_or_else(|| self.not_asked("a block"))?;
        self.same("a block's code", code, &asked)?;
        let outcome = match was_cut_off(recorded) {
            true => self.cut_off(code, recorded, journal).await?,
            false => self.rerun(code, recorded, journal).await?,
        };
        self.same("what a block did", recorded.as_ref(), &outcome)?;
        self.report.blocks += 1;
        self.report.bytes += recorded.stdout.len();
        let report = crate::job::report(&outcome);
        let block = *block;
        self.step(*at, Input::BlockDone { block, report });
        Ok(())
    }

    async fn rerun(
        &mut self,
        code: &str,
        recorded: &repl::BlockOutcome,
        journal: &[JournalNote],
    ) -> Result<repl::BlockOutcome, ReplayError> {
        let host = JournalHost::new(journal, None);
        let mut outcome = self.session.run(code, &host).await?;
        self.heard(host.heard())?;
        // The journal was compared call by call; how long the guest ran is not the job's.
        outcome.journal = Vec::new();
        outcome.guest_time = recorded.guest_time;
        Ok(outcome)
    }

    /// A block that was cut off by a clock: how far it came depends on the machine. Its calls are
    /// made again up to the last that was answered, for its children; what it did is undone, as it
    /// was then.
    async fn cut_off(
        &mut self,
        code: &str,
        recorded: &repl::BlockOutcome,
        journal: &[JournalNote],
    ) -> Result<repl::BlockOutcome, ReplayError> {
        if !journal.is_empty() {
            let host = JournalHost::new(journal, Some(self.session.stopper()));
            self.session.run(code, &host).await?;
            self.session.undo();
            self.heard(host.heard())?;
        }
        Ok(recorded.clone())
    }

    fn heard(&mut self, heard: Heard) -> Result<(), ReplayError> {
        if let Some(difference) = heard.difference() {
            return Err(ReplayError::Differs {
                level: self.path.clone(),
                what: "a sub-call of a block".to_owned(),
                recorded: difference,
                now: "another call".to_owned(),
            });
        }
        for (calls, results) in heard.answered {
            self.batch(calls, results)?;
        }
        Ok(())
    }

    /// Finds the children of one batch: the trace names each by its question and its text's hash.
    fn batch(
        &mut self,
        calls: Vec<repl::LmCall>,
        results: Vec<Result<String, String>>,
    ) -> Result<(), ReplayError> {
        let Some(admission) = self.admissions.pop_front() else {
            return Ok(());
        };
        let recursive = calls
            .iter()
            .any(|call| call.kind == repl::LmKind::Recursive);
        let Some(budgets) = admission.child.filter(|_| recursive) else {
            return Ok(());
        };
        let granted = usize::try_from(admission.granted).unwrap_or(usize::MAX);
        for (call, answer) in calls.into_iter().zip(results).take(granted) {
            let (question, text) = child_task(call);
            let hash = Context::from_text(text.clone()).hash();
            let found = self
                .named
                .iter()
                .position(|(_, asked, of)| *asked == question && *of == hash);
            let named = found.and_then(|found| self.named.remove(found));
            match (named, answer) {
                (Some((path, ..)), answer) => self.children.push(Child {
                    path,
                    question,
                    text,
                    budgets,
                    answer,
                }),
                // It was refused, or stopped before it began.
                (None, Err(_)) => {}
                (None, Ok(_)) => return Err(self.not_asked("the answer of a child")),
            }
        }
        Ok(())
    }

    /// What the parent was given must be what this level came to.
    fn answered(&mut self, recorded: &Result<String, String>) -> Result<(), ReplayError> {
        let begun = self.job.is_some();
        match self.finish.take() {
            Some(outcome) => self.same("the answer", recorded, &SubAnswer::of_child(outcome).text),
            None if begun => Err(self.not_asked("the answer")),
            // It could not start, which its parent was told.
            None => Ok(()),
        }
    }

    fn not_asked(&self, what: &str) -> ReplayError {
        ReplayError::NotAsked {
            level: self.path.clone(),
            what: what.to_owned(),
        }
    }

    fn same<T: PartialEq + serde::Serialize + ?Sized>(
        &self,
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
            level: self.path.clone(),
            what: what.to_owned(),
            recorded,
            now,
        })
    }
}

/// Whether a clock ended the block.
fn was_cut_off(outcome: &repl::BlockOutcome) -> bool {
    let error = outcome.error.as_ref().filter(|error| error.rolled_back);
    error.is_some_and(|error| [repl::TIME_LIMIT, repl::STOPPED].contains(&error.kind.as_str()))
}

/// The levels right below `level`, in the order of their numbers.
fn children_of(level: &CallPath, lines: &[TraceLine]) -> VecDeque<(CallPath, String, ContentHash)> {
    let mut found: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let TraceLine::Child {
                path,
                question,
                context,
            } = line
            else {
                return None;
            };
            let (_, above) = path.0.split_last()?;
            (above == level.0).then(|| (path.clone(), question.clone(), context.hash))
        })
        .collect();
    found.sort_by(|one, other| one.0.0.cmp(&other.0.0));
    found.into()
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
