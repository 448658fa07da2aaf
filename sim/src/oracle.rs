//! What the clients of a world asked, and what they were told: kept outside the cluster, so that it
//! can be held to its word.

use crate::history::Call;
use crate::objects::{
    JobAnswer, JobCall, ModelAnswer, ModelCall, RegisterAnswer, RegisterCall, Shared,
};
use crate::time::WorldTime;
use base::{ContentHash, JobId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A shared oracle; clones write to the same one.
#[derive(Clone, Default)]
pub struct Oracle {
    told: Arc<Mutex<Told>>,
    time: WorldTime,
}

/// Everything that the clients know.
#[derive(Clone, Default)]
pub struct Told {
    /// Calls on the one register that the ledger has (a setting), in order of sending.
    pub register: Vec<Call<RegisterCall, RegisterAnswer>>,
    /// Calls on jobs that several clients know the key of.
    pub jobs: Shared<JobCall, JobAnswer>,
    /// Calls on names of the registry.
    pub models: Shared<ModelCall, ModelAnswer>,
    /// Jobs of one client each whose acceptance was acknowledged: key to id and body.
    pub accepted: BTreeMap<String, (JobId, ContentHash)>,
    /// Those of them that were sent and never acknowledged.
    pub open: BTreeMap<String, ContentHash>,
    /// Contradictions that a client saw by itself.
    pub contradictions: Vec<String>,
    /// Replies whose write to the replicated store was acknowledged.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    pub failed: u64,
    /// Clients are to send nothing more.
    pub quiet: bool,
}

impl Oracle {
    pub fn new(time: WorldTime) -> Oracle {
        Oracle {
            time,
            ..Oracle::default()
        }
    }

    // A mutex, since the clients of all hosts share it on one thread.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the world began.
    pub fn now(&self) -> Duration {
        self.time.now()
    }

    /// Notes a call on the register before it is sent; the number is for [`Oracle::answered`].
    pub fn sent(&self, operation: RegisterCall) -> usize {
        let mut told = self.told();
        told.register.push(Call {
            operation,
            answer: None,
            sent: self.time.now(),
            answered: Duration::ZERO,
        });
        told.register.len() - 1
    }

    pub fn answered(&self, call: usize, answer: RegisterAnswer) {
        let mut told = self.told();
        let call = &mut told.register[call];
        call.answer = Some(answer);
        call.answered = self.time.now();
    }

    /// The call surely had no effect, so it needs no explanation.
    pub fn refused(&self, call: usize) {
        let mut told = self.told();
        told.failed += 1;
        // A read that never answers fits every history.
        told.register[call].operation = RegisterCall::Read;
    }
}
