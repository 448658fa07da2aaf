//! The owner task: the only place that holds the core, the memory cache and the books. Translates
//! messages into inputs and effects into engine calls and answers; decides nothing.

mod books;
mod message;
mod run;

pub use message::DispatchStats;
pub(crate) use message::{BatchTicket, Hit, Message, Models, NewModel, OpenCall};

use crate::account::{CallRecord, CallSource};
use crate::core::{
    AnswerFacts, BatchId, CallId, Core, Effect, Input, Limits, ModelId, NewCall, TicketId,
};
use crate::disk::DiskWriter;
use crate::dispatcher::{DispatchOptions, SubReply, millis};
use crate::error::{CallError, CallFailure};
use crate::key::Key;
use crate::memory::MemoryCache;
use base::{CallPath, Finish, JobId, Time};
use books::Books;
use engine::{Engine, EngineError, Reply};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use run::Runs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Something that ended without a message.
enum Gone {
    Batch(BatchId),
    Job(JobId),
}

pub(crate) struct Owner {
    core: Core,
    epoch: Instant,
    engines: BTreeMap<ModelId, Arc<dyn Engine>>,
    models: watch::Sender<Arc<Models>>,
    runs: Runs,
    open: BTreeMap<CallId, (JobId, CallPath, OpenCall)>,
    watched: BTreeSet<BatchId>,
    gone: FuturesUnordered<BoxFuture<'static, Gone>>,
    memory: MemoryCache,
    disk: Option<DiskWriter>,
    books: Books,
    next_call: u64,
    stats: DispatchStats,
}

type TryOutcome = Result<Reply, EngineError>;

impl Owner {
    pub(crate) fn new(
        options: &DispatchOptions,
        limits: Limits,
        epoch: Instant,
        disk: Option<DiskWriter>,
        models: watch::Sender<Arc<Models>>,
    ) -> Owner {
        Owner {
            core: Core::new(limits),
            epoch,
            engines: BTreeMap::new(),
            models,
            runs: Runs::default(),
            open: BTreeMap::new(),
            watched: BTreeSet::new(),
            gone: FuturesUnordered::new(),
            memory: MemoryCache::new(options.memory_bytes),
            disk,
            books: Books::default(),
            next_call: 0,
            stats: DispatchStats::default(),
        }
    }

    /// Serves until the last handle is gone or somebody closes.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let closed = loop {
            let wake = self
                .core
                .wake()
                .and_then(|at| self.epoch.checked_add(at - Time::ZERO));
            // Ends come first: a new handle must not revive a job that was given up before it.
            tokio::select! {
                biased;
                Some(gone) = self.gone.next() => self.forget(gone),
                Some((ticket, outcome)) = self.runs.next() => self.ended(ticket, outcome),
                message = messages.recv() => match message {
                    Some(Message::Close { done }) => break Some(done),
                    Some(message) => self.take(message),
                    None => break None,
                },
                () = until(wake) => self.step(Input::Tick, None),
            }
            self.books.publish(&self.core);
        };
        // Askers see their channels close; engines' futures are dropped, which cancels them.
        self.open.clear();
        drop(self.runs);
        if let Some(disk) = self.disk {
            disk.close().await;
        }
        if closed.is_some_and(|done| done.send(()).is_err()) {
            tracing::debug!("nobody waits for the dispatcher's end");
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::AddModel(model) => self.add_model(model),
            Message::AddJob {
                job,
                max_concurrent,
                publish,
                over,
                room,
                answer,
            } => {
                give(answer, self.books.open(job, publish, room));
                self.gone.push(Box::pin(async move {
                    over.cancelled_owned().await;
                    Gone::Job(job)
                }));
                self.step(
                    Input::AddJob {
                        job,
                        max_concurrent,
                    },
                    None,
                );
            }
            Message::Probe { keys, answer } => {
                let look = |key: &Option<Key>| self.memory.get(key.as_ref()?);
                give(answer, keys.iter().map(look).collect());
            }
            Message::Hits {
                job,
                parent,
                hits,
                damaged,
            } => {
                self.stats.disk_damaged += damaged;
                for hit in hits {
                    self.books.asked(job, 1);
                    self.books.done(job, &parent, &hit.record, false);
                    if let Some((key, reply)) = hit.keep {
                        self.memory.put(&key, &reply);
                    }
                }
            }
            Message::Submit {
                job,
                batch,
                parent,
                calls,
            } => self.submit(job, batch, &parent, calls),
            Message::Account { job, answer } => give(answer, self.books.account(job)),
            Message::Stats { answer } => give(answer, self.stats()),
            Message::Close { done } => give(done, ()),
        }
    }

    fn add_model(&mut self, new: NewModel) {
        let model = ModelId(u32::try_from(self.engines.len()).unwrap_or(u32::MAX));
        self.engines.insert(model, new.engine);
        self.models.send_modify(|models| {
            let mut changed = Models::clone(models);
            changed.insert(new.name, (model, new.identity));
            *models = Arc::new(changed);
        });
        self.step(
            Input::AddModel {
                model,
                slots: new.slots,
            },
            None,
        );
        give(new.done, ());
    }

    fn submit(&mut self, job: JobId, batch: BatchTicket, parent: &CallPath, calls: Vec<OpenCall>) {
        let BatchTicket { id, over } = batch;
        if self.watched.insert(id) {
            self.gone.push(Box::pin(async move {
                over.cancelled_owned().await;
                Gone::Batch(id)
            }));
        }
        self.books.asked(job, calls.len() as u64);
        let mut new = Vec::with_capacity(calls.len());
        for open in calls {
            let call = CallId(self.next_call);
            self.next_call += 1;
            new.push(NewCall {
                call,
                model: open.model,
                key: open.key.clone(),
                asked: open.asked,
                give_up: open.give_up,
                limit: open.limit,
            });
            self.open.insert(call, (job, parent.clone(), open));
        }
        self.step(
            Input::Submit {
                batch: id,
                job,
                calls: new,
            },
            None,
        );
    }

    fn forget(&mut self, gone: Gone) {
        match gone {
            Gone::Batch(batch) => {
                self.watched.remove(&batch);
                self.step(Input::Gone { batch }, None);
            }
            Gone::Job(job) => {
                if self.books.close(job) {
                    self.step(Input::RemoveJob { job }, None);
                }
            }
        }
    }

    fn ended(&mut self, ticket: TicketId, outcome: TryOutcome) {
        let verdict = run::verdict(&outcome);
        self.step(Input::Ended { ticket, verdict }, Some(outcome));
    }

    /// One step of the core; `outcome` is that of the ticket whose end is the input.
    fn step(&mut self, input: Input, outcome: Option<TryOutcome>) {
        let mut effects = Vec::new();
        self.core.step(self.now(), input, &mut effects);
        let mut kept = false;
        for effect in effects {
            match effect {
                Effect::Start {
                    ticket,
                    call,
                    model,
                    limit,
                } => {
                    self.start(ticket, call, model, limit);
                }
                Effect::Stop { ticket } => {
                    self.stats.stopped += 1;
                    self.runs.stop(ticket);
                }
                Effect::Answer { call, facts, .. } => {
                    if let Some(outcome) = &outcome {
                        kept = kept || self.keep(call, outcome);
                        self.answer(call, facts, outcome.clone());
                    }
                }
                Effect::Expire {
                    call,
                    running: true,
                } => {
                    let error = EngineError::Deadline {
                        partial: String::new(),
                    };
                    self.fail(call, error.into());
                }
                Effect::Expire {
                    call,
                    running: false,
                } => self.fail(call, CallError::Expired),
                Effect::Drop { call } => self.fail(call, CallError::Cancelled),
                Effect::Refuse { call, refusal } => {
                    self.fail(
                        call,
                        CallError::Full {
                            what: format!("{refusal:?}"),
                        },
                    );
                }
            }
        }
    }

    fn start(&mut self, ticket: TicketId, call: CallId, model: ModelId, limit: Duration) {
        let (Some((.., open)), Some(engine)) = (self.open.get(&call), self.engines.get(&model))
        else {
            return;
        };
        self.stats.asked_engines += 1;
        self.runs
            .start(ticket, engine.clone(), open.request.clone(), limit);
    }

    /// Keeps a complete reply for later calls that ask the same; whether it was kept.
    fn keep(&mut self, call: CallId, outcome: &TryOutcome) -> bool {
        let (Some((.., open)), Ok(reply)) = (self.open.get(&call), outcome) else {
            return false;
        };
        let complete = match reply.finish {
            Finish::End | Finish::Stop | Finish::Length => true,
            Finish::Cancelled => false,
        };
        let Some(key) = open.key.as_ref().filter(|_| open.cache && complete) else {
            return false;
        };
        self.memory.put(key, reply);
        if let Some(disk) = &mut self.disk {
            disk.put(key, reply);
        }
        true
    }

    fn answer(&mut self, call: CallId, facts: AnswerFacts, outcome: TryOutcome) {
        let Some((job, parent, open)) = self.open.remove(&call) else {
            return;
        };
        let source = if facts.coalesced {
            CallSource::Coalesced
        } else {
            CallSource::Engine
        };
        let mut record = CallRecord {
            path: open.path,
            source,
            queue_ms: millis(facts.waited),
            wall_ms: millis(self.now() - open.asked),
            tries: facts.tries,
            ..CallRecord::default()
        };
        if let Ok(reply) = &outcome {
            record.queue_ms += reply.timings.queue_ms;
            record.prefill_ms = reply.timings.prefill_ms;
            record.decode_ms = reply.timings.decode_ms;
            record.usage = reply.usage;
        }
        self.books.done(job, &parent, &record, outcome.is_err());
        give(
            open.answer,
            match outcome {
                Ok(reply) => Ok(SubReply { reply, record }),
                Err(error) => Err(CallFailure {
                    error: error.into(),
                    record,
                }),
            },
        );
    }

    fn fail(&mut self, call: CallId, error: CallError) {
        let Some((job, parent, open)) = self.open.remove(&call) else {
            return;
        };
        let wall_ms = millis(self.now() - open.asked);
        let record = CallRecord {
            path: open.path,
            wall_ms,
            ..CallRecord::default()
        };
        self.books.done(job, &parent, &record, true);
        give(open.answer, Err(CallFailure { error, record }));
    }

    fn stats(&self) -> DispatchStats {
        let (running, open) = self.core.load_in_all();
        let disk = self.disk.as_ref();
        let (stored, evicted, failed) = disk.map(DiskWriter::counts).unwrap_or_default();
        DispatchStats {
            running: running as u64,
            open: open as u64,
            memory_evicted: self.memory.evicted,
            disk_stored: stored,
            disk_evicted: evicted,
            disk_skipped: failed + disk.map_or(0, |disk| disk.skipped),
            ..self.stats
        }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }
}

/// An asker that is gone wants no answer.
fn give<T>(answer: oneshot::Sender<T>, value: T) {
    if answer.send(value).is_err() {
        tracing::trace!("an asker is gone");
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
