//! The state machine of dispatch. Owns which call waits, runs, rests or is answered; knows nothing
//! of requests, replies or sockets. A *call* is one asker's wish; a *ticket* is one question to a
//! model, with every call that asks the same. Invariants (held by `tests`): each call is answered
//! exactly once; no model and no job runs more than its share; the counts are those of the maps.

mod askers;
mod slots;
#[cfg(test)]
mod tests;

use crate::key::Key;
use crate::policy::RetryPolicy;
use base::{JobId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TicketId(pub(crate) u64);
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchId(pub(crate) u64);
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelId(pub(crate) u32);

#[derive(Clone, Debug)]
pub(crate) struct NewCall {
    pub(crate) call: CallId,
    pub(crate) model: ModelId,
    /// Calls with equal keys become one ticket; `None` never does.
    pub(crate) key: Option<Key>,
    /// When it was asked, for the account of its waiting.
    pub(crate) asked: Time,
    /// The asker's patience, waiting included.
    pub(crate) give_up: Option<Time>,
    /// The engine's time for one try.
    pub(crate) limit: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum Input {
    AddModel {
        model: ModelId,
        slots: u32,
    },
    AddJob {
        job: JobId,
        max_concurrent: u32,
    },
    /// The job is over; calls that it still has are dropped.
    RemoveJob {
        job: JobId,
    },
    Submit {
        batch: BatchId,
        job: JobId,
        calls: Vec<NewCall>,
    },
    /// Nobody waits for this batch any more.
    Gone {
        batch: BatchId,
    },
    /// The engine's task for this ticket ended.
    Ended {
        ticket: TicketId,
        verdict: Verdict,
    },
    /// Time passed; see `Core::wake`.
    Tick,
}

/// What the end of a try means, whatever it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A reply, or a fault that would come again.
    Final,
    /// A fault that may pass; the server may wish for a rest.
    MayPass { wish: Option<Duration> },
    /// The engine died and did not ask again by itself: the call may be the reason, so it is asked
    /// again only once. A death after which the engine did is `Final`.
    Died,
    /// The engine's time was up.
    Deadline,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask the engine what `call` asks, for at most `limit`.
    Start {
        ticket: TicketId,
        call: CallId,
        model: ModelId,
        limit: Duration,
    },
    /// Cancel the engine's work; `Ended` still follows.
    Stop {
        ticket: TicketId,
    },
    /// Give the outcome of the ticket that just ended to this call.
    Answer {
        call: CallId,
        ticket: TicketId,
        facts: AnswerFacts,
    },
    /// Its patience ended before an outcome; `running` when an engine was at work on it.
    Expire {
        call: CallId,
        running: bool,
    },
    /// Its batch or job is gone.
    Drop {
        call: CallId,
    },
    Refuse {
        call: CallId,
        refusal: Refusal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerFacts {
    /// From the asking to the start of the last try; zero for one that joined a running ticket.
    pub(crate) waited: Duration,
    pub(crate) tries: u32,
    /// Another call of the same ticket bears its cost.
    pub(crate) coalesced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    JobFull,
    AllFull,
    UnknownJob,
    UnknownModel,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) per_job: u32,
    pub(crate) in_all: u32,
    pub(crate) retry: RetryPolicy,
}

/// Time for an engine to hand over what it has when its own deadline and the asker's coincide.
pub(crate) const LATE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Core {
    limits: Limits,
    models: BTreeMap<ModelId, Model>,
    jobs: BTreeMap<JobId, Job>,
    batches: BTreeMap<BatchId, BTreeSet<CallId>>,
    calls: BTreeMap<CallId, Asker>,
    tickets: BTreeMap<TicketId, Ticket>,
    by_key: BTreeMap<(ModelId, Key), TicketId>,
    timers: BTreeSet<(Time, Timer)>,
    next_ticket: u64,
    /// Slots given so far.
    served: u64,
}

#[derive(Debug)]
struct Model {
    slots: u32,
    running: BTreeMap<JobId, u32>,
    /// Tickets that wait, under every job that asks them; jobs without any are left out.
    waiting: BTreeMap<JobId, BTreeSet<TicketId>>,
}

#[derive(Debug)]
struct Job {
    cap: u32,
    running: u32,
    admitted: u32,
    served: u64,
}

#[derive(Debug)]
struct Asker {
    ticket: TicketId,
    job: JobId,
    batch: BatchId,
    asked: Time,
    give_up: Option<Time>,
    /// The timer was set once more, to `LATE` after `give_up`.
    late: bool,
}

#[derive(Debug)]
struct Ticket {
    model: ModelId,
    key: Option<Key>,
    /// In the order in which they came: the first bears the cost.
    askers: BTreeSet<CallId>,
    limit: Duration,
    place: Place,
    tries: u32,
    deaths: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Waiting,
    Resting {
        until: Time,
    },
    /// `job` pays with its share; `cut` when the askers' patience is shorter than the limit.
    Running {
        job: JobId,
        since: Time,
        cut: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    GiveUp(CallId),
    Rested(TicketId),
}

impl Core {
    pub(crate) fn new(limits: Limits) -> Core {
        Core {
            limits,
            models: BTreeMap::new(),
            jobs: BTreeMap::new(),
            batches: BTreeMap::new(),
            calls: BTreeMap::new(),
            tickets: BTreeMap::new(),
            by_key: BTreeMap::new(),
            timers: BTreeSet::new(),
            next_ticket: 0,
            served: 0,
        }
    }

    pub(crate) fn step(&mut self, now: Time, input: Input, out: &mut Vec<Effect>) {
        self.ring(now, out);
        match input {
            Input::AddModel { model, slots } => {
                let (running, waiting) = (BTreeMap::new(), BTreeMap::new());
                self.models.entry(model).or_insert(Model {
                    slots,
                    running,
                    waiting,
                });
            }
            Input::AddJob {
                job,
                max_concurrent: cap,
            } => {
                // An earlier job of this name may have left work that is being stopped.
                let left = self
                    .models
                    .values()
                    .filter_map(|model| model.running.get(&job))
                    .sum();
                let fresh = Job {
                    cap,
                    running: left,
                    admitted: 0,
                    served: 0,
                };
                self.jobs.entry(job).or_insert(fresh);
            }
            Input::RemoveJob { job } => self.remove_job(job, out),
            Input::Submit { batch, job, calls } => {
                for call in calls {
                    self.admit(now, batch, job, call, out);
                }
            }
            Input::Gone { batch } => self.drop_batch(batch, out),
            Input::Ended { ticket, verdict } => self.ended(now, ticket, verdict, out),
            Input::Tick => {}
        }
        self.fill_all(now, out);
    }

    /// When the next `Tick` is due.
    pub(crate) fn wake(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// (Running, waiting) calls of a job; a ticket counts once for the job that pays.
    pub(crate) fn load(&self, job: JobId) -> (u32, u32) {
        let found = self.jobs.get(&job);
        found.map_or((0, 0), |job| {
            (job.running, job.admitted.saturating_sub(job.running))
        })
    }

    /// (Running tickets, admitted calls) of all jobs.
    pub(crate) fn load_in_all(&self) -> (usize, usize) {
        let running = |model: &Model| model.running.values().map(|n| *n as usize).sum::<usize>();
        (self.models.values().map(running).sum(), self.calls.len())
    }
}
