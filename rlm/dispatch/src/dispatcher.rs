//! What callers hold: the dispatcher, a handle per job, and a batch of calls. Dropping a batch's
//! future cancels its calls, dropping the last handle of a job ends the job here.

use crate::core::{BatchId, ModelId};
use crate::disk::{DiskStore, DiskWriter, Lookup};
use crate::key::Key;
use crate::owner::{BatchTicket, Hit, Message, Models, NewModel, OpenCall, Owner};
use crate::policy::RetryPolicy;
use crate::{
    Account, AddModelError, CallError, CallFailure, CallRecord, CallSource, DiskOptions,
    DispatchStats, Progress, StartError,
};
use base::{CallPath, JobId, Time};
use engine::{CancellationToken, ChatRequest, Engine, Reply};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
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

    /// Makes a job known. A second handle for the same id shares the first one's account.
    pub async fn job(&self, id: JobId, options: JobOptions) -> JobHandle {
        let (publish, progress) = watch::channel(Progress::default());
        let over = CancellationToken::new();
        let ends = Arc::new(over.clone().drop_guard());
        let max_concurrent = options.max_concurrent.max(1);
        let message = Message::AddJob {
            job: id,
            max_concurrent,
            publish,
            over,
        };
        if self.to_owner.send(message).await.is_err() {
            tracing::debug!(job = %id, "the dispatcher has stopped");
        }
        JobHandle {
            id,
            cache: options.cache,
            permits: Arc::new(Semaphore::new(self.per_job as usize)),
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

/// One `ask_batch` under way.
struct Asking<'a> {
    dispatcher: &'a Dispatcher,
    job: &'a JobHandle,
    asked: Time,
    give_up: Option<Time>,
    limit: Duration,
    over: CancellationToken,
    parent: CallPath,
    outcomes: Vec<Slot>,
}

/// The place of one outcome.
enum Slot {
    Known(Box<Outcome>),
    Coming(CallPath, oneshot::Receiver<Outcome>),
}

/// A call whose model is known.
struct Opened {
    place: usize,
    path: CallPath,
    model: ModelId,
    key: Option<Key>,
    request: Arc<ChatRequest>,
}

impl Asking<'_> {
    /// Finds each call's model and key. Every place is filled: with its error, or to be replaced.
    fn open(&mut self, first: u32, calls: Vec<Call>) -> Vec<Opened> {
        let models = self.dispatcher.models.borrow().clone();
        let mut opened = Vec::with_capacity(calls.len());
        for (place, call) in calls.into_iter().enumerate() {
            let ordinal = first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
            let path = self.parent.child(ordinal);
            match models.get(&call.model) {
                Some((model, identity)) => {
                    let request = Arc::new(call.request);
                    let key = Key::of(identity, &request);
                    self.fail(path.clone(), CallError::Cancelled);
                    opened.push(Opened {
                        place,
                        path,
                        model: *model,
                        key,
                        request,
                    });
                }
                None => {
                    let known: Vec<&str> = models.keys().map(String::as_str).collect();
                    let known = known.join(", ");
                    self.fail(
                        path,
                        CallError::UnknownModel {
                            name: call.model,
                            known,
                        },
                    );
                }
            }
        }
        opened
    }

    fn fail(&mut self, path: CallPath, error: CallError) {
        let failure = failure(path, error);
        self.outcomes.push(Slot::Known(Box::new(Err(failure))));
    }

    /// Answers from the caches what they hold; gives back the rest.
    async fn look_up(&mut self, opened: Vec<Opened>) -> Vec<Opened> {
        if !self.job.cache || opened.iter().all(|call| call.key.is_none()) {
            return opened;
        }
        let keys: Vec<Option<Key>> = opened.iter().map(|call| call.key.clone()).collect();
        let (answer, found) = oneshot::channel();
        let probe = Message::Probe {
            keys: keys.clone(),
            answer,
        };
        let memory = match self.dispatcher.to_owner.send(probe).await {
            Ok(()) => found.await.unwrap_or_default(),
            Err(_) => return opened,
        };
        let missing: Vec<Option<Key>> = keys
            .into_iter()
            .enumerate()
            .map(|(i, key)| key.filter(|_| memory.get(i).is_none_or(Option::is_none)))
            .collect();
        let (disk, damaged) = self.look_on_disk(missing).await;
        let mut hits = Vec::new();
        let mut missed = Vec::new();
        let mut memory = memory.into_iter();
        let mut disk = disk.into_iter();
        for call in opened {
            match (memory.next().flatten(), disk.next().flatten()) {
                (Some(reply), _) => hits.push(self.hit(call, reply, CallSource::Memory)),
                (None, Some(reply)) => hits.push(self.hit(call, reply, CallSource::Disk)),
                (None, None) => missed.push(call),
            }
        }
        let (job, parent) = (self.job.id, self.parent.clone());
        let report = Message::Hits {
            job,
            parent,
            hits,
            damaged,
        };
        if self.dispatcher.to_owner.send(report).await.is_err() {
            tracing::debug!("the dispatcher has stopped");
        }
        missed
    }

    async fn look_on_disk(&self, keys: Vec<Option<Key>>) -> (Vec<Option<Reply>>, u64) {
        let Some(store) = self
            .dispatcher
            .disk
            .clone()
            .filter(|_| keys.iter().any(Option::is_some))
        else {
            return (Vec::new(), 0);
        };
        let looked = tokio::task::spawn_blocking(move || {
            let mut damaged = 0;
            let look = |key: Option<Key>| match store.get(&key?) {
                Lookup::Hit(reply) => Some(*reply),
                Lookup::Miss | Lookup::Collision => None,
                Lookup::Damaged => {
                    damaged += 1;
                    None
                }
            };
            let found: Vec<Option<Reply>> = keys.into_iter().map(look).collect();
            (found, damaged)
        });
        looked.await.unwrap_or_default()
    }

    fn hit(&mut self, call: Opened, reply: Reply, source: CallSource) -> Hit {
        let wall_ms = millis(self.dispatcher.now() - self.asked);
        let (path, usage) = (call.path, reply.usage);
        let record = CallRecord {
            path,
            source,
            usage,
            wall_ms,
            ..CallRecord::default()
        };
        let keep = call
            .key
            .filter(|_| source == CallSource::Disk)
            .map(|key| (key, reply.clone()));
        let outcome = Ok(SubReply {
            reply,
            record: record.clone(),
        });
        self.outcomes[call.place] = Slot::Known(Box::new(outcome));
        Hit { record, keep }
    }

    /// Feeds the calls in as permits allow. On cancellation or the end of patience the rest keeps
    /// the error that stands in its place.
    async fn submit(&mut self, calls: Vec<Opened>) {
        let batch = self.dispatcher.batches.fetch_add(1, Ordering::Relaxed);
        let batch = BatchTicket {
            id: BatchId(batch),
            over: self.over.clone(),
        };
        let mut calls = calls.into_iter().peekable();
        while let Some(next) = calls.next() {
            let Some(permits) = self.admission().await else {
                return self.expire_rest(calls, next);
            };
            let mut chunk = vec![self.submission(next, permits)];
            while chunk.len() < MOST_IN_MESSAGE && calls.peek().is_some() {
                let Some(permits) = self.free_permits() else {
                    break;
                };
                chunk.extend(calls.next().map(|call| self.submission(call, permits)));
            }
            let (job, batch, parent) = (self.job.id, batch.clone(), self.parent.clone());
            let message = Message::Submit {
                job,
                batch,
                parent,
                calls: chunk,
            };
            if self.dispatcher.to_owner.send(message).await.is_err() {
                return;
            }
        }
    }

    /// Waits for room; `None` when the batch is over before there is any.
    async fn admission(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let both = async {
            let of_job = self.job.permits.clone().acquire_owned().await.ok()?;
            let of_all = self.dispatcher.permits.clone().acquire_owned().await.ok()?;
            Some([of_job, of_all])
        };
        let patience = self.give_up.map(|at| at - self.dispatcher.now());
        tokio::select! {
            biased;
            () = self.over.cancelled() => None,
            permits = both => permits,
            () = wait(patience) => None,
        }
    }

    fn free_permits(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let of_job = self.job.permits.clone().try_acquire_owned().ok()?;
        Some([
            of_job,
            self.dispatcher.permits.clone().try_acquire_owned().ok()?,
        ])
    }

    fn expire_rest(&mut self, rest: impl Iterator<Item = Opened>, next: Opened) {
        if self.over.is_cancelled() {
            return;
        }
        for call in std::iter::once(next).chain(rest) {
            let failure = failure(call.path, CallError::Expired);
            self.outcomes[call.place] = Slot::Known(Box::new(Err(failure)));
        }
    }

    fn submission(&mut self, call: Opened, permits: [OwnedSemaphorePermit; 2]) -> OpenCall {
        let (answer, outcome) = oneshot::channel();
        self.outcomes[call.place] = Slot::Coming(call.path.clone(), outcome);
        OpenCall {
            path: call.path,
            model: call.model,
            key: call.key,
            request: call.request,
            cache: self.job.cache,
            asked: self.asked,
            give_up: self.give_up,
            limit: self.limit,
            answer,
            permits,
        }
    }

    async fn collect(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(self.outcomes.len());
        for slot in self.outcomes.drain(..) {
            outcomes.push(match slot {
                Slot::Known(outcome) => *outcome,
                Slot::Coming(path, outcome) => outcome
                    .await
                    .unwrap_or_else(|_| Err(failure(path, CallError::Stopped))),
            });
        }
        outcomes
    }
}

fn failure(path: CallPath, error: CallError) -> CallFailure {
    CallFailure {
        error,
        record: CallRecord {
            path,
            ..CallRecord::default()
        },
    }
}

pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

async fn wait(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}

/// Messages to the owner; senders wait when it is behind.
const MOST_MESSAGES: usize = 256;

/// Calls in one message: the owner serves others in between.
const MOST_IN_MESSAGE: usize = 256;
