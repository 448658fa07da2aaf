//! Slots: filling them fairly, and what follows when a try ends.

use super::{AnswerFacts, CallId, Core, Effect, LATE, ModelId, Place, TicketId, Timer, Verdict};
use crate::policy::{self, Candidate};
use base::{JobId, Time};
use std::time::Duration;

impl Core {
    /// Puts a waiting ticket into the queues of all jobs that ask it.
    pub(super) fn queue(&mut self, id: TicketId) {
        let Some(ticket) = self.tickets.get(&id) else {
            return;
        };
        let jobs = ticket
            .askers
            .iter()
            .filter_map(|call| Some(self.calls.get(call)?.job));
        for job in jobs.collect::<Vec<JobId>>() {
            self.queue_for(id, job);
        }
    }

    pub(super) fn queue_for(&mut self, id: TicketId, job: JobId) {
        let Some(ticket) = self.tickets.get(&id) else {
            return;
        };
        if ticket.place == Place::Waiting
            && let Some(model) = self.models.get_mut(&ticket.model)
        {
            model.waiting.entry(job).or_default().insert(id);
        }
    }

    pub(super) fn unqueue(&mut self, model: ModelId, job: JobId, id: TicketId) {
        let Some(model) = self.models.get_mut(&model) else {
            return;
        };
        if let Some(queue) = model.waiting.get_mut(&job) {
            queue.remove(&id);
            if queue.is_empty() {
                model.waiting.remove(&job);
            }
        }
    }

    pub(super) fn fill_all(&mut self, now: Time, out: &mut Vec<Effect>) {
        let models: Vec<ModelId> = self.models.keys().copied().collect();
        for model in models {
            while let Some((job, ticket)) = self.next(model) {
                self.start(now, job, ticket, out);
            }
        }
    }

    fn next(&self, model: ModelId) -> Option<(JobId, TicketId)> {
        let model = self.models.get(&model)?;
        if model.running.values().sum::<u32>() >= model.slots {
            return None;
        }
        let candidates = model.waiting.keys().filter_map(|id| {
            let job = self.jobs.get(id)?;
            Some(Candidate {
                job: *id,
                running: model.running.get(id).copied().unwrap_or(0),
                running_in_all: job.running,
                cap: job.cap,
                served: job.served,
            })
        });
        let job = policy::next(candidates)?;
        model
            .waiting
            .get(&job)?
            .first()
            .map(|ticket| (job, *ticket))
    }

    fn start(&mut self, now: Time, job: JobId, id: TicketId, out: &mut Vec<Effect>) {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        let askers = ticket.askers.iter().filter_map(|call| self.calls.get(call));
        let patience = askers
            .clone()
            .map(|asker| asker.give_up.map_or(Duration::MAX, |at| at - now));
        let patience = patience.max().unwrap_or(Duration::MAX);
        let jobs: Vec<JobId> = askers.map(|asker| asker.job).collect();
        let limit = ticket.limit.min(patience);
        ticket.place = Place::Running {
            job,
            since: now,
            cut: patience < ticket.limit,
        };
        ticket.tries += 1;
        let (model, call) = (ticket.model, ticket.askers.first().copied());
        for job in jobs {
            self.unqueue(model, job, id);
        }
        self.served += 1;
        if let Some(found) = self.jobs.get_mut(&job) {
            found.running += 1;
            found.served = self.served;
        }
        if let Some(model) = self.models.get_mut(&model) {
            *model.running.entry(job).or_default() += 1;
        }
        if let Some(call) = call {
            out.push(Effect::Start {
                ticket: id,
                call,
                model,
                limit,
            });
        }
    }

    pub(super) fn ended(
        &mut self,
        now: Time,
        id: TicketId,
        verdict: Verdict,
        out: &mut Vec<Effect>,
    ) {
        let Some(Place::Running { job, since, cut }) = self.tickets.get(&id).map(|t| t.place)
        else {
            return;
        };
        self.release(id, job);
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        let retry = self.limits.retry;
        match verdict {
            _ if ticket.askers.is_empty() => {
                self.tickets.remove(&id);
            }
            Verdict::MayPass { wish } if ticket.tries <= retry.retries => {
                self.rest(now, id, wish);
            }
            Verdict::Died if ticket.deaths == 0 && ticket.tries <= retry.retries => {
                ticket.deaths += 1;
                self.rest(now, id, None);
            }
            Verdict::Deadline if cut => self.answer_impatient(now, id, since, out),
            Verdict::Final | Verdict::MayPass { .. } | Verdict::Died | Verdict::Deadline => {
                self.answer(id, since, |_| true, out);
            }
        }
    }

    fn release(&mut self, id: TicketId, job: JobId) {
        if let Some(found) = self.jobs.get_mut(&job) {
            found.running = found.running.saturating_sub(1);
        }
        let Some(model) = self.tickets.get(&id).map(|ticket| ticket.model) else {
            return;
        };
        if let Some(model) = self.models.get_mut(&model)
            && let Some(running) = model.running.get_mut(&job)
        {
            *running -= 1;
            if *running == 0 {
                model.running.remove(&job);
            }
        }
    }

    fn rest(&mut self, now: Time, id: TicketId, wish: Option<Duration>) {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        let until = now + self.limits.retry.rest(ticket.tries, wish, id.0);
        ticket.place = Place::Resting { until };
        self.timers.insert((until, Timer::Rested(id)));
    }

    /// The engine was given less than the full limit, since nobody then wanted to wait longer.
    /// Those whose patience is over get the outcome; for one that joined later it is asked again.
    fn answer_impatient(&mut self, now: Time, id: TicketId, since: Time, out: &mut Vec<Effect>) {
        self.answer(
            id,
            since,
            |give_up| give_up.is_some_and(|at| at <= now + LATE),
            out,
        );
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.tries -= 1;
            ticket.place = Place::Waiting;
            self.queue(id);
        }
    }

    /// Gives the outcome to the askers whose patience `meant` picks; the ticket goes with the last.
    fn answer(
        &mut self,
        id: TicketId,
        since: Time,
        meant: impl Fn(Option<Time>) -> bool,
        out: &mut Vec<Effect>,
    ) {
        let Some(ticket) = self.tickets.get(&id) else {
            return;
        };
        let tries = ticket.tries;
        let picked = |call: &CallId| {
            self.calls
                .get(call)
                .is_some_and(|asker| meant(asker.give_up))
        };
        let calls: Vec<CallId> = ticket.askers.iter().copied().filter(picked).collect();
        if calls.len() == ticket.askers.len() {
            self.unname(id);
            self.tickets.remove(&id);
        } else if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.askers.retain(|call| !calls.contains(call));
        }
        for (i, call) in calls.into_iter().enumerate() {
            let Some(asker) = self.remove_call(call) else {
                continue;
            };
            let facts = AnswerFacts {
                waited: since - asker.asked,
                tries,
                coalesced: i > 0,
            };
            out.push(Effect::Answer {
                call,
                ticket: id,
                facts,
            });
        }
    }
}
