//! Who did what. Each record's hash covers the one before, so that a record cannot be changed or
//! left out without all later ones showing it.

use base::{ContentHash, Time};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// The log's entry.
    pub index: u64,
    /// On the cluster's time.
    pub at: Time,
    pub by: String,
    pub what: String,
    pub hash: ContentHash,
}

/// The newest records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    pub records: VecDeque<AuditRecord>,
    /// The hash before the first record that is kept.
    before: Option<ContentHash>,
    /// Records that there ever were.
    pub count: u64,
}

impl Audit {
    /// The first record whose hash does not fit what it says and what came before it.
    pub fn broken(&self) -> Option<u64> {
        let mut before = self.before;
        for record in &self.records {
            if record.hash != chained(before, record) {
                return Some(record.index);
            }
            before = Some(record.hash);
        }
        None
    }

    pub(super) fn add(&mut self, index: u64, at: Time, by: &str, what: String) {
        let before = self
            .records
            .back()
            .map(|record| record.hash)
            .or(self.before);
        let mut record = AuditRecord {
            index,
            at,
            by: by.to_owned(),
            what: what.chars().take(WHAT_CHARS).collect(),
            hash: ContentHash([0; 32]),
        };
        record.hash = chained(before, &record);
        self.records.push_back(record);
        self.count += 1;
        while self.records.len() > KEPT {
            self.before = self.records.pop_front().map(|record| record.hash);
        }
    }
}

fn chained(before: Option<ContentHash>, record: &AuditRecord) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before.map_or([0; 32], |hash| hash.0));
    hasher.update(&record.index.to_le_bytes());
    hasher.update(&record.at.0.to_le_bytes());
    for text in [&record.by, &record.what] {
        let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
        hasher.update(&len.to_le_bytes());
        hasher.update(text.as_bytes());
    }
    ContentHash(*hasher.finalize().as_bytes())
}

pub(super) const WHAT_CHARS: usize = 512;
/// About a megabyte.
const KEPT: usize = 4096;
