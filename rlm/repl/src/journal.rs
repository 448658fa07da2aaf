//! Running a block again from what it was answered. A block is a function of the session before it
//! and of its journal, so a [`Replay`] host gives the same bytes without a model.

use crate::api::{Host, JournalEntry, LmCall};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// A host that answers from a journal, then from `after` if there is one: a job that was
/// interrupted inside a block goes on where its records end.
pub struct Replay<'a> {
    /// A mutex, since hosts are asked by shared reference; it is never held over an await.
    state: Mutex<State>,
    after: Option<&'a dyn Host>,
}

#[derive(Default)]
struct State {
    entries: VecDeque<JournalEntry>,
    diverged: Option<String>,
}

impl<'a> Replay<'a> {
    pub fn new(entries: impl IntoIterator<Item = JournalEntry>) -> Replay<'a> {
        Replay {
            state: Mutex::new(State {
                entries: entries.into_iter().collect(),
                diverged: None,
            }),
            after: None,
        }
    }

    /// Who answers when the journal is used up.
    pub fn then(mut self, host: &'a dyn Host) -> Replay<'a> {
        self.after = Some(host);
        self
    }

    /// How the run left its journal, if it did: it is not the run that was recorded.
    pub fn diverged(&self) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.diverged.clone()
    }

    /// Entries not asked for yet.
    pub fn left(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.len()
    }

    fn recorded(&self, calls: &[LmCall]) -> Option<Vec<Result<String, String>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.entries.pop_front() else {
            if self.after.is_some() {
                return None;
            }
            let reason = "the journal is used up, and the block asks more".to_owned();
            state.diverged.get_or_insert_with(|| reason.clone());
            return Some(vec![Err(reason); calls.len()]);
        };
        if entry.calls == calls {
            return Some(entry.results);
        }
        let reason = "the block asks something else than its journal has".to_owned();
        state.diverged.get_or_insert_with(|| reason.clone());
        state.entries.clear();
        Some(vec![Err(reason); calls.len()])
    }
}

#[async_trait::async_trait]
impl Host for Replay<'_> {
    async fn ask(&self, calls: Vec<LmCall>) -> Vec<Result<String, String>> {
        match (self.recorded(&calls), self.after) {
            (Some(results), _) => results,
            (None, Some(host)) => host.ask(calls).await,
            (None, None) => Vec::new(),
        }
    }
}
