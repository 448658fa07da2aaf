//! A recorded block's model calls, answered from its journal when the block runs again.

use super::line::{JournalNote, calls_hash};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Answers a block's model calls from its journal.
pub(super) struct JournalHost {
    // The REPL asks through a shared reference, one batch at a time.
    heard: Mutex<Heard>,
    /// Stops the block after the journal's last call.
    stopper: Option<repl::Stopper>,
}

/// One batch of model calls, and a result for each.
pub(super) type AnsweredBatch = (Vec<repl::LmCall>, Vec<Result<String, String>>);

/// What a block asked, and what the journal had for it.
#[derive(Default)]
pub(super) struct Heard {
    left: VecDeque<JournalNote>,
    pub(super) answered: Vec<AnsweredBatch>,
    /// The first call that the journal does not have.
    other: Option<String>,
}

impl Heard {
    pub(super) fn difference(&self) -> Option<String> {
        let left = self.left.len();
        self.other
            .clone()
            .or_else(|| (left > 0).then(|| format!("{left} more batches of calls")))
    }
}

impl JournalHost {
    pub(super) fn new(journal: &[JournalNote], stopper: Option<repl::Stopper>) -> JournalHost {
        let heard = Heard {
            left: journal.iter().cloned().collect(),
            ..Heard::default()
        };
        JournalHost {
            heard: Mutex::new(heard),
            stopper,
        }
    }

    pub(super) fn heard(self) -> Heard {
        self.heard
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl repl::Host for JournalHost {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = calls_hash(&calls);
        match heard.left.pop_front() {
            Some(note) if note.calls == hash => {
                heard.answered.push((calls, note.results.clone()));
                if let Some(stopper) = self.stopper.as_ref().filter(|_| heard.left.is_empty()) {
                    stopper.stop();
                }
                note.results
            }
            other => {
                let recorded = other.map_or("no call".to_owned(), |note| note.calls.short());
                heard.other.get_or_insert(recorded);
                vec![Err("the trace has no such call".to_owned()); calls.len()]
            }
        }
    }
}
