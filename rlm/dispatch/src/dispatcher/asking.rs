//! One batch under way: keys, caches, admission under permits, and outcomes in the calls' order.

use super::{Call, Dispatcher, JobHandle, Outcome, SubReply, millis};
use crate::core::{BatchId, ModelId};
use crate::disk::Lookup;
use crate::key::Key;
use crate::owner::{BatchTicket, Hit, Message, OpenCall};
use crate::{CallError, CallFailure, CallRecord, CallSource};
use base::{CallPath, Time};
use engine::{CancellationToken, ChatRequest, Reply};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// One `ask_batch` under way.
pub(super) struct Asking<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) job: &'a JobHandle,
    pub(super) asked: Time,
    pub(super) give_up: Option<Time>,
    pub(super) limit: Duration,
    pub(super) over: CancellationToken,
    pub(super) parent: CallPath,
    pub(super) outcomes: Vec<Slot>,
}

/// The place of one outcome.
pub(super) enum Slot {
    Known(Box<Outcome>),
    Coming(CallPath, oneshot::Receiver<Outcome>),
}

/// A call whose model is known.
pub(super) struct Opened {
    place: usize,
    path: CallPath,
    model: ModelId,
    key: Option<Key>,
    request: Arc<ChatRequest>,
}

impl Asking<'_> {
    /// Finds each call's model and key. Every place is filled: with its error, or to be replaced.
    pub(super) fn open(&mut self, first: u32, calls: Vec<Call>) -> Vec<Opened> {
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
    pub(super) async fn look_up(&mut self, opened: Vec<Opened>) -> Vec<Opened> {
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
    pub(super) async fn submit(&mut self, calls: Vec<Opened>) {
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

    pub(super) async fn collect(&mut self) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(self.outcomes.len());
        for slot in self.outcomes.drain(..) {
            outcomes.push(match slot {
                Slot::Known(outcome) => *outcome,
                Slot::Coming(path, outcome) => match outcome.await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(failure(path, CallError::Stopped)),
                },
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

async fn wait(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}

/// Calls in one message: the owner serves others in between.
const MOST_IN_MESSAGE: usize = 256;
