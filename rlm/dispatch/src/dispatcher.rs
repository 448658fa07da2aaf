//! What callers hold: the dispatcher, a handle per job, and a batch of calls. Dropping a batch's
//! future cancels its calls, dropping the last handle of a job ends the job here.

mod asking;

use crate::disk::{DiskStore, DiskWriter};
use crate::owner::{Message, Models, NewModel, Owner};
use crate::policy::RetryPolicy;
use crate::{
    Account, AddModelError, CallFailure, CallRecord, DiskOptions, DispatchStats, Progress,
    StartError,
};
use asking::Asking;
use base::{CallPath, JobId, Time};
use engine::{CancellationToken, ChatRequest, Engine, Reply};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

/// Bounds of a dispatcher; the defaults of a product stand in its configuration.
#[derive(Clone, Debug)]
pub struct DispatchOptions {
    /// Calls of one job that wait or run, at least 1.
    pub waiting_per_job: u32,
    /// The same for all jobs, at least 1.
    pub waiting_in_all: u32,
    /// Tries after the first, for faults that may pass.
    pub retries: u32,
    pub retry_wait: Duration,
    pub retry_wait_max: Duration,
    /// Bytes of replies in memory; 0 keeps none.
    pub memory_bytes: usize,
    /// Replies on disk; `None` keeps none.
    pub disk: Option<DiskOptions>,
}

impl DispatchOptions {
    fn limits(&self) -> crate::core::Limits {
        let retry = RetryPolicy {
            retries: self.retries,
            wait: self.retry_wait,
            wait_max: self.retry_wait_max,
        };
        let (per_job, in_all) = (self.waiting_per_job.max(1), self.waiting_in_all.max(1));
        crate::core::Limits {
            per_job,
            in_all,
            retry,
        }
    }
}

/// A model that calls can name.
pub struct ModelEntry {
    pub engine: Arc<dyn Engine>,
    /// Everything that determines its replies besides the request: the file's hash, or the
    /// server's URL and the model's name there, and settings such as the K/V type.
    pub identity: String,
    /// Calls in flight; `None` asks the engine for its slots.
    pub slots: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOptions {
    /// The job's calls in flight at all models together.
    pub max_concurrent: u32,
    /// Whether replies are looked up and kept (`--no-cache` turns it off).
    pub cache: bool,
}

/// Calls that are asked together. Each gets its own outcome.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The place of the asker; the calls are its children, numbered from `first`.
    pub parent: CallPath,
    pub first: u32,
    pub calls: Vec<Call>,
    /// An engine's time for one try of one call; waiting for a slot does not count.
    pub call_deadline: Duration,
    /// The patience for the whole batch, waiting included: what the job's wall time leaves.
    pub patience: Option<Duration>,
    pub cancel: CancellationToken,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// A name that was given to `add_model`.
    pub model: String,
    pub request: ChatRequest,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubReply {
    pub reply: Reply,
    pub record: CallRecord,
}

/// Sends calls to models. Cheap to clone; the work ends with the last clone.
#[derive(Clone)]
pub struct Dispatcher {
    to_owner: mpsc::Sender<Message>,
    models: watch::Receiver<Arc<Models>>,
    permits: Arc<Semaphore>,
    per_job: u32,
    disk: Option<DiskStore>,
    epoch: Instant,
    /// Numbers batches.
    batches: Arc<AtomicU64>,
}

/// A job that asks. The job ends here with the last clone.
#[derive(Clone)]
pub struct JobHandle {
    id: JobId,
    cache: bool,
    permits: Arc<Semaphore>,
    progress: watch::Receiver<Progress>,
    to_owner: mpsc::Sender<Message>,
    _ends: Arc<DropGuard>,
}

impl JobHandle {
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Follows the job; always holds the newest state, never a queue of them.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// What the job's calls have cost so far.
    pub async fn account(&self) -> Account {
        let (answer, account) = oneshot::channel();
        let asked = self
            .to_owner
            .send(Message::Account {
                job: self.id,
                answer,
            })
            .await;
        if asked.is_err() {
            return Account::default();
        }
        account.await.unwrap_or_default()
    }
}

type Outcome = Result<SubReply, CallFailure>;

impl Dispatcher {
    /// Starts the owner's task on the current runtime.
    pub fn start(options: &DispatchOptions) -> Result<Dispatcher, StartError> {
        let disk = options.disk.as_ref().filter(|disk| disk.most_bytes > 0);
        let opened = disk.map(|disk| {
            let failed = |source| StartError::Cache {
                dir: disk.dir.clone(),
                source,
            };
            let store = DiskStore::open(&disk.dir, disk.most_bytes).map_err(failed)?;
            let writer = DiskWriter::start(store.clone()).map_err(failed)?;
            Ok((store, writer))
        });
        let (store, writer) = opened.transpose()?.unzip();
        let (to_owner, messages) = mpsc::channel(MOST_MESSAGES);
        let (publish, models) = watch::channel(Arc::default());
        let epoch = Instant::now();
        let owner = Owner::new(options, options.limits(), epoch, writer, publish);
        tokio::spawn(owner.run(messages));
        let permits = usize::try_from(options.waiting_in_all.max(1)).unwrap_or(usize::MAX);
        Ok(Dispatcher {
            to_owner,
            models,
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            per_job: options.waiting_per_job.max(1),
            disk: store,
            epoch,
            batches: Arc::default(),
        })
    }

    /// Makes a model known under `name`. A name that is known already means the new one from now
    /// on; calls under way keep the old one.
    pub async fn add_model(&self, name: &str, entry: ModelEntry) -> Result<(), AddModelError> {
        let slots = match entry.slots {
            Some(slots) => slots,
            None => {
                let no_facts = |source| AddModelError::NoFacts {
                    name: name.to_owned(),
                    source,
                };
                entry.engine.facts().await.map_err(no_facts)?.slots
            }
        };
        let (done, added) = oneshot::channel();
        let model = NewModel {
            name: name.to_owned(),
            engine: entry.engine,
            identity: entry.identity.into(),
            slots: slots.max(1),
            done,
        };
        self.to_owner
            .send(Message::AddModel(model))
            .await
            .map_err(|_| AddModelError::Stopped)?;
        added.await.map_err(|_| AddModelError::Stopped)
    }

    /// Names that calls can use now.
    pub fn models(&self) -> Vec<String> {
        self.models.borrow().keys().cloned().collect()
    }

    /// Makes a job known. A second handle for the same id shares the first one's account and room.
    pub async fn job(&self, id: JobId, options: JobOptions) -> JobHandle {
        let (publish, progress) = watch::channel(Progress::default());
        let over = CancellationToken::new();
        let ends = Arc::new(over.clone().drop_guard());
        let max_concurrent = options.max_concurrent.max(1);
        let room = Arc::new(Semaphore::new(self.per_job as usize));
        let (answer, shared) = oneshot::channel();
        let message = Message::AddJob {
            job: id,
            max_concurrent,
            publish,
            over,
            room: room.clone(),
            answer,
        };
        let permits = match self.to_owner.send(message).await {
            Ok(()) => shared.await.unwrap_or(room),
            // The dispatcher has stopped; every call of this handle will say so.
            Err(_) => room,
        };
        JobHandle {
            id,
            cache: options.cache,
            permits,
            progress,
            to_owner: self.to_owner.clone(),
            _ends: ends,
        }
    }

    /// Asks every call of the batch and gives the outcomes in the calls' order.
    pub async fn ask_batch(&self, job: &JobHandle, batch: Batch) -> Vec<Outcome> {
        let over = batch.cancel.child_token();
        let _dropped_cancels = over.clone().drop_guard();
        let asked = self.now();
        let mut asking = Asking {
            dispatcher: self,
            job,
            asked,
            give_up: batch.patience.map(|patience| asked + patience),
            limit: batch.call_deadline,
            over,
            parent: batch.parent.clone(),
            outcomes: Vec::with_capacity(batch.calls.len()),
        };
        let opened = asking.open(batch.first, batch.calls);
        let missed = asking.look_up(opened).await;
        asking.submit(missed).await;
        asking.collect().await
    }

    pub async fn stats(&self) -> DispatchStats {
        let (answer, stats) = oneshot::channel();
        if self.to_owner.send(Message::Stats { answer }).await.is_err() {
            return DispatchStats::default();
        }
        stats.await.unwrap_or_default()
    }

    /// Cancels what is under way and waits until kept replies are on disk.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.to_owner.send(Message::Close { done }).await.is_ok() && closed.await.is_err() {
            tracing::debug!("the dispatcher was closed twice");
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }
}

pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// Messages to the owner; senders wait when it is behind.
const MOST_MESSAGES: usize = 256;
