//! Admission: which waiting call starts, in which sequence, and what it takes over from others.

use super::memory::common;
use super::{Active, Ask, Effect, Schedule, short};

impl Schedule {
    pub(super) fn admit(&mut self, out: &mut Vec<Effect>) {
        let mut index = 0;
        while self.active.len() < self.limits.slots as usize && index < self.waiting.len() {
            if self.waits_for_prefix(&self.waiting[index]) {
                index += 1;
                continue;
            }
            let Some(ask) = self.waiting.remove(index) else {
                return;
            };
            // In order: when this one does not fit yet, no later one overtakes it.
            if let Err(ask) = self.start(ask, out) {
                self.waiting.insert(index, ask);
                return;
            }
        }
    }

    /// Whether an active call is computing tokens that `ask` begins with.
    fn waits_for_prefix(&self, ask: &Ask) -> bool {
        if !self.limits.reuse {
            return false;
        }
        let most = ask.prompt.len().saturating_sub(1);
        let mut now = 0;
        let mut soon = 0;
        for active in self.active.values() {
            let shared = common(&ask.prompt, &active.prompt).min(most);
            now = now.max(shared.min(self.memory.length(active.sequence)));
            soon = soon.max(shared);
        }
        soon >= now + WORTH_WAITING && soon > self.memory.best_source(&ask.prompt, most).1
    }

    fn start(&mut self, ask: Ask, out: &mut Vec<Effect>) -> Result<(), Ask> {
        let most = if self.limits.reuse {
            ask.prompt.len().saturating_sub(1)
        } else {
            0
        };
        let (source, shared) = self.memory.best_source(&ask.prompt, most);
        let source = source.filter(|_| shared > 0);
        let fresh = short(ask.prompt.len() - shared) + ask.max_new;
        if !self.make_room(fresh, source, out) {
            // Only the source itself stands in the way: start without it.
            if source.is_none() || !self.make_room(short(ask.prompt.len()) + ask.max_new, None, out)
            {
                return Err(ask);
            }
            return self.start_in(ask, None, 0, out);
        }
        self.start_in(ask, source, shared, out)
    }

    fn start_in(
        &mut self,
        ask: Ask,
        source: Option<u32>,
        shared: usize,
        out: &mut Vec<Effect>,
    ) -> Result<(), Ask> {
        self.admissions += 1;
        let own = source.filter(|&s| {
            let rest = self.memory.length(s) - shared;
            self.memory.is_idle(s) && rest <= SMALL_TAIL.max(shared / 4)
        });
        let sequence = match (own, self.memory.idle_victim(source)) {
            (Some(own), _) => own,
            (None, Some(victim)) => victim,
            // The source is the only idle sequence.
            (None, None) => match source.filter(|&s| self.memory.is_idle(s)) {
                Some(only) => only,
                None => return Err(ask),
            },
        };
        if source == Some(sequence) {
            self.forget(sequence, shared, out);
        } else {
            self.forget(sequence, 0, out);
            if let Some(from) = source {
                self.share(from, sequence, shared, out);
                self.memory.touch(from, self.admissions);
            }
        }
        self.memory.occupy(sequence, self.admissions);
        out.push(Effect::Admitted {
            call: ask.call,
            cached: short(shared),
        });
        let promised = short(ask.prompt.len() - shared) + ask.max_new;
        let active = Active {
            call: ask.call,
            sequence,
            prompt: ask.prompt,
            fixed: ask.fixed,
            next: None,
            promised,
        };
        self.active.insert(self.admissions, active);
        Ok(())
    }

    /// Frees idle and then pinned sequences (never `keep`) until `fresh` more cells can be
    /// promised. `false`: active calls hold too much; nothing more can be freed.
    pub(super) fn make_room(
        &mut self,
        fresh: u32,
        keep: Option<u32>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let promised: u64 = self.active.values().map(|a| u64::from(a.promised)).sum();
        let capacity = u64::from(self.limits.cells).checked_sub(promised + u64::from(fresh));
        // Nothing is thrown away for a call that cannot start anyway.
        let Some(capacity) = capacity.filter(|&c| self.memory.bound(keep) as u64 <= c) else {
            return false;
        };
        loop {
            if self.memory.used() as u64 <= capacity {
                return true;
            }
            let idle = self.memory.idle_with_cells(keep);
            let victim = idle.or_else(|| self.memory.pinned_with_cells(keep));
            let Some(victim) = victim else { return false };
            self.forget(victim, 0, out);
        }
    }
}

/// Tokens of a shared beginning that make it worth to wait for the call that computes them.
const WORTH_WAITING: usize = 8;

/// A finished call's tail of at most this many tokens (or a quarter of what is taken over) is
/// dropped when its sequence is continued; a longer one is kept and the beginning is shared.
const SMALL_TAIL: usize = 64;
