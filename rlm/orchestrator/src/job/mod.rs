//! The machine itself: one job from its question to its outcome. This file owns the phases and
//! takes the inputs; `turn` asks the root, `reply` reads what it wrote and `failure` what went
//! wrong, `block` reads what its code did and `judge` its answer, `admit` grants sub-calls, `close`
//! ends the job.

mod admit;
mod block;
mod close;
mod failure;
mod judge;
mod reply;
mod turn;

use crate::estimate::TokenEstimate;
use crate::fence::Fences;
use crate::history::History;
use crate::ledger::Ledger;
use crate::observe;
use crate::{
    AnswerSource, BlockNumber, CallNumber, Effect, Input, Purpose, RootCall, Setup, TraceEvent,
};
use base::{LimitKind, Tally, Time};

/// One job. Feed it inputs until it gives `Effect::Finish`; afterwards it ignores everything.
#[derive(Clone, Debug)]
pub struct Job {
    setup: Setup,
    now: Time,
    phase: Phase,
    ledger: Ledger,
    history: History,
    estimate: TokenEstimate,
    next_call: u32,
    next_block: u32,
    /// Turns in a row that failed.
    errors: u32,
    /// How often the gate has sent an answer back.
    gated: u32,
    /// An answer was sent back for its length.
    shortened: bool,
    /// A list was sent back where a number was asked for.
    counted: bool,
    /// An answer was sent back for a column that was mistaken.
    columned: bool,
    /// The budget that ended the ordinary turns; only the closing call may follow.
    limit: Option<LimitKind>,
    last_code: Option<String>,
    /// The newest block was the same as the one before it.
    repeats: bool,
    /// Passages that the root or a helper model has seen, for the gate.
    shown: Vec<String>,
    variables: Vec<String>,
    script_text: String,
    kept: Kept,
}

/// What could still serve as an answer, best first.
#[derive(Clone, Debug, Default)]
struct Kept {
    rejected: Option<String>,
    refusal: Option<String>,
    output: Option<String>,
}

#[derive(Clone, Debug)]
enum Phase {
    New,
    /// Inside a step: an answer was taken and what follows is not decided.
    Between,
    Asking(Box<Asking>),
    Running(Running),
    Done,
}

/// A root call in flight.
#[derive(Clone, Debug)]
struct Asking {
    request: RootCall,
    fences: Fences,
    attempt: u32,
    /// `StopRoot` was sent: what still comes is not read.
    stopped: bool,
    /// It was stopped because it would not end.
    overlong: bool,
    /// For a summary: how many of the oldest turns it stands for.
    covers: usize,
}

/// A block in the REPL.
#[derive(Clone, Debug)]
struct Running {
    block: BlockNumber,
    code: String,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    /// A script of the profile, by its place.
    Script(usize),
    /// A turn of the root: its text for the history.
    Turn { assistant: String },
    /// The closing call's block.
    Last,
}

impl Job {
    pub fn new(setup: Setup, now: Time) -> Job {
        let ledger = Ledger::new(setup.budgets, &setup.options, now);
        let history = History::new(&setup.profile);
        let shown = observe::shown_hits(&setup.profile.first, &setup.context);
        Job {
            now,
            phase: Phase::New,
            ledger,
            history,
            estimate: TokenEstimate::new(),
            next_call: 0,
            next_block: 0,
            errors: 0,
            gated: 0,
            shortened: false,
            counted: false,
            columned: false,
            limit: None,
            last_code: None,
            repeats: false,
            shown,
            variables: Vec::new(),
            script_text: String::new(),
            kept: Kept::default(),
            setup,
        }
    }

    /// What has been spent so far.
    pub fn tally(&self) -> Tally {
        self.ledger.tally()
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Takes one input and appends what is to be done, in order. Time never runs backwards here:
    /// an earlier `now` counts as the latest one seen.
    pub fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        if self.is_finished() {
            return;
        }
        self.now = self.now.max(now);
        match input {
            Input::Start => self.start(out),
            Input::RootDelta { call, text } => self.root_delta(call, &text, out),
            Input::RootDone { call, reply } => self.root_done(call, reply, out),
            Input::RootFailed { call, failure } => self.root_failed(call, failure, out),
            Input::BlockDone { block, report } => self.block_done(block, &report, out),
            Input::BlockFailed {
                block,
                reason,
                restarted,
            } => self.block_failed(block, &reason, restarted, out),
            Input::SubCallsAsked {
                batch,
                count,
                recursive,
            } => self.admit(batch, count, recursive, out),
            Input::SubCallDone { batch, result } => self.ledger.sub_call_done(batch, &result),
            Input::Tick => {}
            Input::Cancel => self.cancel(out),
        }
        self.watch_the_clock(out);
    }

    fn start(&mut self, out: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::New) {
            return;
        }
        out.push(Effect::Trace(TraceEvent::Started {
            kind: self.setup.context.kind,
            hits: self.setup.context.hits.len(),
            scripts: self.setup.profile.scripts.len(),
        }));
        self.run_script(0, out);
    }

    fn run_block(&mut self, code: String, origin: Origin, out: &mut Vec<Effect>) {
        let block = BlockNumber(self.next_block);
        self.next_block += 1;
        if let Origin::Script(step) = origin {
            out.push(Effect::Trace(TraceEvent::ScriptStarted { step, block }));
        }
        out.push(Effect::RunBlock {
            block,
            code: code.clone(),
        });
        self.phase = Phase::Running(Running {
            block,
            code,
            origin,
        });
    }

    fn call_number(&mut self) -> CallNumber {
        let call = CallNumber(self.next_call);
        self.next_call += 1;
        call
    }

    /// Sends a root call and waits for it.
    fn ask(&mut self, request: RootCall, attempt: u32, covers: usize, out: &mut Vec<Effect>) {
        let prefill = request.prefill.as_deref().unwrap_or("");
        let fences = Fences::new(if request.purpose == Purpose::Summarise {
            ""
        } else {
            prefill
        });
        out.push(Effect::CallRoot(request.clone()));
        self.phase = Phase::Asking(Box::new(Asking {
            request,
            fences,
            attempt,
            stopped: false,
            overlong: false,
            covers,
        }));
    }

    /// The best answer that there is without asking further.
    fn best(&self) -> Option<(String, AnswerSource)> {
        let rejected = self.kept.rejected.as_ref().or(self.kept.refusal.as_ref());
        match (rejected, &self.kept.output) {
            (Some(answer), _) => Some((answer.clone(), AnswerSource::Rejected)),
            (None, Some(output)) => Some((output.clone(), AnswerSource::Output)),
            (None, None) => None,
        }
    }
}
