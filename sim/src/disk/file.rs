//! One file of a simulated disk: what it holds, and how to undo what was not synced.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default)]
pub(super) struct File {
    now: Vec<u8>,
    /// Bytes as they were before each write since the last sync, oldest first.
    undo: Vec<(usize, Vec<u8>)>,
    synced_len: usize,
}

/// What a power cut took.
pub(super) struct Cut {
    pub(super) torn: bool,
    pub(super) lost: u64,
}

impl File {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.now
    }

    pub(super) fn write(&mut self, start: usize, bytes: &[u8]) {
        let end = start + bytes.len();
        let overwritten = start.min(self.now.len())..end.min(self.now.len());
        if !overwritten.is_empty() {
            let before = self.now[overwritten.clone()].to_vec();
            self.undo.push((overwritten.start, before));
        }
        if self.now.len() < end {
            self.now.resize(end, 0);
        }
        self.now[start..end].copy_from_slice(bytes);
    }

    pub(super) fn resize(&mut self, len: usize) {
        if len < self.now.len() {
            self.undo.push((len, self.now[len..].to_vec()));
        }
        self.now.resize(len, 0);
    }

    pub(super) fn sync(&mut self) {
        self.undo.clear();
        self.synced_len = self.now.len();
    }

    /// Whether there is anything that a power cut must leave.
    pub(super) fn was_synced(&self) -> bool {
        self.synced_len > 0
    }

    pub(super) fn flip(&mut self, bit: usize) {
        self.now[bit / 8] ^= 1 << (bit % 8);
    }

    /// Of what was not synced, the drive wrote whatever it had come to: each page of it or not, and
    /// of the growth as much as it pleased.
    pub(super) fn power_cut(&mut self, rng: &mut ChaCha8Rng) -> Cut {
        let before = self.now.len();
        let grown = self.now.len() > self.synced_len;
        let len = if grown {
            rng.random_range(self.synced_len..=self.now.len())
        } else if self.now.len() < self.synced_len && rng.random_bool(0.5) {
            self.synced_len
        } else {
            self.now.len()
        };
        let torn = grown && len > self.synced_len && len < before;
        if self.now.len() < self.synced_len {
            self.now.resize(self.synced_len, 0);
        }
        for page in self.touched() {
            if rng.random_bool(0.5) {
                self.restore(page);
            }
        }
        // A shortening that did not happen brings its bytes back.
        if len == self.synced_len && before < len {
            for page in before / PAGE..=len / PAGE {
                self.restore(page);
            }
        }
        self.now.resize(len, 0);
        self.sync();
        let lost = before.saturating_sub(len) as u64;
        Cut { torn, lost }
    }

    fn touched(&self) -> BTreeSet<usize> {
        let pages = |(start, old): &(usize, Vec<u8>)| start / PAGE..=(start + old.len()) / PAGE;
        self.undo.iter().flat_map(pages).collect()
    }

    fn restore(&mut self, page: usize) {
        let (first, last) = (page * PAGE, (page + 1) * PAGE);
        for (start, old) in self.undo.iter().rev() {
            let from = first.max(*start);
            let to = last.min(start + old.len()).min(self.now.len());
            if from < to {
                self.now[from..to].copy_from_slice(&old[from - start..to - start]);
            }
        }
    }
}

/// What a drive writes as one.
const PAGE: usize = 4096;
