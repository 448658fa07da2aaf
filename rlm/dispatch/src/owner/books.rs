//! The books of the jobs: what their calls cost, and where they stand, told through watches.

use crate::account::{Account, CallRecord, Progress};
use crate::core::Core;
use base::{CallPath, JobId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

#[derive(Debug, Default)]
pub(super) struct Books {
    jobs: BTreeMap<JobId, Book>,
    changed: BTreeSet<JobId>,
}

#[derive(Debug, Default)]
struct Book {
    account: Account,
    asked: u64,
    /// One for each handle of the job that was made.
    followers: Vec<watch::Sender<Progress>>,
    /// Handles that are still held.
    handles: usize,
    /// Room for the job's open calls, shared by its handles.
    permits: Option<Arc<Semaphore>>,
}

impl Books {
    /// Takes a new handle; `room` is used for the first one and given back to all.
    pub(super) fn open(
        &mut self,
        job: JobId,
        publish: watch::Sender<Progress>,
        room: Arc<Semaphore>,
    ) -> Arc<Semaphore> {
        let book = self.jobs.entry(job).or_default();
        book.followers
            .retain(|follower| follower.receiver_count() > 0);
        book.followers.push(publish);
        book.handles += 1;
        book.permits.get_or_insert(room).clone()
    }

    /// A handle was dropped; `true` when it was the last.
    pub(super) fn close(&mut self, job: JobId) -> bool {
        let Some(book) = self.jobs.get_mut(&job) else {
            return false;
        };
        book.handles -= 1;
        if book.handles > 0 {
            return false;
        }
        self.jobs.remove(&job);
        true
    }

    pub(super) fn asked(&mut self, job: JobId, calls: u64) {
        if let Some(book) = self.jobs.get_mut(&job) {
            book.asked += calls;
            self.changed.insert(job);
        }
    }

    pub(super) fn done(
        &mut self,
        job: JobId,
        parent: &CallPath,
        record: &CallRecord,
        failed: bool,
    ) {
        if let Some(book) = self.jobs.get_mut(&job) {
            book.account.add(parent, record, failed);
            self.changed.insert(job);
        }
    }

    pub(super) fn account(&self, job: JobId) -> Account {
        self.jobs
            .get(&job)
            .map(|book| book.account.clone())
            .unwrap_or_default()
    }

    /// Tells the followers of every job that changed since the last time.
    pub(super) fn publish(&mut self, core: &Core) {
        while let Some(job) = self.changed.pop_first() {
            let Some(book) = self.jobs.get(&job) else {
                continue;
            };
            let (running, waiting) = core.load(job);
            let sums = book.account.total;
            let progress = Progress {
                asked: book.asked,
                done: sums.calls,
                running,
                waiting,
                sums,
            };
            for follower in &book.followers {
                follower.send_replace(progress);
            }
        }
    }
}
