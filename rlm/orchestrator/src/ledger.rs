//! What a job has spent, what it has promised to children, and what it may still spend. A budget is
//! counted when a call is granted, so that calls under way can never pass it.

use crate::{Admission, BatchNumber, JobOptions, SubCallResult};
use base::{Budgets, LimitKind, Tally, Time, Usage};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    budgets: Budgets,
    tally: Tally,
    closing_at: Time,
    ends_at: Time,
    /// Tokens that the closing call needs; sub-calls may not take them.
    closing_tokens: u64,
    batches: BTreeMap<BatchNumber, Batch>,
}

/// A granted batch of which some calls are under way.
#[derive(Clone, Copy, Debug)]
struct Batch {
    under_way: u32,
    child: Option<Budgets>,
}

impl Ledger {
    pub(crate) fn new(budgets: Budgets, options: &JobOptions, now: Time) -> Ledger {
        let share = budgets
            .wall
            .checked_mul(options.closing_share.min(1000))
            .map_or(options.closing_most, |wall| wall / 1000)
            .min(options.closing_most);
        Ledger {
            budgets,
            tally: Tally::default(),
            closing_at: now + budgets.wall.saturating_sub(share),
            ends_at: now + budgets.wall,
            closing_tokens: 0,
            batches: BTreeMap::new(),
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// It is time for the closing call.
    pub(crate) fn is_closing_time(&self, now: Time) -> bool {
        now >= self.closing_at
    }

    pub(crate) fn is_over(&self, now: Time) -> bool {
        now >= self.ends_at
    }

    pub(crate) fn keep_for_closing(&mut self, tokens: u64) {
        self.closing_tokens = tokens;
    }

    pub(crate) fn turn_started(&mut self) {
        self.tally.turns = self.tally.turns.saturating_add(1);
    }

    /// The turn's prompt was refused as too long: it is asked again in a shorter form.
    pub(crate) fn turn_undone(&mut self) {
        self.tally.turns = self.tally.turns.saturating_sub(1);
    }

    pub(crate) fn root_used(&mut self, usage: Usage) {
        self.tally.root_usage += usage.sane();
    }

    pub(crate) fn tokens_left(&self) -> u64 {
        let promised = self
            .batches
            .values()
            .filter_map(|batch| {
                Some(u64::from(batch.under_way).saturating_mul(batch.child?.tokens))
            })
            .fold(0_u64, u64::saturating_add);
        self.budgets
            .tokens
            .saturating_sub(self.tally.tokens().saturating_add(promised))
    }

    pub(crate) fn sub_calls_left(&self) -> u32 {
        let promised = self
            .batches
            .values()
            .filter_map(|batch| Some(batch.under_way.saturating_mul(batch.child?.sub_calls)))
            .fold(0_u32, u32::saturating_add);
        self.budgets
            .sub_calls
            .saturating_sub(self.tally.sub_calls.saturating_add(promised))
    }

    /// Grants what the budgets still allow of a batch; names the budget where that is not all.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        batch: BatchNumber,
        count: u32,
        recursive: bool,
    ) -> (Admission, Option<LimitKind>) {
        let tokens_left = self.tokens_left().saturating_sub(self.closing_tokens);
        let (granted, limit) = if self.is_closing_time(now) {
            (0, Some(LimitKind::Wall))
        } else if tokens_left == 0 {
            (0, Some(LimitKind::Tokens))
        } else {
            let left = self.sub_calls_left();
            (
                count.min(left),
                (count > left).then_some(LimitKind::SubCalls),
            )
        };
        self.tally.sub_calls = self.tally.sub_calls.saturating_add(granted);
        let child = (recursive && self.budgets.depth > 0 && granted > 0)
            .then(|| self.child_budgets(now, granted, tokens_left));
        if granted > 0 {
            let fresh = Batch {
                under_way: 0,
                child,
            };
            let open = self.batches.entry(batch).or_insert(fresh);
            open.under_way = open.under_way.saturating_add(granted);
        }
        let admission = Admission {
            batch,
            granted,
            refused: None,
            child,
        };
        (admission, limit.filter(|_| granted < count))
    }

    /// Grants nothing of a batch that no running block can have asked for.
    pub(crate) fn refuse(
        &self,
        batch: BatchNumber,
        limit: Option<LimitKind>,
    ) -> (Admission, Option<LimitKind>) {
        let admission = Admission {
            batch,
            granted: 0,
            refused: None,
            child: None,
        };
        (admission, limit)
    }

    /// An equal share for each child and one for this job, of everything that is left.
    fn child_budgets(&self, now: Time, children: u32, tokens_left: u64) -> Budgets {
        Budgets {
            sub_calls: self.sub_calls_left() / children.saturating_add(1),
            tokens: tokens_left / (u64::from(children) + 1),
            wall: self.closing_at.since(now),
            depth: self.budgets.depth - 1,
            ..self.budgets
        }
    }

    pub(crate) fn sub_call_done(&mut self, batch: BatchNumber, result: &SubCallResult) {
        self.tally.sub_usage += result.usage.sane();
        if !result.ok {
            self.tally.failed_sub_calls = self.tally.failed_sub_calls.saturating_add(1);
        }
        if result.cached {
            self.tally.cache_hits = self.tally.cache_hits.saturating_add(1);
        }
        if let Some(child) = result.child {
            self.tally.sub_usage += child.root_usage.sane();
            self.tally.sub_usage += child.sub_usage.sane();
            let tally = &mut self.tally;
            tally.sub_calls = tally.sub_calls.saturating_add(child.sub_calls);
            tally.failed_sub_calls = tally
                .failed_sub_calls
                .saturating_add(child.failed_sub_calls);
            tally.cache_hits = tally.cache_hits.saturating_add(child.cache_hits);
        }
        if let Some(open) = self.batches.get_mut(&batch) {
            open.under_way = open.under_way.saturating_sub(1);
            if open.under_way == 0 {
                self.batches.remove(&batch);
            }
        }
    }

    /// The block has ended: nothing that it asked for is under way any more.
    pub(crate) fn block_ended(&mut self) {
        self.batches.clear();
    }
}

#[cfg(test)]
mod tests;
