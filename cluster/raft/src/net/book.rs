//! What this node, as a leader, heard others acknowledge: their word, to be held against what their
//! disks say after a restart, and how long they took to give it.

use base::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Default)]
pub(crate) struct Book {
    // Not a message to an owner: links of three kinds and the handler of questions use it between
    // two awaits, for a few instructions.
    words: Arc<Mutex<BTreeMap<NodeId, Word>>>,
}

#[derive(Clone, Copy, Default)]
struct Word {
    /// Acknowledged under this term. An entry that is not committed may be voided later, so this
    /// says nothing once the term is over.
    acked: Option<(u64, u64)>,
    /// Acknowledged and committed: true for ever.
    known: Option<u64>,
    /// Has shown a log that breaks its word.
    reverted: bool,
    /// The longest that it took for entries since the last question.
    slowest: Option<Duration>,
}

impl Book {
    /// What to remind the node of, given the commit that goes out in the same message.
    pub(crate) fn remind(&self, node: NodeId, term: u64, commit: Option<u64>) -> Option<u64> {
        let mut words = self.words();
        let word = words.entry(node).or_default();
        if let (Some((at, acked)), Some(commit)) = (word.acked, commit)
            && at == term
        {
            word.known = word.known.max(Some(acked.min(commit)));
        }
        word.known
    }

    pub(crate) fn acknowledged(&self, node: NodeId, term: u64, index: Option<u64>) {
        let Some(index) = index else {
            return;
        };
        let mut words = self.words();
        let word = words.entry(node).or_default();
        let before = word
            .acked
            .filter(|(at, _)| *at == term)
            .map_or(0, |(_, before)| before);
        word.acked = Some((term, index.max(before)));
        word.reverted = false;
    }

    /// Entries were acknowledged so long after they were sent.
    pub(crate) fn took(&self, node: NodeId, span: Duration) {
        let mut words = self.words();
        let word = words.entry(node).or_default();
        word.slowest = word.slowest.max(Some(span));
    }

    /// The longest of these since the last question, of each node that acknowledged any.
    pub(crate) fn slowest(&self) -> BTreeMap<NodeId, Duration> {
        let mut words = self.words();
        words
            .iter_mut()
            .filter_map(|(node, word)| Some((*node, word.slowest.take()?)))
            .collect()
    }

    /// The node does not have the entry before these, though it gave its word; `false` when it
    /// never did.
    pub(crate) fn conflicts(&self, node: NodeId, prev: Option<u64>) -> bool {
        let mut words = self.words();
        let word = words.entry(node).or_default();
        let broken = prev.is_some() && prev <= word.known;
        word.reverted |= broken;
        broken
    }

    /// The node rebuilds its log and says so: its old word is void.
    pub(crate) fn forget(&self, node: NodeId) {
        self.words().remove(&node);
    }

    pub(crate) fn known(&self, node: NodeId) -> Option<u64> {
        self.words().get(&node).and_then(|word| word.known)
    }

    /// Nodes that must be removed and join again as new ones.
    pub(crate) fn reverted(&self) -> Vec<NodeId> {
        let words = self.words();
        words
            .iter()
            .filter(|(_, word)| word.reverted)
            .map(|(node, _)| *node)
            .collect()
    }

    fn words(&self) -> MutexGuard<'_, BTreeMap<NodeId, Word>> {
        self.words.lock().expect("nothing panics under this lock")
    }
}
