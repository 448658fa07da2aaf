//! Which calls a child is asked, and which of them is to blame when it dies. Pure.
//!
//! Of several calls in flight nobody can tell which one killed the child, so none is charged: each
//! is asked again, one at a time and oldest first, while everything newer waits. A suspect that
//! ends is innocent; one that kills a child alone is guilty, and the others go free. Bounded: each
//! death with several calls is followed by at least one call that ends, and the caller bounds the
//! number of deaths by itself.

use crate::frames::CallId;
use std::collections::{BTreeSet, VecDeque};

#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Asked of the child that runs now.
    asked: BTreeSet<CallId>,
    /// In flight when a child died; the first of them is or will be asked alone.
    suspects: VecDeque<CallId>,
    /// To be asked as soon as there are no suspects.
    waiting: VecDeque<CallId>,
}

impl Suspects {
    pub(super) fn arrived(&mut self, call: CallId) {
        self.waiting.push_back(call);
    }

    /// The call is over, however it ended. Whether the child knows of it.
    pub(super) fn ended(&mut self, call: CallId) -> bool {
        self.suspects.retain(|suspect| *suspect != call);
        self.waiting.retain(|waiting| *waiting != call);
        self.asked.remove(&call)
    }

    /// Which calls the child is to be asked now; each is given once per child.
    pub(super) fn due(&mut self) -> Vec<CallId> {
        let due: Vec<CallId> = match self.suspects.front() {
            Some(_) if !self.asked.is_empty() => Vec::new(),
            Some(first) => vec![*first],
            None => self.waiting.drain(..).collect(),
        };
        self.asked.extend(&due);
        due
    }

    /// The child is dead; the call that killed it alone, and for the second time.
    pub(super) fn died(&mut self) -> Option<CallId> {
        let in_flight = std::mem::take(&mut self.asked);
        let alone = in_flight.first().filter(|_| in_flight.len() == 1).copied();
        if let Some(call) = alone
            && self.suspects.front() == Some(&call)
        {
            self.suspects.pop_front();
            while let Some(innocent) = self.suspects.pop_back() {
                self.waiting.push_front(innocent);
            }
            return Some(call);
        }
        let known: Vec<CallId> = self.suspects.drain(..).collect();
        let all: BTreeSet<CallId> = in_flight.into_iter().chain(known).collect();
        self.suspects.extend(all);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::LlamaOptions;
    use crate::restarts::{Restarts, Verdict};
    use base::Time;

    fn with(calls: &[CallId]) -> Suspects {
        let mut suspects = Suspects::default();
        for call in calls {
            suspects.arrived(*call);
        }
        assert_eq!(suspects.due(), calls, "all at once while nobody died");
        assert!(suspects.due().is_empty(), "and each once");
        suspects
    }

    #[test]
    fn the_one_that_kills_alone_is_found_and_the_others_go_free() {
        let mut suspects = with(&[1, 2, 3, 4]);
        assert_eq!(suspects.died(), None, "it may have been any of them");
        suspects.arrived(5);
        assert_eq!(suspects.due(), [1]);
        assert!(
            suspects.due().is_empty(),
            "one at a time, and nothing newer beside it"
        );
        assert!(suspects.ended(1));
        assert_eq!(suspects.due(), [2]);
        assert_eq!(suspects.died(), Some(2));
        assert_eq!(suspects.due(), [3, 4, 5], "together again");
    }

    #[test]
    fn a_call_alone_is_asked_once_more() {
        let mut suspects = with(&[7]);
        assert_eq!(suspects.died(), None);
        assert_eq!(suspects.due(), [7]);
        assert_eq!(suspects.died(), Some(7));
        assert!(suspects.due().is_empty());
    }

    #[test]
    fn two_killers_are_found_one_after_the_other() {
        let mut suspects = with(&[1, 2, 3]);
        assert_eq!(suspects.died(), None);
        assert_eq!(suspects.due(), [1]);
        assert_eq!(suspects.died(), Some(1));
        assert_eq!(suspects.due(), [2, 3]);
        assert_eq!(suspects.died(), None);
        assert_eq!(suspects.due(), [2]);
        assert!(suspects.ended(2));
        assert_eq!(suspects.due(), [3]);
        assert_eq!(suspects.died(), Some(3));
    }

    #[test]
    fn a_child_that_nobody_asked_anything_accuses_nobody() {
        let mut suspects = with(&[1, 2]);
        assert_eq!(suspects.died(), None);
        // The next child does not come up.
        assert_eq!(suspects.died(), None);
        assert_eq!(suspects.due(), [1]);
        assert!(!suspects.ended(2), "the child does not know of it");
        assert!(suspects.ended(1));
        assert!(suspects.due().is_empty());
    }

    /// Lets calls end one after the other, with a death whenever a killer is asked. How many died.
    fn deaths(calls: &[CallId], kills: impl Fn(CallId) -> bool) -> u32 {
        let mut suspects = with(calls);
        let (mut left, mut deaths) = (calls.len(), 0);
        let mut asked: BTreeSet<CallId> = calls.iter().copied().collect();
        while left > 0 {
            if asked.iter().any(|call| kills(*call)) {
                deaths += 1;
                if let Some(killer) = suspects.died() {
                    assert!(kills(killer), "an innocent call is never charged");
                    left -= 1;
                }
                asked.clear();
            } else if let Some(call) = asked.pop_first() {
                suspects.ended(call);
                left -= 1;
            }
            asked.extend(suspects.due());
        }
        deaths
    }

    #[test]
    fn every_call_ends_whatever_dies() {
        let deaths = deaths(&[1, 2, 3, 4, 5], |call| call % 2 == 1);
        assert_eq!(deaths, 6, "two for each of the three killers at most");
    }

    #[test]
    fn two_killers_in_one_batch_leave_the_engine_to_the_others() {
        let options = LlamaOptions::new("m".into(), "p".into(), Vec::new(), 1);
        let mut restarts = Restarts::new(
            options.max_restarts,
            options.restart_window,
            options.restart_backoff,
        );
        let deaths = deaths(&[1, 2, 3, 4, 5, 6, 7, 8], |call| call == 3 || call == 6);
        assert_eq!(deaths, 4);
        for _ in 0..deaths {
            restarts.died(Time::ZERO);
        }
        let verdict = restarts.verdict(Time::ZERO);
        assert!(matches!(verdict, Verdict::After(_)), "{verdict:?}");
    }
}
