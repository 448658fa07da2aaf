//! A made-up world around the core: it plays the engines and the askers, and checks after every
//! step what must always hold.

use super::super::*;
use crate::tests::key;
use proptest::sample::Index;

#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Texts below 3 are the same question for everybody; the others are each call's own.
    Submit {
        job: u64,
        model: u32,
        texts: Vec<u8>,
        patience: u64,
    },
    End(Index, Verdict),
    Gone(Index),
    /// The job ends and begins anew.
    Reopen(u64),
    /// Milliseconds go by.
    Pass(u64),
}

pub(super) struct World {
    pub(super) core: Core,
    pub(super) now: Time,
    slots: u32,
    cap: u32,
    calls: u64,
    batches: u64,
    open: BTreeSet<CallId>,
    under_way: BTreeSet<TicketId>,
}

pub(super) const PER_JOB: u32 = 12;
const IN_ALL: u32 = 24;

impl World {
    pub(super) fn new(slots: u32, cap: u32) -> World {
        let millis = Duration::from_millis;
        let retry = RetryPolicy {
            retries: 2,
            wait: millis(100),
            wait_max: millis(1000),
        };
        let mut world = World {
            core: Core::new(Limits {
                per_job: PER_JOB,
                in_all: IN_ALL,
                retry,
            }),
            now: Time::ZERO,
            slots,
            cap,
            calls: 0,
            batches: 0,
            open: BTreeSet::new(),
            under_way: BTreeSet::new(),
        };
        for model in [ModelId(0), ModelId(1)] {
            world.step(Input::AddModel { model, slots });
        }
        for job in 0..3 {
            world.step(Input::AddJob {
                job: JobId(job),
                max_concurrent: cap,
            });
        }
        world
    }

    pub(super) fn act(&mut self, act: Act) {
        match act {
            Act::Submit {
                job,
                model,
                texts,
                patience,
            } => {
                let calls = texts
                    .iter()
                    .map(|text| self.call(model, *text, patience))
                    .collect();
                self.submit(job, calls);
            }
            Act::End(which, verdict) => {
                if !self.under_way.is_empty() {
                    let at = which.index(self.under_way.len());
                    let ticket = *self.under_way.iter().nth(at).unwrap();
                    self.end(ticket, verdict);
                }
            }
            Act::Gone(which) => {
                let batch = BatchId(which.index(self.batches as usize + 1) as u64);
                self.step(Input::Gone { batch });
                assert!(!self.core.batches.contains_key(&batch));
            }
            Act::Reopen(job) => {
                self.step(Input::RemoveJob { job: JobId(job) });
                self.step(Input::AddJob {
                    job: JobId(job),
                    max_concurrent: self.cap,
                });
            }
            Act::Pass(millis) => {
                self.now = self.now + Duration::from_millis(millis);
                self.step(Input::Tick);
            }
        }
    }

    pub(super) fn call(&mut self, model: u32, text: u8, patience: u64) -> NewCall {
        let call = CallId(self.calls);
        self.calls += 1;
        let text = if text < 3 {
            text.to_string()
        } else {
            format!("{text} of {call:?}")
        };
        let chance = text.starts_with('5');
        NewCall {
            call,
            model: ModelId(model),
            key: (!chance).then(|| key(&text)),
            asked: self.now,
            give_up: (patience > 0).then(|| self.now + Duration::from_millis(100 * patience)),
            limit: Duration::from_secs(2),
        }
    }

    pub(super) fn submit(&mut self, job: u64, calls: Vec<NewCall>) -> Vec<Effect> {
        self.open.extend(calls.iter().map(|call| call.call));
        let batch = BatchId(self.batches);
        self.batches += 1;
        self.step(Input::Submit {
            batch,
            job: JobId(job),
            calls,
        })
    }

    pub(super) fn end(&mut self, ticket: TicketId, verdict: Verdict) -> Vec<Effect> {
        assert!(self.under_way.remove(&ticket));
        self.step(Input::Ended { ticket, verdict })
    }

    /// Lets everything end well: nothing may be left.
    pub(super) fn drain_and_check(&mut self) {
        for _ in 0..10_000 {
            if let Some(ticket) = self.under_way.first().copied() {
                self.end(ticket, Verdict::Final);
            } else if let Some(at) = self.core.wake() {
                self.now = self.now.max(at);
                self.step(Input::Tick);
            } else {
                break;
            }
        }
        assert_eq!(self.open, BTreeSet::new(), "calls were lost");
        let core = &self.core;
        assert!(core.calls.is_empty() && core.tickets.is_empty() && core.batches.is_empty());
        assert!(core.by_key.is_empty() && core.timers.is_empty());
        assert!(
            core.models
                .values()
                .all(|m| m.running.is_empty() && m.waiting.is_empty())
        );
        assert!(
            core.jobs
                .values()
                .all(|job| job.running == 0 && job.admitted == 0)
        );
    }

    pub(super) fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.core.step(self.now, input, &mut effects);
        let mut started = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Start { ticket, call, .. } => {
                    assert!(self.open.contains(call), "{call:?} is not open");
                    assert!(self.under_way.insert(*ticket), "{ticket:?} runs already");
                    started.push(*ticket);
                }
                Effect::Stop { ticket } => assert!(self.under_way.contains(ticket)),
                Effect::Answer { call, .. }
                | Effect::Expire { call, .. }
                | Effect::Drop { call }
                | Effect::Refuse { call, .. } => {
                    assert!(self.open.remove(call), "{call:?} is answered twice");
                }
            }
        }
        self.check_maps();
        self.check_shares(&started);
        effects
    }

    fn payer(&self, ticket: TicketId) -> Option<(ModelId, JobId)> {
        let ticket = self.core.tickets.get(&ticket)?;
        match ticket.place {
            Place::Running { job, .. } => Some((ticket.model, job)),
            Place::Waiting | Place::Resting { .. } => None,
        }
    }

    /// Counts and maps tell the same, and no bound is passed.
    fn check_maps(&self) {
        let core = &self.core;
        assert_eq!(
            core.calls.keys().copied().collect::<BTreeSet<_>>(),
            self.open
        );
        assert!(core.calls.len() <= IN_ALL as usize);
        let running: BTreeSet<TicketId> = core
            .tickets
            .keys()
            .copied()
            .filter(|id| self.payer(*id).is_some())
            .collect();
        assert_eq!(running, self.under_way);
        for (id, model) in &core.models {
            let of_model = running.iter().filter(|t| self.payer(**t).unwrap().0 == *id);
            assert_eq!(
                model.running.values().sum::<u32>() as usize,
                of_model.count()
            );
            assert!(model.running.values().sum::<u32>() <= self.slots);
        }
        for (id, job) in &core.jobs {
            assert!(job.running <= self.cap && job.admitted <= PER_JOB);
            let calls = core.calls.values().filter(|asker| asker.job == *id);
            assert_eq!(calls.count(), job.admitted as usize);
        }
        for (id, ticket) in &core.tickets {
            let asked = |call: &CallId| core.calls[call].ticket == *id;
            assert!(ticket.askers.iter().all(asked));
            assert!(!ticket.askers.is_empty() || self.under_way.contains(id));
            for asker in ticket.askers.iter().map(|call| &core.calls[call]) {
                let queues = &core.models[&ticket.model].waiting;
                let queued = queues
                    .get(&asker.job)
                    .is_some_and(|queue| queue.contains(id));
                assert_eq!(queued, ticket.place == Place::Waiting);
            }
        }
    }

    /// No slot idles while somebody may use it, and none was given to a job that had more of the
    /// model than one that waits.
    fn check_shares(&self, started: &[TicketId]) {
        for (id, model) in &self.core.models {
            let may_run = |job: &JobId| {
                self.core
                    .jobs
                    .get(job)
                    .is_some_and(|job| job.running < self.cap)
            };
            let waiting: Vec<JobId> = model.waiting.keys().copied().filter(may_run).collect();
            let mut running = model.running.clone();
            assert!(waiting.is_empty() || running.values().sum::<u32>() == self.slots);
            for ticket in started.iter().rev() {
                let Some((_, job)) = self.payer(*ticket).filter(|(model, _)| model == id) else {
                    continue;
                };
                let had = running.get_mut(&job).unwrap();
                *had -= 1;
                let had = *had;
                for other in waiting.iter().filter(|other| **other != job) {
                    let its = running.get(other).copied().unwrap_or(0);
                    assert!(had <= its, "{job:?} had {had}, {other:?} waits with {its}");
                }
            }
        }
    }
}
