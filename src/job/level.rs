//! Drives one level of a job: the root model's machine, its REPL session and its calls. Translates
//! effect → call → input and nothing more; what to do next is the machine's decision.
//!
//! A level is a root and its turns. `rlm_query` starts another level below it with a session, a
//! context and a share of the budgets of its own.

use super::ask::{Asked, BlockHost};
use super::event::JobEvent;
use super::models::RootAnswer;
use super::shared::JobShared;
use crate::trace::{JournalNote, Told, TraceLine};
use base::{CallPath, JobOutcome, Time};
use engine::{CancellationToken, TextSink};
use orchestrator::{BatchNumber, BlockNumber, CallNumber, Effect, Input, Job, RootCall, Setup};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Inputs that wait for the machine. When it is full, deltas are joined and the rest waits.
const INPUT_QUEUE: usize = 1024;
/// The machine wants to see time pass at least once a second.
const TICK: Duration = Duration::from_millis(500);
/// Between two requests to a block to stop.
const STOP_AGAIN: Duration = Duration::from_millis(10);

/// What one level starts with.
pub(crate) struct Level {
    pub(crate) path: CallPath,
    pub(crate) setup: Setup,
    pub(crate) session: repl::Session,
}

/// What the level's tasks send to its loop.
pub(crate) enum Event {
    Input(Box<Input>),
    Root {
        call: CallNumber,
        request: Box<RootCall>,
        answer: Box<RootAnswer>,
    },
    Block {
        block: BlockNumber,
        code: String,
        ran: Box<RanBlock>,
    },
    Asked(Box<Asked>),
}

pub(crate) struct RanBlock {
    session: repl::Session,
    outcome: Result<repl::BlockOutcome, repl::SessionError>,
}

/// Runs a level to its end. Never fails: what goes wrong is in the outcome.
pub(crate) async fn run(shared: Arc<JobShared>, level: Level) -> JobOutcome {
    let (events, mut received) = mpsc::channel(INPUT_QUEUE);
    let cancel = shared.cancel.child_token();
    let guard = cancel.clone().drop_guard();
    let mut now = shared.now();
    let ends = now + level.setup.budgets.wall;
    let mut job = Job::new(level.setup, now);
    let mut driver = Driver {
        shared: Arc::clone(&shared),
        path: level.path,
        session: Some(level.session),
        events,
        cancel,
        root: None,
        block: None,
        ordinals: Arc::default(),
        ends,
        admissions: BTreeMap::new(),
        told: Told::default(),
        turn: 0,
    };
    let mut out = Vec::new();
    let mut ticker = tokio::time::interval(TICK);
    let mut told = false;
    let mut event = Some(Event::Input(Box::new(Input::Start)));
    loop {
        if let Some(event) = event.take() {
            let input = driver.translate(event, now);
            driver.feed(&mut job, now, input, &mut out);
        }
        for effect in std::mem::take(&mut out) {
            if let Some(outcome) = driver.act(effect) {
                drop(guard);
                return outcome;
            }
        }
        event = tokio::select! {
            biased;
            () = shared.cancel.cancelled(), if !told => {
                told = true;
                Some(Event::Input(Box::new(Input::Cancel)))
            }
            event = received.recv() => event,
            _ = ticker.tick() => Some(Event::Input(Box::new(Input::Tick))),
        };
        now = shared.now();
    }
}

struct Driver {
    shared: Arc<JobShared>,
    path: CallPath,
    /// Away while a block runs.
    session: Option<repl::Session>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
    root: Option<(CallNumber, CancellationToken)>,
    /// Ends the running block and its sub-calls.
    block: Option<CancellationToken>,
    /// Numbers the level's sub-calls.
    ordinals: Arc<AtomicU32>,
    ends: Time,
    admissions: BTreeMap<BatchNumber, oneshot::Sender<orchestrator::Admission>>,
    /// What the trace has of this level.
    told: Told,
    turn: u32,
}

impl Driver {
    /// Steps the machine, and writes the input into the trace when it changed anything.
    fn feed(&mut self, job: &mut Job, now: Time, input: Input, out: &mut Vec<Effect>) {
        let note = self.worth_tracing(&input).then(|| input.clone());
        let tick = matches!(input, Input::Tick);
        job.step(now, input, out);
        if let Some(input) = note
            && !(tick && out.is_empty())
        {
            self.shared.trace(&TraceLine::Input {
                path: self.path.clone(),
                at: now,
                input,
            });
        }
    }

    /// Deltas are repeated by the reply; replies and blocks have lines of their own.
    fn worth_tracing(&self, input: &Input) -> bool {
        match input {
            Input::RootDelta { .. }
            | Input::RootDone { .. }
            | Input::RootFailed { .. }
            | Input::BlockDone { .. }
            | Input::BlockFailed { .. } => false,
            Input::Start
            | Input::SubCallsAsked { .. }
            | Input::SubCallDone { .. }
            | Input::Tick
            | Input::Cancel => true,
        }
    }

    fn translate(&mut self, event: Event, now: Time) -> Input {
        match event {
            Event::Input(input) => {
                if let Input::RootDelta { text, .. } = input.as_ref() {
                    let event = JobEvent::RootText {
                        path: self.path.clone(),
                        text: text.clone(),
                    };
                    self.shared.observer.see(event);
                }
                *input
            }
            Event::Root {
                call,
                request,
                answer,
            } => {
                self.root = None;
                let input = answer.input(call);
                let (kept, messages) = self.told.new_of(&request.messages);
                let line = TraceLine::Root {
                    path: self.path.clone(),
                    at: now,
                    call,
                    kept,
                    fixed: request.shared_prefix,
                    messages,
                    prefill: request.prefill.clone(),
                    timings: answer.timings(),
                    input: input.clone(),
                };
                self.shared.trace(&line);
                self.told.see(&line);
                self.told.sent(request.messages);
                input
            }
            Event::Block { block, code, ran } => self.block_ended(block, code, *ran, now),
            Event::Asked(asked) => {
                self.admissions.insert(asked.batch, asked.admitted);
                Input::SubCallsAsked {
                    batch: asked.batch,
                    count: asked.count,
                    recursive: asked.recursive,
                }
            }
        }
    }

    fn block_ended(&mut self, block: BlockNumber, code: String, ran: RanBlock, now: Time) -> Input {
        self.session = Some(ran.session);
        match ran.outcome {
            Ok(mut outcome) => {
                let report = super::convert::report(&outcome);
                self.shared.observer.see(JobEvent::Output {
                    path: self.path.clone(),
                    turn: self.turn,
                    text: super::convert::output_for_people(&report),
                    failed: report.error.is_some(),
                });
                let journal = std::mem::take(&mut outcome.journal);
                let line = TraceLine::Block {
                    path: self.path.clone(),
                    at: now,
                    turn: self.turn,
                    block,
                    code,
                    outcome: Box::new(outcome),
                    journal: journal.iter().map(JournalNote::of).collect(),
                };
                self.shared.trace(&line);
                self.told.see(&line);
                Input::BlockDone { block, report }
            }
            Err(error) => {
                let reason = error.to_string();
                self.note(format!("the REPL failed: {reason}"));
                let input = Input::BlockFailed {
                    block,
                    reason,
                    restarted: false,
                };
                self.shared.trace(&TraceLine::Input {
                    path: self.path.clone(),
                    at: now,
                    input: input.clone(),
                });
                input
            }
        }
    }

    fn act(&mut self, effect: Effect) -> Option<JobOutcome> {
        match effect {
            Effect::CallRoot(call) => self.call_root(call),
            Effect::StopRoot { call } => {
                if let Some((running, token)) = &self.root
                    && *running == call
                {
                    token.cancel();
                }
            }
            Effect::RunBlock { block, code } => self.run_block(block, code),
            // Ends its sub-calls and its Python.
            Effect::StopBlock { .. } => {
                if let Some(token) = &self.block {
                    token.cancel();
                }
            }
            Effect::AdmitSubCalls(admission) => {
                if let Some(waiting) = self.admissions.remove(&admission.batch) {
                    // The block that asked may have been stopped meanwhile: nobody waits then.
                    drop(waiting.send(admission));
                }
            }
            Effect::Trace(event) => self.decision(event),
            Effect::Finish(outcome) => return Some(outcome),
        }
        None
    }

    fn call_root(&mut self, request: RootCall) {
        let call = request.call;
        let token = self.cancel.child_token();
        self.root = Some((call, token.clone()));
        let shared = Arc::clone(&self.shared);
        let events = self.events.clone();
        let path = self.path.clone();
        tokio::spawn(async move {
            tokio::time::sleep(request.after).await;
            let mut sink = Deltas {
                call,
                events: events.clone(),
                held: String::new(),
            };
            let answer = shared.models.root(&path, &request, &mut sink, &token).await;
            let event = Event::Root {
                call,
                request: Box::new(request),
                answer: Box::new(answer),
            };
            // The level is over when nobody receives; so is the interest in the reply.
            drop(events.send(event).await);
        });
    }

    fn run_block(&mut self, block: BlockNumber, code: String) {
        self.shared.observer.see(JobEvent::Block {
            path: self.path.clone(),
            turn: self.turn,
            code: code.clone(),
        });
        let Some(mut session) = self.session.take() else {
            // The machine runs one block at a time; a second one has no session to run in.
            let reason = "a block is already running".to_owned();
            let input = Input::BlockFailed {
                block,
                reason,
                restarted: false,
            };
            drop(self.events.try_send(Event::Input(Box::new(input))));
            return;
        };
        let cancel = self.cancel.child_token();
        self.block = Some(cancel.clone());
        let host = BlockHost {
            shared: Arc::clone(&self.shared),
            path: self.path.clone(),
            events: self.events.clone(),
            ordinals: Arc::clone(&self.ordinals),
            ends: self.ends,
            cancel,
        };
        let events = self.events.clone();
        let stopper = session.stopper();
        tokio::spawn(async move {
            let outcome = stoppable(session.run(&code, &host), &host.cancel, &stopper).await;
            let ran = Box::new(RanBlock { session, outcome });
            drop(events.send(Event::Block { block, code, ran }).await);
        });
    }

    fn decision(&mut self, event: orchestrator::TraceEvent) {
        if let orchestrator::TraceEvent::TurnStarted { turn, .. } = &event {
            self.turn = *turn;
            let of = self.shared.turns;
            let turn = *turn;
            self.shared.observer.see(JobEvent::Turn {
                path: self.path.clone(),
                turn,
                of,
            });
        }
        if let Some(text) = super::convert::decision_for_people(&event) {
            self.note(text);
        }
        self.shared.trace(&TraceLine::Decision {
            path: self.path.clone(),
            at: self.shared.now(),
            event,
        });
    }

    fn note(&self, text: String) {
        self.shared.observer.see(JobEvent::Note {
            path: self.path.clone(),
            text,
        });
    }
}

/// Runs a block until it ends, or until it is cancelled and has been stopped.
async fn stoppable<T>(
    block: impl Future<Output = T>,
    cancel: &CancellationToken,
    stopper: &repl::Stopper,
) -> T {
    tokio::pin!(block);
    tokio::select! {
        biased;
        ended = &mut block => return ended,
        () = cancel.cancelled() => {}
    }
    loop {
        // Again and again, since the block may be just about to start.
        stopper.stop();
        tokio::select! {
            biased;
            ended = &mut block => return ended,
            () = tokio::time::sleep(STOP_AGAIN) => {}
        }
    }
}

/// Sends what the root writes to the level's loop; holds back what has no room yet. The machine
/// takes what is held at the end from the reply itself.
struct Deltas {
    call: CallNumber,
    events: mpsc::Sender<Event>,
    held: String,
}

impl TextSink for Deltas {
    fn push(&mut self, text: &str) -> bool {
        self.held.push_str(text);
        match self.events.try_reserve() {
            Ok(permit) => {
                let text = std::mem::take(&mut self.held);
                permit.send(Event::Input(Box::new(Input::RootDelta {
                    call: self.call,
                    text,
                })));
                true
            }
            Err(mpsc::error::TrySendError::Full(())) => true,
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }
}
