//! Whether a history of calls is linearizable: the search of Wing and Gong (1993) with the memory
//! of Lowe (2017), as in Knossos and Porcupine.
//!
//! A call whose outcome is unknown (sent, no answer) may have taken effect at any time after it was
//! sent, or never. Histories are checked key by key: the property is local (Herlihy and Wing 1990).

use std::collections::BTreeSet;
use std::time::Duration;

/// What the object under test should do.
pub trait Model {
    type State: Clone + Ord;
    type Operation;
    type Answer: PartialEq;

    fn initial(&self) -> Self::State;

    /// The state after the operation and the answer that it gives there.
    fn step(&self, state: &Self::State, operation: &Self::Operation)
    -> (Self::State, Self::Answer);
}

/// One call of one client.
#[derive(Clone, Debug)]
pub struct Call<O, A> {
    pub operation: O,
    /// None: the outcome is unknown.
    pub answer: Option<A>,
    pub sent: Duration,
    /// When the answer came; only looked at when there is one.
    pub answered: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Linearizable,
    /// No order explains the answers; the index of a call that never fitted.
    Violation {
        stuck_at: usize,
    },
    /// The search was cut off. Counts as not passed.
    Undecided,
}

/// Searches for an order. `steps` bounds the search.
pub fn check<M: Model>(
    model: &M,
    calls: &[Call<M::Operation, M::Answer>],
    steps: usize,
) -> Verdict {
    let mut search = Search {
        model,
        calls,
        placed: vec![false; calls.len()],
        seen: BTreeSet::new(),
        left: steps,
        deepest: (0, 0),
    };
    match search.run(model.initial()) {
        Some(true) => Verdict::Linearizable,
        Some(false) => Verdict::Violation {
            stuck_at: search.deepest.1,
        },
        None => Verdict::Undecided,
    }
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Operation, M::Answer>],
    placed: Vec<bool>,
    seen: BTreeSet<(Vec<bool>, M::State)>,
    left: usize,
    /// Most calls placed so far, and the call that was next to be answered there.
    deepest: (usize, usize),
}

/// One level of the search: the state, and the candidates not yet tried there.
struct Level<S> {
    state: S,
    open: Vec<usize>,
    placed: Option<usize>,
}

impl<M: Model> Search<'_, M> {
    /// None when the steps ran out.
    fn run(&mut self, initial: M::State) -> Option<bool> {
        let mut levels = vec![Level {
            open: self.candidates(),
            state: initial,
            placed: None,
        }];
        if self.complete() {
            return Some(true);
        }
        while let Some(level) = levels.last_mut() {
            let Some(next) = level.open.pop() else {
                if let Some(placed) = level.placed {
                    self.placed[placed] = false;
                }
                levels.pop();
                continue;
            };
            self.left = self.left.checked_sub(1)?;
            let call = &self.calls[next];
            let (state, answer) = self.model.step(&level.state, &call.operation);
            match &call.answer {
                Some(seen) if *seen != answer => continue,
                // It changes nothing here, so it may as well never have happened.
                None if state == level.state => continue,
                Some(_) | None => {}
            }
            self.placed[next] = true;
            if !self.seen.insert((self.placed.clone(), state.clone())) {
                self.placed[next] = false;
                continue;
            }
            if self.complete() {
                return Some(true);
            }
            self.note_depth();
            levels.push(Level {
                open: self.candidates(),
                state,
                placed: Some(next),
            });
        }
        Some(false)
    }

    /// Calls that may come next: sent before the first answer among those not placed.
    fn candidates(&self) -> Vec<usize> {
        let open = || (0..self.calls.len()).filter(|i| !self.placed[*i]);
        let first_answer = open()
            .filter(|i| self.calls[*i].answer.is_some())
            .map(|i| self.calls[i].answered)
            .min();
        let Some(first_answer) = first_answer else {
            return Vec::new();
        };
        let mut candidates: Vec<usize> = open()
            .filter(|i| self.calls[*i].sent <= first_answer)
            .collect();
        // The one that was answered first is tried first, unknown ones last.
        candidates.sort_by_key(|i| {
            let call = &self.calls[*i];
            std::cmp::Reverse((call.answer.is_none(), call.answered))
        });
        candidates
    }

    /// Whether every call with an answer is placed.
    fn complete(&self) -> bool {
        (0..self.calls.len()).all(|i| self.placed[i] || self.calls[i].answer.is_none())
    }

    fn note_depth(&mut self) {
        let depth = self.placed.iter().filter(|placed| **placed).count();
        if depth > self.deepest.0 {
            let next = (0..self.calls.len())
                .filter(|i| !self.placed[*i] && self.calls[*i].answer.is_some())
                .min_by_key(|i| self.calls[*i].answered);
            self.deepest = (depth, next.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests;
