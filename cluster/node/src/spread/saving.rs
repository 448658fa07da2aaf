//! Brings what the store learns to the disk: one batch at a time, apart from the runtime.
//!
//! A full disk ends nothing. Its file is closed, writes are turned away, what is in memory is
//! served and goes on learning from the peers; every second it is looked whether there is room, and
//! then the file takes all of it.

use super::{StoreDriver, StoreError, Writer};
use crate::apart::apart;
use crate::event::NodeEvent;
use crate::home::{Home, HomeError};
use crdt::StoreBatch;
use crdt::disk::{LoadError, SaveError, StoreFile};
use futures::future::BoxFuture;
use raft::DiskError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Opens the file again that was closed on a full disk.
pub(crate) type Reopen = Arc<dyn Fn() -> Result<StoreFile, StoreError> + Send + Sync>;

/// As a home opens it. What it holds is older than what is in memory, which it is to take.
pub(crate) fn reopening<H: Home>(home: H) -> Reopen {
    Arc::new(move || {
        let backend = home.store().map_err(|error| {
            if matches!(error, HomeError::Disk(DiskError::Full { .. })) {
                return StoreError::Full;
            }
            StoreError::Disk(error.to_string())
        })?;
        match StoreFile::open(backend) {
            Ok((file, _)) => Ok(file),
            Err(LoadError::Full) => Err(StoreError::Full),
            Err(error) => Err(StoreError::Disk(error.to_string())),
        }
    })
}

/// A batch on its way to the disk.
pub(super) struct Saving {
    /// Gives the file back.
    job: BoxFuture<'static, Result<StoreFile, StoreError>>,
    batch: Arc<StoreBatch>,
    /// Whose writes are in it.
    writers: Vec<Writer>,
}

impl From<SaveError> for StoreError {
    fn from(error: SaveError) -> StoreError {
        match error {
            SaveError::Full => StoreError::Full,
            SaveError::Failed(why) => StoreError::Disk(why),
        }
    }
}

impl StoreDriver {
    /// When there is something to do that nobody asks for.
    pub(super) fn wake_at(&self) -> Instant {
        let gossip = self.core.instant(self.gossip.wake_at());
        let room = self.full_until.filter(|_| self.saving.is_none());
        let first = room.map_or(gossip, |room| gossip.min(room));
        first.max(Instant::now())
    }

    /// Sends what changed to the disk, unless a batch is on its way there.
    pub(super) fn begin_save(&mut self) {
        let wait = self.full_until.is_some_and(|until| Instant::now() < until);
        if wait || self.saving.is_some() {
            return;
        }
        let Some(batch) = self.gossip.store_mut().take_batch() else {
            // A write that changed nothing is on the disk already.
            answer(self.waiting.drain(..), &Ok(()));
            self.found_full(false);
            return;
        };
        let batch = Arc::new(batch);
        let (file, reopen, rows) = (self.file.take(), self.reopen.clone(), batch.clone());
        let save = move || -> Result<StoreFile, StoreError> {
            let file = match file {
                Some(file) => file,
                None => reopen()?,
            };
            file.save(&rows)?;
            Ok(file)
        };
        let writer = self.core.writer;
        let job = Box::pin(async move {
            let saved = apart(writer, save).await;
            saved.unwrap_or_else(|gone| Err(StoreError::Disk(gone.to_string())))
        });
        self.saving = Some(Saving {
            job,
            batch,
            writers: std::mem::take(&mut self.waiting),
        });
    }

    /// A batch is on disk, or the disk is full or failed: those who wrote it are told.
    pub(super) fn saved(&mut self, saved: Result<StoreFile, StoreError>) -> Result<(), StoreError> {
        let Some(Saving { batch, writers, .. }) = self.saving.take() else {
            return Ok(());
        };
        match saved {
            Ok(file) => {
                self.file = Some(file);
                self.gossip.store_mut().batch_saved(&batch);
                self.found_full(false);
                answer(writers.into_iter(), &Ok(()));
                Ok(())
            }
            Err(error) => {
                let outcome = self.not_saved(&batch, error.clone());
                let writers = writers.into_iter().chain(self.waiting.drain(..));
                answer(writers, &Err(error));
                outcome
            }
        }
    }

    fn not_saved(&mut self, batch: &StoreBatch, error: StoreError) -> Result<(), StoreError> {
        if error == StoreError::Full {
            self.gossip.store_mut().batch_refused(batch);
            self.found_full(true);
            return Ok(());
        }
        self.core.tell_now(NodeEvent::StoreDamaged {
            why: error.to_string(),
        });
        Err(error)
    }

    fn found_full(&mut self, full: bool) {
        if full != self.full_until.is_some() {
            self.changed = true;
            self.core.tell_now(NodeEvent::StoreFull { full });
        }
        self.full_until = full.then(|| Instant::now() + ROOM_AGAIN);
    }

    /// Everything that is known now, on disk, unless that is full.
    pub(super) async fn save_all(&mut self) -> Result<(), StoreError> {
        loop {
            self.begin_save();
            if self.saving.is_none() {
                return Ok(());
            }
            let saved = ended(&mut self.saving).await;
            self.saved(saved)?;
        }
    }
}

/// When the batch on its way has come; never where there is none.
pub(super) async fn ended(saving: &mut Option<Saving>) -> Result<StoreFile, StoreError> {
    match saving {
        Some(saving) => (&mut saving.job).await,
        None => std::future::pending().await,
    }
}

fn answer(writers: impl Iterator<Item = Writer>, outcome: &Result<(), StoreError>) {
    for writer in writers {
        // The asker may have gone.
        writer.send(outcome.clone()).ok();
    }
}

/// Between two looks at whether a full disk has room again.
const ROOM_AGAIN: Duration = Duration::from_secs(1);
