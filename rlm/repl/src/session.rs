//! One job's Python: runs blocks, answers their model calls through the caller's [`Host`], and
//! undoes a block that passed a limit. Between blocks the state is exactly what [`Saved`] holds; a
//! block that was cut off (a limit, a trap, a dropped future) leaves nothing behind.

use crate::api::{BlockError, BlockOutcome, Host, JournalEntry, SessionConfig};
use crate::block::{self, Report};
use crate::memory::Idle;
use crate::meter::{Meter, Metered, Stopper};
use crate::runtime::{Instance, Runtime};
use crate::snapshot::{Saved, SnapshotError};
use crate::state::Asked;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Why a session cannot go on. Errors of a block are no such thing: they are in its outcome.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("Python cannot be started: {0:#}")]
    Instance(wasmtime::Error),
    #[error("the guest's memory cannot be mapped: {0}; is address space limited (ulimit -v)?")]
    Memory(#[source] io::Error),
    #[error("the component made no memory; its blob and this program do not belong together")]
    NoMemory,
    #[error("the guest answered nonsense ({0}); its blob and this program do not belong together")]
    Guest(String),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("a session needs at least {least} bytes of memory, its limit is {limit}")]
    TooLittleMemory { least: usize, limit: usize },
}

/// Kinds of a block's error that depend on the machine's speed, not on the code alone.
pub const TIME_LIMIT: &str = "TimeLimit";
pub const STOPPED: &str = "Stopped";

pub struct Session {
    runtime: Arc<Runtime>,
    config: SessionConfig,
    meter: Arc<Meter>,
    asked: mpsc::Receiver<Asked>,
    ask: mpsc::Sender<Asked>,
    instance: Instance,
    saved: Saved,
    /// A block began and did not end: the instance is worth nothing until it is rebuilt.
    open: bool,
}

impl Session {
    pub(crate) async fn start(
        runtime: Arc<Runtime>,
        config: SessionConfig,
    ) -> Result<Session, SessionError> {
        let mut session = Session::bare(runtime, config, Saved::default()).await?;
        let opening = block::opening(&session.config);
        session.instance.call("open", opening).await?;
        let recursion = block::recursion(&session.config.limits);
        session.instance.call("load", recursion).await?;
        session.save().await?;
        Ok(session)
    }

    pub(crate) async fn restore(
        runtime: Arc<Runtime>,
        config: SessionConfig,
        snapshot: &[u8],
    ) -> Result<Session, SessionError> {
        let saved = Saved::decode(snapshot, runtime.base().await?.as_ref())?;
        let mut session = Session::bare(runtime, config, saved).await?;
        session.load();
        Ok(session)
    }

    async fn bare(
        runtime: Arc<Runtime>,
        config: SessionConfig,
        saved: Saved,
    ) -> Result<Session, SessionError> {
        let least = runtime.base().await?.len().max(saved.size);
        let limit = config.limits.memory_bytes;
        if limit < least {
            return Err(SessionError::TooLittleMemory { least, limit });
        }
        // One batch can be under way: the guest is suspended until it is answered.
        let (ask, asked) = mpsc::channel(1);
        let meter = Arc::new(Meter::default());
        let instance = runtime
            .guest(&config, &meter, ask.clone(), saved.size)
            .await?;
        Ok(Session {
            runtime,
            config,
            meter,
            asked,
            ask,
            instance,
            saved,
            open: false,
        })
    }

    /// Writes the saved state into a fresh instance.
    fn load(&mut self) {
        let mut idle = Idle::of(&mut self.instance.store);
        self.saved.restore(&self.instance.memory, &mut idle);
        self.instance.store.data().clock.set(self.saved.clock);
    }

    async fn save(&mut self) -> Result<(), SessionError> {
        let clock = self.instance.store.data().clock.moved();
        let idle = Idle::of(&mut self.instance.store);
        let base = self.runtime.base().await?;
        self.saved.update(&self.instance.memory, base, &idle, clock);
        Ok(())
    }

    /// Throws the instance away and makes one with the state from before the block.
    async fn roll_back(&mut self) -> Result<(), SessionError> {
        let (ask, asked) = mpsc::channel(1);
        (self.ask, self.asked) = (ask, asked);
        let size = self.saved.size;
        let ask = self.ask.clone();
        self.instance = self
            .runtime
            .guest(&self.config, &self.meter, ask, size)
            .await?;
        self.load();
        self.open = false;
        Ok(())
    }

    /// The state between blocks as bytes, for [`Runtime::restore`](crate::Runtime::restore).
    pub async fn snapshot(&mut self) -> Result<Vec<u8>, SessionError> {
        if self.open {
            self.roll_back().await?;
        }
        self.save().await?;
        Ok(self.saved.encode(self.runtime.base().await?))
    }

    /// Undoes the last block as if it had passed a limit: the state is that from before it.
    pub fn undo(&mut self) {
        self.open = true;
    }

    /// For whoever may have to stop a block while [`Session::run`] has the session.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.meter))
    }

    pub fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Runs one block. Dropping the future stops the block; the next call finds the state from
    /// before it.
    pub async fn run(&mut self, code: &str, host: &dyn Host) -> Result<BlockOutcome, SessionError> {
        if self.open {
            self.roll_back().await?;
        }
        self.save().await?;
        let mut journal = Vec::new();
        let ended = self.drive(code, host, &mut journal).await;
        let guest_time = self.meter.used();
        let printed = std::mem::take(&mut self.instance.store.data_mut().printed);
        let mut outcome = match ended {
            Ok(reply) => {
                let report: Report = serde_json::from_str(&reply)
                    .map_err(|error| SessionError::Guest(error.to_string()))?;
                let outcome = block::outcome(report, printed, &self.config);
                if outcome.error.as_ref().is_some_and(|it| it.rolled_back) {
                    self.roll_back().await?;
                } else {
                    self.open = false;
                }
                outcome
            }
            Err(error) => {
                let stop = self.why(&error);
                self.roll_back().await?;
                block::stopped(stop, printed, &self.config)
            }
        };
        let calls: usize = journal.iter().map(|entry| entry.calls.len()).sum();
        outcome.host_calls = u32::try_from(calls).unwrap_or(u32::MAX);
        outcome.journal = journal;
        outcome.guest_time = guest_time;
        Ok(outcome)
    }

    async fn drive(
        &mut self,
        code: &str,
        host: &dyn Host,
        journal: &mut Vec<JournalEntry>,
    ) -> wasmtime::Result<String> {
        self.open = true;
        let _ticks = self.runtime.ticker.running();
        self.meter.start(self.config.limits.block_time);
        let Instance { store, call, .. } = &mut self.instance;
        let guest = store.data_mut();
        guest.printed.clear();
        guest.growth.refused = false;
        guest.calls_left = self.config.limits.host_calls;
        store.set_epoch_deadline(1);
        let payload = ("run".to_owned(), code.to_owned());
        let mut running = Metered {
            meter: Arc::clone(&self.meter),
            inner: Box::pin(call.call_async(store, payload)),
        };
        loop {
            tokio::select! {
                biased;
                ended = &mut running => return ended.map(|(reply,)| reply),
                Some(asked) = self.asked.recv() => {
                    let mut results = host.ask(asked.calls.clone()).await;
                    let missing = || Err("the host gave no answer to this call".to_owned());
                    results.resize_with(asked.calls.len(), missing);
                    journal.push(JournalEntry { calls: asked.calls, results: results.clone() });
                    // The guest waits for exactly this; were it gone, the next poll would say so.
                    if asked.answer.send(results).is_err() {
                        tracing::debug!("a batch was answered after its block had ended");
                    }
                }
            }
        }
    }

    /// Which limit stopped the guest.
    fn why(&self, error: &wasmtime::Error) -> BlockError {
        let limits = &self.config.limits;
        let trap = error.downcast_ref::<wasmtime::Trap>().copied();
        let (kind, message) = if self.meter.stopped() {
            (
                STOPPED,
                "the block was stopped before it ended: its job's time was over".to_owned(),
            )
        } else if self.meter.exceeded() {
            let seconds = limits.block_time.as_secs_f64();
            (
                TIME_LIMIT,
                format!("the block ran longer than {seconds} s of processor time"),
            )
        } else if trap == Some(wasmtime::Trap::StackOverflow) {
            ("StackLimit", "the block recursed too deeply".to_owned())
        } else if self.instance.store.data().growth.refused {
            let megabytes = limits.memory_bytes >> 20;
            (
                "MemoryLimit",
                format!("the block needed more than {megabytes} MiB of memory"),
            )
        } else {
            ("Crash", format!("Python stopped: {}", error.root_cause()))
        };
        block::limit_error(kind, message, self.config.style)
    }
}
