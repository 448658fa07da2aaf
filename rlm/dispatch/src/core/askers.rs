//! Calls come and go: admission, joining a ticket, patience, batches and jobs that are gone.

use super::{
    Asker, BatchId, CallId, Core, Effect, LATE, NewCall, Place, Refusal, Ticket, TicketId, Timer,
};
use base::{JobId, Time};
use std::collections::BTreeSet;

impl Core {
    pub(super) fn admit(
        &mut self,
        now: Time,
        batch: BatchId,
        job: JobId,
        new: NewCall,
        out: &mut Vec<Effect>,
    ) {
        let call = new.call;
        if let Some(refusal) = self.refusal(job, &new) {
            return out.push(Effect::Refuse { call, refusal });
        }
        if new.give_up.is_some_and(|at| at <= now) {
            return out.push(Effect::Expire {
                call,
                running: false,
            });
        }
        if let Some(at) = new.give_up {
            self.timers.insert((at, Timer::GiveUp(call)));
        }
        if let Some(job) = self.jobs.get_mut(&job) {
            job.admitted += 1;
        }
        self.batches.entry(batch).or_default().insert(call);
        let ticket = self.ticket_for(&new);
        let (asked, give_up) = (new.asked, new.give_up);
        self.calls.insert(
            call,
            Asker {
                ticket,
                job,
                batch,
                asked,
                give_up,
                late: false,
            },
        );
        self.queue_for(ticket, job);
    }

    fn refusal(&self, job: JobId, new: &NewCall) -> Option<Refusal> {
        let Some(job) = self.jobs.get(&job) else {
            return Some(Refusal::UnknownJob);
        };
        if !self.models.contains_key(&new.model) {
            Some(Refusal::UnknownModel)
        } else if job.admitted >= self.limits.per_job {
            Some(Refusal::JobFull)
        } else if self.calls.len() >= self.limits.in_all as usize {
            Some(Refusal::AllFull)
        } else {
            None
        }
    }

    /// The ticket under way that asks the same, or a new one.
    fn ticket_for(&mut self, new: &NewCall) -> TicketId {
        let name = new.key.clone().map(|key| (new.model, key));
        if let Some(id) = name
            .as_ref()
            .and_then(|name| self.by_key.get(name))
            .copied()
            && let Some(ticket) = self.tickets.get_mut(&id)
        {
            ticket.askers.insert(new.call);
            ticket.limit = ticket.limit.max(new.limit);
            return id;
        }
        let id = TicketId(self.next_ticket);
        self.next_ticket += 1;
        if let Some(name) = name {
            self.by_key.insert(name, id);
        }
        let ticket = Ticket {
            model: new.model,
            key: new.key.clone(),
            askers: BTreeSet::from([new.call]),
            limit: new.limit,
            place: Place::Waiting,
            tries: 0,
            deaths: 0,
        };
        self.tickets.insert(id, ticket);
        id
    }

    /// Rings every timer that is due.
    pub(super) fn ring(&mut self, now: Time, out: &mut Vec<Effect>) {
        while let Some((at, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Rested(id) => {
                    if let Some(ticket) = self.tickets.get_mut(&id) {
                        ticket.place = Place::Waiting;
                        self.queue(id);
                    }
                }
                Timer::GiveUp(call) => self.give_up(call, at, out),
            }
        }
    }

    fn give_up(&mut self, call: CallId, at: Time, out: &mut Vec<Effect>) {
        let Some(asker) = self.calls.get_mut(&call) else {
            return;
        };
        let running = self
            .tickets
            .get(&asker.ticket)
            .is_some_and(|ticket| matches!(ticket.place, Place::Running { .. }));
        if running && !asker.late {
            asker.late = true;
            self.timers.insert((at + LATE, Timer::GiveUp(call)));
            return;
        }
        self.forget(call, out);
        out.push(Effect::Expire { call, running });
    }

    pub(super) fn drop_batch(&mut self, batch: BatchId, out: &mut Vec<Effect>) {
        for call in self.batches.remove(&batch).unwrap_or_default() {
            self.forget(call, out);
            out.push(Effect::Drop { call });
        }
    }

    pub(super) fn remove_job(&mut self, job: JobId, out: &mut Vec<Effect>) {
        let of_job = |(id, asker): (&CallId, &Asker)| (asker.job == job).then_some(*id);
        let calls: Vec<CallId> = self.calls.iter().filter_map(of_job).collect();
        for call in calls {
            self.forget(call, out);
            out.push(Effect::Drop { call });
        }
        self.jobs.remove(&job);
    }

    /// Takes a call out of every map; its ticket goes with the last of its calls.
    pub(super) fn forget(&mut self, call: CallId, out: &mut Vec<Effect>) {
        let Some(asker) = self.remove_call(call) else {
            return;
        };
        let id = asker.ticket;
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        ticket.askers.remove(&call);
        let (model, place, left) = (ticket.model, ticket.place, ticket.askers.len());
        if ticket
            .askers
            .iter()
            .all(|other| self.calls[other].job != asker.job)
        {
            self.unqueue(model, asker.job, id);
        }
        if left > 0 {
            return;
        }
        // A later call that asks the same must not join work that is being stopped.
        self.unname(id);
        match place {
            Place::Waiting => {
                self.tickets.remove(&id);
            }
            Place::Resting { until } => {
                self.timers.remove(&(until, Timer::Rested(id)));
                self.tickets.remove(&id);
            }
            Place::Running { .. } => out.push(Effect::Stop { ticket: id }),
        }
    }

    /// Takes a call out of the maps of calls, batches, jobs and timers.
    pub(super) fn remove_call(&mut self, call: CallId) -> Option<Asker> {
        let asker = self.calls.remove(&call)?;
        if let Some(at) = asker.give_up {
            self.timers.remove(&(at, Timer::GiveUp(call)));
            self.timers.remove(&(at + LATE, Timer::GiveUp(call)));
        }
        if let Some(batch) = self.batches.get_mut(&asker.batch) {
            batch.remove(&call);
            if batch.is_empty() {
                self.batches.remove(&asker.batch);
            }
        }
        if let Some(job) = self.jobs.get_mut(&asker.job) {
            job.admitted -= 1;
        }
        Some(asker)
    }

    pub(super) fn unname(&mut self, id: TicketId) {
        let Some(ticket) = self.tickets.get(&id) else {
            return;
        };
        if let Some(name) = ticket.key.clone().map(|key| (ticket.model, key))
            && self.by_key.get(&name) == Some(&id)
        {
            self.by_key.remove(&name);
        }
    }
}
