//! The one writer: takes everything that is queued, makes it durable together, then says so in the
//! queue's order. Votes are written where they stand in that order.

use super::journal::{Journal, Op};
use super::pace::Pace;
use super::store::Commit;
use super::{BATCH_JOBS, FULL_AGAIN, SEAL_AFTER};
use crate::disk::{Disk, DiskError};
use crate::fault::{Alarm, Fault};
use crate::types::{Ballot, Entry, Types};
use openraft::storage::IOFlushed;
use std::io;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub(crate) enum Job {
    Append(Vec<Entry>, IOFlushed<Types>),
    Ops(Vec<Op>, oneshot::Sender<io::Result<()>>),
    Vote(Ballot, oneshot::Sender<io::Result<()>>),
    /// Snapshots cover entries up to here.
    Floor(u64),
    /// The group ends; nothing comes after.
    Stop,
}

/// What waits for the batch under way.
enum Waiting {
    Openraft(IOFlushed<Types>),
    Caller(oneshot::Sender<io::Result<()>>),
}

/// Runs until the queue closes or the disk fails. `full` says whether the node is read-only, `pace`
/// how long entries take to be durable.
pub(crate) async fn run<D: Disk>(
    mut journal: Journal<D>,
    mut jobs: mpsc::Receiver<Job>,
    commit: Commit,
    alarm: Alarm,
    full: watch::Sender<bool>,
    pace: Pace,
) {
    let mut sealed = true;
    let mut taken = Vec::new();
    loop {
        let full_now = *full.borrow();
        if sealed && !full_now {
            jobs.recv_many(&mut taken, BATCH_JOBS).await;
        } else {
            let pause = if sealed { FULL_AGAIN } else { SEAL_AFTER };
            let wait = tokio::time::timeout(pause, jobs.recv_many(&mut taken, BATCH_JOBS));
            if wait.await.is_err() {
                sealed = true;
                if let Err(error) = seal(&mut journal, &commit, &full).await {
                    return alarm.raise(Fault::Disk(error));
                }
                continue;
            }
        }
        let last = taken.is_empty() || matches!(taken.last(), Some(Job::Stop));
        let entries = taken.iter().any(|job| matches!(job, Job::Append(..)));
        let began = Instant::now();
        if let Err(error) = work(&mut journal, taken.drain(..), &commit).await {
            return alarm.raise(Fault::Disk(error));
        }
        if entries {
            pace.wrote(began.elapsed());
        }
        if last {
            // The seal makes the next start sure of the last batch.
            if let Err(error) = seal(&mut journal, &commit, &full).await {
                alarm.raise(Fault::Disk(error));
            }
            return;
        }
        sealed = false;
        announce(&mut journal, &full);
    }
}

/// On an error nobody is told that anything was done; whoever waits sees the writer gone.
async fn work<D: Disk>(
    journal: &mut Journal<D>,
    jobs: impl Iterator<Item = Job>,
    commit: &Commit,
) -> Result<(), DiskError> {
    let mut ops = Vec::new();
    let mut waiting = Vec::new();
    for job in jobs {
        match job {
            Job::Append(entries, flushed) => {
                ops.push(Op::Entries(entries));
                waiting.push(Waiting::Openraft(flushed));
            }
            Job::Ops(more, done) => {
                ops.extend(more);
                waiting.push(Waiting::Caller(done));
            }
            Job::Vote(vote, done) => {
                flush(journal, &mut ops, &mut waiting, commit).await?;
                journal.save_vote(vote)?;
                synced(journal).await;
                Waiting::Caller(done).tell();
            }
            Job::Floor(floor) => journal.raise_floor(floor)?,
            Job::Stop => break,
        }
    }
    flush(journal, &mut ops, &mut waiting, commit).await
}

async fn flush<D: Disk>(
    journal: &mut Journal<D>,
    ops: &mut Vec<Op>,
    waiting: &mut Vec<Waiting>,
    commit: &Commit,
) -> Result<(), DiskError> {
    if !ops.is_empty() {
        let mark = newer(journal, commit, ops);
        ops.extend(mark);
        journal.write(ops)?;
        ops.clear();
        synced(journal).await;
    }
    waiting.drain(..).for_each(Waiting::tell);
    Ok(())
}

/// Until the disk has done what it was told; at once where a sync returns only then.
async fn synced<D: Disk>(journal: &Journal<D>) {
    let lag = journal.lag();
    if !lag.is_zero() {
        tokio::time::sleep(lag).await;
    }
}

async fn seal<D: Disk>(
    journal: &mut Journal<D>,
    commit: &Commit,
    full: &watch::Sender<bool>,
) -> Result<(), DiskError> {
    announce(journal, full);
    if *full.borrow() {
        // The little room that is left is for entries.
        return Ok(());
    }
    let mark = newer(journal, commit, &[]).unwrap_or(Op::Seal);
    journal.write(&[mark])?;
    synced(journal).await;
    Ok(())
}

/// A commit that the log does not know yet, unless it runs ahead of what the log will hold: after
/// a crash there must be an entry for it.
fn newer<D: Disk>(journal: &Journal<D>, commit: &Commit, ops: &[Op]) -> Option<Op> {
    let written = ops.iter().rev().find_map(|op| match op {
        Op::Entries(entries) => entries.last().map(|entry| entry.log_id.index),
        Op::Truncate(_) | Op::Purge(_) | Op::Commit(_) | Op::Seal => None,
    });
    let last = written.or(journal.last().map(|last| last.index));
    let newest = commit
        .newest()
        .filter(|newest| Some(*newest) > journal.committed());
    newest
        .filter(|newest| Some(newest.index) <= last)
        .map(Op::Commit)
}

fn announce<D: Disk>(journal: &mut Journal<D>, full: &watch::Sender<bool>) {
    let now = *full.borrow();
    if journal.full() != now {
        full.send_replace(!now);
    }
}

impl Waiting {
    fn tell(self) {
        match self {
            Waiting::Openraft(flushed) => flushed.io_completed(Ok(())),
            Waiting::Caller(done) => {
                // The caller may have stopped waiting; the work is done all the same.
                let _gone = done.send(Ok(()));
            }
        }
    }
}
