//! What calls cost: a record per call, sums per job and per place in it, and the progress of a job
//! for a live display. Each call is counted once; tokens are counted with the call that bore them.

use base::{CallPath, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Where a reply came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallSource {
    /// A model wrote it for this call.
    #[default]
    Engine,
    /// A model wrote it for another call that asked the same at the same time.
    Coalesced,
    /// It was in memory.
    Memory,
    /// It was on disk.
    Disk,
}

/// What happened to one call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub path: CallPath,
    pub source: CallSource,
    /// Waiting for a slot, here and inside the engine.
    pub queue_ms: f64,
    pub prefill_ms: f64,
    pub decode_ms: f64,
    /// From asking to the reply.
    pub wall_ms: f64,
    /// Tokens of the reply, whoever bore them; only `CallSource::Engine` counts in sums.
    pub usage: Usage,
    /// 0 for a cached reply, more than 1 after retries.
    pub tries: u32,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallSums {
    pub calls: u64,
    pub failed: u64,
    pub memory_hits: u64,
    pub disk_hits: u64,
    pub coalesced: u64,
    pub retries: u64,
    pub usage: Usage,
    pub queue_ms: f64,
    pub prefill_ms: f64,
    pub decode_ms: f64,
}

impl CallSums {
    pub fn cache_hits(&self) -> u64 {
        self.memory_hits + self.disk_hits
    }

    pub(crate) fn add(&mut self, record: &CallRecord, failed: bool) {
        self.calls += 1;
        self.failed += u64::from(failed);
        self.retries += u64::from(record.tries.saturating_sub(1));
        self.queue_ms += record.queue_ms;
        match record.source {
            CallSource::Engine => {
                self.usage += record.usage;
                self.prefill_ms += record.prefill_ms;
                self.decode_ms += record.decode_ms;
            }
            CallSource::Coalesced => self.coalesced += 1,
            CallSource::Memory => self.memory_hits += 1,
            CallSource::Disk => self.disk_hits += 1,
        }
    }
}

impl AddAssign for CallSums {
    fn add_assign(&mut self, other: CallSums) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.memory_hits += other.memory_hits;
        self.disk_hits += other.disk_hits;
        self.coalesced += other.coalesced;
        self.retries += other.retries;
        self.usage += other.usage;
        self.queue_ms += other.queue_ms;
        self.prefill_ms += other.prefill_ms;
        self.decode_ms += other.decode_ms;
    }
}

/// The sums of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub total: CallSums,
    /// By the place of the asker: the root, or a child. Of more than `MAX_PLACES` places, the
    /// later ones are summed under the root.
    pub by_path: BTreeMap<CallPath, CallSums>,
}

impl Account {
    pub(crate) fn add(&mut self, parent: &CallPath, record: &CallRecord, failed: bool) {
        self.total.add(record, failed);
        let room = self.by_path.len() < MAX_PLACES || self.by_path.contains_key(parent);
        let place = if room {
            parent.clone()
        } else {
            CallPath::root()
        };
        self.by_path.entry(place).or_default().add(record, failed);
    }
}

/// Where a job stands; the newest one is always in its watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Calls asked so far, cached ones too.
    pub asked: u64,
    /// Calls that have their outcome, failed ones too.
    pub done: u64,
    /// Calls that a model works on.
    pub running: u32,
    /// Calls that wait for a slot or rest before another try.
    pub waiting: u32,
    pub sums: CallSums,
}

/// Places with sums of their own in one account: a child each; a job with more is summed coarser.
const MAX_PLACES: usize = 4096;
