//! openraft's view of the log: entries in memory from the last purge on, and a queue to the writer.

use super::writer::Job;
use crate::ledger::LogPoint;
use crate::types::{Ballot, Entry, LogId, Types, Vote, log_id, point};
use openraft::alias::VoteOf;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};

/// Handles are cheap; all share one log.
#[derive(Clone)]
pub(crate) struct LogStore {
    // Not a message to an owner: openraft's replication tasks and its state machine read entries
    // while its core appends them, and two wake-ups for each read would cost more than the batch.
    memory: Arc<Mutex<Memory>>,
    jobs: mpsc::Sender<Job>,
}

/// The newest commit that openraft saved, for the writer to put into its next batch.
#[derive(Clone)]
pub(crate) struct Commit(Arc<Mutex<Memory>>);

struct Memory {
    entries: VecDeque<Entry>,
    purged: Option<LogPoint>,
    committed: Option<LogPoint>,
    vote: Option<Ballot>,
}

impl LogStore {
    /// `entries` follow `purged` without a gap.
    pub(crate) fn new(
        entries: VecDeque<Entry>,
        purged: Option<LogPoint>,
        committed: Option<LogPoint>,
        vote: Option<Ballot>,
        jobs: mpsc::Sender<Job>,
    ) -> LogStore {
        let memory = Memory {
            entries,
            purged,
            committed,
            vote,
        };
        LogStore {
            memory: Arc::new(Mutex::new(memory)),
            jobs,
        }
    }

    pub(crate) fn commit(&self) -> Commit {
        Commit(Arc::clone(&self.memory))
    }

    /// The last entry, or what stands for it after a purge.
    pub(crate) fn last(&self) -> Option<LogPoint> {
        self.memory().last()
    }

    /// Returns when everything that was appended before is durable.
    pub(crate) async fn flushed(&self) -> io::Result<()> {
        self.durable(Vec::new()).await
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nothing panics under this lock")
    }

    async fn durable(&self, ops: Vec<super::Op>) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        self.send(Job::Ops(ops, done)).await?;
        wait.await.map_err(|_| gone())?
    }

    async fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).await.map_err(|_| gone())
    }
}

impl Commit {
    pub(super) fn newest(&self) -> Option<LogPoint> {
        self.0
            .lock()
            .expect("nothing panics under this lock")
            .committed
    }
}

impl Memory {
    fn last(&self) -> Option<LogPoint> {
        self.entries
            .back()
            .map(|entry| point(&entry.log_id))
            .or(self.purged)
    }

    fn first(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index + 1)
    }

    /// At least one when there is any, then as many as fit into `bytes`.
    fn range(&self, from: u64, to: u64, bytes: usize) -> Vec<Entry> {
        let first = self.first();
        let skip = usize::try_from(from.max(first) - first).unwrap_or(usize::MAX);
        let take = usize::try_from(to.saturating_sub(from.max(first))).unwrap_or(usize::MAX);
        let mut room = bytes;
        let mut out = Vec::with_capacity(take.min(self.entries.len().saturating_sub(skip)));
        for entry in self.entries.iter().skip(skip).take(take) {
            let size = size(entry);
            if size > room && !out.is_empty() {
                break;
            }
            room = room.saturating_sub(size);
            out.push(entry.clone());
        }
        out
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> Result<Vec<Entry>, io::Error>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        Ok(self.memory().range(from, to, usize::MAX))
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        Ok(self.memory().range(start, end, APPEND_BYTES))
    }

    async fn read_vote(&mut self) -> Result<Option<VoteOf<Types>>, io::Error> {
        Ok(self.memory().vote.map(Vote::from))
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let memory = self.memory();
        Ok(LogState {
            last_purged_log_id: memory.purged.map(log_id),
            last_log_id: memory.last().map(log_id),
        })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> Result<(), io::Error> {
        let ballot = Ballot::from(vote);
        let (done, wait) = oneshot::channel();
        self.send(Job::Vote(ballot, done)).await?;
        wait.await.map_err(|_| gone())??;
        self.memory().vote = Some(ballot);
        Ok(())
    }

    /// Costs no write of its own: the mark goes with the next batch, or with the seal.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.memory().committed = committed.as_ref().map(point);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.memory().committed.map(log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        self.memory().entries.extend(entries.iter().cloned());
        self.send(Job::Append(entries, callback)).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let to = last.as_ref().map(point);
        {
            let mut memory = self.memory();
            let keep = to
                .map_or(0, |to| to.index + 1)
                .saturating_sub(memory.first());
            memory
                .entries
                .truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        }
        self.durable(vec![super::Op::Truncate(to)]).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let upto = point(&upto);
        {
            let mut memory = self.memory();
            let gone = (upto.index + 1).saturating_sub(memory.first());
            let gone = usize::try_from(gone)
                .unwrap_or(usize::MAX)
                .min(memory.entries.len());
            memory.entries.drain(..gone);
            memory.purged = memory.purged.max(Some(upto));
        }
        self.durable(vec![super::Op::Purge(upto)]).await
    }
}

/// About what an entry takes in a message.
fn size(entry: &Entry) -> usize {
    let body = match &entry.payload {
        openraft::EntryPayload::Normal(proposal) => proposal.0.len(),
        openraft::EntryPayload::Blank | openraft::EntryPayload::Membership(_) => 256,
    };
    body + 24
}

fn gone() -> io::Error {
    io::Error::other("the log's writer has stopped")
}

/// Entries in one message stay under this, unless the first alone is longer.
const APPEND_BYTES: usize = 1024 * 1024;
