//! What the owner is told and asked, and the counts that it keeps. `DispatchStats` is public.

use crate::account::{Account, CallRecord, Progress};
use crate::core::{BatchId, ModelId};
use crate::dispatcher::SubReply;
use crate::error::CallFailure;
use crate::key::Key;
use base::{CallPath, JobId, Time};
use engine::{CancellationToken, ChatRequest, Engine, Reply};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

/// Known models: name to id and identity.
pub(crate) type Models = BTreeMap<String, (ModelId, Arc<str>)>;

pub(crate) enum Message {
    AddModel(NewModel),
    AddJob {
        job: JobId,
        max_concurrent: u32,
        publish: watch::Sender<Progress>,
        over: CancellationToken,
        /// Room for its open calls, unless it has some already.
        room: Arc<Semaphore>,
        answer: oneshot::Sender<Arc<Semaphore>>,
    },
    Probe {
        keys: Vec<Option<Key>>,
        answer: oneshot::Sender<Vec<Option<Reply>>>,
    },
    Hits {
        job: JobId,
        parent: CallPath,
        hits: Vec<Hit>,
        damaged: u64,
    },
    Submit {
        job: JobId,
        batch: BatchTicket,
        parent: CallPath,
        calls: Vec<OpenCall>,
    },
    Account {
        job: JobId,
        answer: oneshot::Sender<Account>,
    },
    Stats {
        answer: oneshot::Sender<DispatchStats>,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

pub(crate) struct NewModel {
    pub(crate) name: String,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) identity: Arc<str>,
    pub(crate) slots: u32,
    pub(crate) done: oneshot::Sender<()>,
}

/// A reply that came from a cache.
pub(crate) struct Hit {
    pub(crate) record: CallRecord,
    /// To be kept in memory from now on.
    pub(crate) keep: Option<(Key, Reply)>,
}

/// A batch, and the token that is cancelled when nobody waits for it any more.
#[derive(Clone)]
pub(crate) struct BatchTicket {
    pub(crate) id: BatchId,
    pub(crate) over: CancellationToken,
}

/// A call that waits for its outcome. Its permits are free again when it is dropped.
pub(crate) struct OpenCall {
    pub(crate) path: CallPath,
    pub(crate) model: ModelId,
    pub(crate) key: Option<Key>,
    pub(crate) request: Arc<ChatRequest>,
    pub(crate) cache: bool,
    pub(crate) asked: Time,
    pub(crate) give_up: Option<Time>,
    pub(crate) limit: Duration,
    pub(crate) answer: oneshot::Sender<Result<SubReply, CallFailure>>,
    #[expect(
        dead_code,
        reason = "held for as long as the call is open, never looked at"
    )]
    pub(crate) permits: [OwnedSemaphorePermit; 2],
}

/// What the dispatcher has done. Counts since its start, unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchStats {
    /// Calls that models work on now.
    pub running: u64,
    /// Calls that wait or run now.
    pub open: u64,
    /// Tries that went to an engine; over calls, the part that no cache or other call answered.
    pub asked_engines: u64,
    /// Tries that were cancelled because nobody waited any more.
    pub stopped: u64,
    /// Replies that were pushed out of memory; many beside few hits mean it is too small.
    pub memory_evicted: u64,
    pub disk_stored: u64,
    /// Files removed to keep the bound.
    pub disk_evicted: u64,
    /// Files that were torn, foreign or damaged, and are gone.
    pub disk_damaged: u64,
    /// Replies that the disk was too slow or too full to take.
    pub disk_skipped: u64,
}
