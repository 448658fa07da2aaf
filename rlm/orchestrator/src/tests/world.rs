//! The world around a job in the property tests: it answers as told, late and in between, and
//! holds each step against the budgets with books of its own.

use super::harness::reply;
use crate::*;
use base::{Budgets, Finish, Tally, Time};
use std::time::Duration;

/// A job under watch, and the world around it.
pub(crate) struct World {
    pub(crate) job: Job,
    watch: Watch,
    now: Time,
    window: Option<u32>,
    waiting: Option<Waiting>,
    batches: u64,
}

/// What the job waits for.
#[derive(Clone, Copy)]
enum Waiting {
    Root(CallNumber),
    Block(BlockNumber),
}

impl World {
    pub(crate) fn of(setup: Setup) -> World {
        World {
            watch: Watch {
                budgets: setup.budgets,
                granted: 0,
                errors: 0,
                started: false,
                finished: false,
            },
            now: Time::ZERO,
            window: setup.window,
            waiting: None,
            batches: 0,
            job: Job::new(setup, Time::ZERO),
        }
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    /// Steps the job and holds what it does against its budgets.
    pub(crate) fn check_step(&mut self, input: Input) -> Vec<Effect> {
        let before = self.job.tally();
        self.watch.started |= input == Input::Start;
        let mut out = Vec::new();
        self.job.step(self.now, input.clone(), &mut out);
        self.watch.check(&self.job, &before, self.now, &input, &out);
        for effect in &out {
            if let Effect::CallRoot(call) = effect {
                let most = self.window.unwrap_or(u32::MAX);
                assert!((1..=most).contains(&call.max_tokens));
                self.waiting = Some(Waiting::Root(call.call));
            } else if let Effect::RunBlock { block, .. } = effect {
                self.waiting = Some(Waiting::Block(*block));
            }
        }
        out
    }

    /// Time passes, and whatever runs asks for sub-calls and gets their results.
    pub(crate) fn meanwhile(&mut self, reaction: &Reaction) {
        self.pass(reaction.millis);
        if reaction.tick {
            self.check_step(Input::Tick);
        }
        let Some((count, recursive, result)) = reaction.sub_calls else {
            return;
        };
        let batch = BatchNumber(self.batches);
        self.batches += 1;
        let out = self.check_step(Input::SubCallsAsked {
            batch,
            count,
            recursive,
        });
        for effect in out {
            if let Effect::AdmitSubCalls(admission) = effect {
                for _ in 0..admission.granted {
                    self.check_step(Input::SubCallDone { batch, result });
                }
            }
        }
    }

    /// Answers what the job waits for, if it still does.
    pub(crate) fn answer(&mut self, reaction: &Reaction) {
        if self.job.is_finished() {
            return;
        }
        let waiting = self.waiting.take().expect("something is under way");
        self.check_step(match waiting {
            Waiting::Root(call) if reaction.which == 0 => Input::RootFailed {
                call,
                failure: reaction.refusal.clone(),
            },
            Waiting::Root(call) => Input::RootDone {
                call,
                reply: reply(&reaction.said, reaction.end),
            },
            Waiting::Block(block) if reaction.which == 1 => Input::BlockFailed {
                block,
                reason: "r".into(),
                restarted: true,
            },
            Waiting::Block(block) => Input::BlockDone {
                block,
                report: reaction.ran.clone(),
            },
        });
    }
}

/// How the world meets what the job does next.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) said: String,
    pub(crate) end: Finish,
    pub(crate) refusal: RootFailure,
    pub(crate) ran: BlockReport,
    pub(crate) which: u8,
    /// How late it is by then, and whether the job is told before.
    pub(crate) millis: u64,
    pub(crate) tick: bool,
    /// Asked for before the answer: how many, and of children.
    pub(crate) sub_calls: Option<(u32, bool, SubCallResult)>,
}

/// Watches every effect of a job against its budgets.
struct Watch {
    budgets: Budgets,
    granted: u64,
    /// Failed turns in a row, by a count of its own.
    errors: u32,
    started: bool,
    finished: bool,
}

impl Watch {
    fn check(&mut self, job: &Job, before: &Tally, now: Time, input: &Input, out: &[Effect]) {
        assert!(!self.finished || out.is_empty(), "effects after the end");
        let over = now >= Time::ZERO + self.budgets.wall;
        self.end_row(input, out);
        for effect in out {
            assert!(!self.finished, "an effect after the end");
            let paid = match effect {
                Effect::CallRoot(call) => {
                    self.check_turn(call);
                    true
                }
                Effect::AdmitSubCalls(admission) => {
                    self.check_admission(admission, input);
                    admission.granted > 0
                }
                Effect::Finish(_) => {
                    self.finished = true;
                    false
                }
                Effect::Trace(event) => {
                    self.count_failed(event);
                    false
                }
                Effect::StopRoot { .. } | Effect::RunBlock { .. } | Effect::StopBlock { .. } => {
                    false
                }
            };
            if paid {
                assert!(
                    job.tally().tokens() < self.budgets.tokens,
                    "unpaid, before: {before:?}"
                );
                assert!(
                    !over || self.finished || is_stopped(out),
                    "too late; before: {before:?}"
                );
            }
        }
        assert!(job.tally().turns <= self.budgets.turns);
        assert!(self.granted <= u64::from(self.budgets.sub_calls));
        assert_eq!(job.is_finished(), self.finished);
        assert!(
            self.finished || !(over && self.started),
            "goes on past its time"
        );
    }

    /// One failed turn is always allowed, or there would be none.
    fn most_errors(&self) -> u32 {
        self.budgets.consecutive_errors.max(1)
    }

    fn check_turn(&self, call: &RootCall) {
        let may_go_on = self.errors < self.most_errors();
        assert!(may_go_on || call.purpose == Purpose::Last, "one too many");
    }

    /// A child is one level deeper, and all of a batch share what is left.
    fn check_admission(&mut self, admission: &Admission, input: &Input) {
        let granted = u64::from(admission.granted);
        self.granted += granted;
        let Some(child) = admission.child else {
            return;
        };
        let recursive = matches!(
            input,
            Input::SubCallsAsked {
                recursive: true,
                ..
            }
        );
        assert!(recursive, "nobody asked for children");
        assert_eq!(child.depth + 1, self.budgets.depth);
        let sub_calls = granted * (1 + u64::from(child.sub_calls));
        assert!(sub_calls <= u64::from(self.budgets.sub_calls));
        assert!(granted.saturating_mul(child.tokens) <= self.budgets.tokens);
        assert!(child.wall <= self.budgets.wall);
    }

    fn count_failed(&mut self, event: &TraceEvent) {
        if let Some(told) = failed(event) {
            self.errors += 1;
            assert_eq!(told, self.errors, "{event:?}");
            assert!(told <= self.most_errors(), "{event:?}");
        }
    }

    /// A turn that did not fail ends the row: its block ran, or its answer was sent back.
    fn end_row(&mut self, input: &Input, out: &[Effect]) {
        let goes_on = out
            .iter()
            .any(|effect| matches!(effect, Effect::CallRoot(_) | Effect::RunBlock { .. }));
        let ran = goes_on && matches!(input, Input::BlockDone { .. });
        let sent_back = traced(out, |event| {
            matches!(event, TraceEvent::AnswerRejected { .. })
        });
        if (ran || sent_back) && !traced(out, |event| failed(event).is_some()) {
            self.errors = 0;
        }
    }
}

fn traced(out: &[Effect], wanted: impl Fn(&TraceEvent) -> bool) -> bool {
    out.iter()
        .any(|effect| matches!(effect, Effect::Trace(event) if wanted(event)))
}

/// How many turns in a row have failed, where the event says that one has.
fn failed(event: &TraceEvent) -> Option<u32> {
    if let TraceEvent::NoCode { errors, .. }
    | TraceEvent::CodeCut { errors, .. }
    | TraceEvent::BlockFaulted { errors, .. } = event
    {
        Some(*errors)
    } else {
        None
    }
}

/// A call in the same step in which the time ran out: it is stopped before the step ends.
fn is_stopped(out: &[Effect]) -> bool {
    matches!(out.last(), Some(Effect::Finish(_)))
}
