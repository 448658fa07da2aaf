//! From a folder to a running node.

use super::standing::{self, Standing};
use super::{Group, IN_FLIGHT, Inner, StartError, Writer, let_go};
use crate::clock::ClusterClock;
use crate::disk::Disk;
use crate::fault::{Abort, Alarm, Fault};
use crate::ledger::{LogPoint, State};
use crate::log::{self, Damage, Journal, LogStore, OpenError, Opened, Pace, Recovered};
use crate::machine::{Keeper, Machine};
use crate::net::{Book, Courier, Factory, Lanes};
use crate::settings::Settings;
use crate::snapshot::{self, Image};
use crate::types::Entry;
use base::NodeId;
use futures::future::BoxFuture;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Which node starts, and whom it knows of besides what its log says: a log that is damaged near
/// its beginning names nobody to repair from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    pub node: NodeId,
    pub others: Vec<NodeId>,
    /// The newest version whose commands this program knows.
    pub speaks: u16,
}

impl From<NodeId> for Starter {
    fn from(node: NodeId) -> Starter {
        Starter {
            node,
            others: Vec::new(),
            speaks: wire::VERSION,
        }
    }
}

pub(super) async fn start<D: Disk>(
    starter: Starter,
    settings: Settings,
    mut disk: D,
    courier: Arc<dyn Courier>,
    writer: Writer,
    abort: Arc<dyn Abort>,
) -> Result<Group, StartError> {
    let config = settings.openraft().map_err(StartError::Settings)?;
    let (me, speaks) = (starter.node, starter.speaks);
    let found = find(&mut disk, &starter)?;
    let state = found.state();
    if state.version > speaks {
        let (cluster, ours) = (state.version, speaks);
        return Err(StartError::Outgrown { cluster, ours });
    }
    let alarm = Alarm::new(abort);
    let ready = Ready {
        me,
        speaks,
        settings,
        config,
        courier,
        state,
        repairing: found.repairing,
        stored: store(me, found, disk, writer, &alarm)?,
        alarm,
    };
    ready.boxed().await
}

/// A node whose folder is read, before it takes part.
struct Ready {
    me: NodeId,
    speaks: u16,
    settings: Settings,
    config: openraft::Config,
    courier: Arc<dyn Courier>,
    state: Arc<State>,
    repairing: bool,
    stored: Stored,
    alarm: Alarm,
}

impl Ready {
    /// Boxed by a function that has no parameters of type: so openraft's core is compiled in this
    /// crate, and not in each one that starts a node.
    fn boxed(self) -> BoxFuture<'static, Result<Group, StartError>> {
        Box::pin(self.take_part())
    }

    async fn take_part(self) -> Result<Group, StartError> {
        let (me, stored) = (self.me, self.stored);
        let standing = match (self.repairing, stored.log.last()) {
            (true, _) => Standing::Repairing,
            (false, None) => Standing::Fresh,
            (false, Some(_)) => Standing::Asking,
        };
        let clock = ClusterClock::new();
        clock.observe(self.state.now);
        let (state, seen) = watch::channel(self.state);
        let book = Book::default();
        let alarm = self.alarm;
        let keeper = stored.keeper.clone();
        let machine = Machine::new(state, self.speaks, clock.clone(), alarm.clone(), keeper);
        let patience = self.settings.election_max;
        let courier = self.courier;
        let factory = Factory::new(me, courier.clone(), book.clone(), patience, seen.clone());
        let config = Arc::new(self.config);
        let began = openraft::Raft::new(me, config, factory, stored.log.clone(), machine).await;
        let raft = match began.map_err(|error| failed(&alarm, &error)) {
            Ok(raft) => raft,
            Err(why) => {
                let_go(&stored.keeper, stored.ends).await;
                return Err(why);
            }
        };
        let inner = Arc::new(Inner {
            me,
            settings: self.settings,
            raft,
            courier,
            state: seen,
            clock,
            alarm,
            book,
            lanes: Lanes::default(),
            store: stored.log,
            keeper: stored.keeper,
            standing: watch::Sender::new(standing),
            contact: watch::Sender::new(None),
            full: stored.full,
            pace: stored.pace,
            permits: Semaphore::new(IN_FLIGHT),
            incoming: Mutex::new(None),
            tasks: OnceLock::new(),
            disk_tasks: Mutex::new(stored.ends),
        });
        inner.tasks.get_or_init(|| standing::spawn(&inner));
        Ok(Group { inner })
    }
}

/// Openraft applies again what was committed, and tells of a refusal only as of an error.
fn failed(alarm: &Alarm, error: &dyn std::fmt::Display) -> StartError {
    match alarm.fault() {
        Some(Fault::Outgrown { cluster, ours }) => StartError::Outgrown { cluster, ours },
        Some(_) | None => StartError::Failed(error.to_string()),
    }
}

/// The group's side of the tasks that own the disk.
struct Stored {
    log: LogStore,
    keeper: Keeper,
    full: watch::Receiver<bool>,
    pace: Pace,
    ends: Vec<oneshot::Receiver<()>>,
}

fn store<D: Disk>(
    me: NodeId,
    found: Found<D>,
    disk: D,
    writer: Writer,
    alarm: &Alarm,
) -> Result<Stored, StartError> {
    let (log_jobs, log_queue) = mpsc::channel(log::WRITER_QUEUE);
    let (keeper_jobs, keeper_queue) = mpsc::channel(snapshot::KEEPER_QUEUE);
    let (newest, newest_seen) = watch::channel(found.image);
    let (full, full_seen) = watch::channel(false);
    let keeper = Keeper {
        jobs: keeper_jobs,
        newest: newest_seen,
        log: log_jobs.clone(),
    };
    let Found {
        entries,
        purged,
        committed,
        vote,
        journal,
        ..
    } = found;
    let log = LogStore::new(entries, purged, committed, vote, log_jobs);
    let pace = Pace::default();
    let (commit, alarm) = (log.commit(), alarm.clone());
    let writing = log::run(journal, log_queue, commit, alarm, full, pace.clone());
    let keeping = snapshot::keep(disk, me, keeper_queue, newest);
    let failed = |error: std::io::Error| StartError::Failed(error.to_string());
    let ends = vec![
        writer.run("raft-log", writing).map_err(failed)?,
        writer.run("raft-snapshots", keeping).map_err(failed)?,
    ];
    Ok(Stored {
        log,
        keeper,
        full: full_seen,
        pace,
        ends,
    })
}

/// A folder that a node can start from.
struct Found<D> {
    journal: Journal<D>,
    image: Option<Image>,
    entries: VecDeque<Entry>,
    purged: Option<LogPoint>,
    committed: Option<LogPoint>,
    vote: Option<crate::types::Ballot>,
    repairing: bool,
}

impl<D> Found<D> {
    fn state(&self) -> Arc<State> {
        self.image
            .as_ref()
            .map_or_else(Arc::default, |image| Arc::clone(&image.state))
    }
}

fn find<D: Disk>(disk: &mut D, starter: &Starter) -> Result<Found<D>, StartError> {
    let me = starter.node;
    let images = snapshot::load(disk).map_err(start_error)?;
    let image = images.into_iter().next();
    match open(disk, me, image.clone()) {
        Err(OpenError::Damaged(damage)) => {
            let mut others = log::voters_seen(disk)?;
            others.extend(image.iter().flat_map(|image| image.state.voters.voters()));
            others.extend(&starter.others);
            others.remove(&me);
            if others.is_empty() {
                return Err(StartError::Damaged(damage));
            }
            tracing::error!(%damage, "the log is damaged: repairing from peers, without a vote");
            Journal::begin_repair(disk.clone(), me)?;
            open(disk, me, image).map_err(start_error)
        }
        other => other.map_err(start_error),
    }
}

fn open<D: Disk>(disk: &D, me: NodeId, image: Option<Image>) -> Result<Found<D>, OpenError> {
    let Opened {
        journal,
        recovered,
        vote,
        repair,
    } = Journal::open(disk.clone(), me)?;
    if recovered.torn > 0 {
        tracing::warn!(
            bytes = recovered.torn,
            "cut a torn tail that was never acknowledged"
        );
    }
    let purged = base(&recovered, image.as_ref().map(|image| &image.state))?;
    let mut entries = recovered.entries;
    entries.retain(|entry| purged.is_none_or(|purged| entry.log_id.index > purged.index));
    Ok(Found {
        journal,
        image,
        entries,
        purged,
        committed: recovered.committed,
        vote,
        repairing: repair.is_some(),
    })
}

/// Where the log begins, so that it and the snapshot make one history without a gap.
fn base(recovered: &Recovered, state: Option<&Arc<State>>) -> Result<Option<LogPoint>, Damage> {
    let snapshot = state.and_then(|state| state.applied);
    let Some(purged) = recovered.purged else {
        return Ok(None);
    };
    if snapshot.is_some_and(|snapshot| snapshot.index >= purged.index) {
        return Ok(Some(purged));
    }
    // The newest snapshot is lost, or there is none; the log may still reach back far enough.
    let next = snapshot.map_or(0, |snapshot| snapshot.index + 1);
    let first = recovered.entries.front().map(|entry| entry.log_id.index);
    if first.is_some_and(|first| first <= next) {
        Ok(snapshot)
    } else {
        Err(Damage::Snapshot {
            purged: Some(purged.index),
        })
    }
}

fn start_error(error: OpenError) -> StartError {
    match error {
        OpenError::Disk(error) => StartError::Disk(error),
        OpenError::OtherNode { found } => StartError::OtherNode { found },
        OpenError::Version { found } => StartError::Version { found },
        OpenError::VoteLost => StartError::VoteLost,
        OpenError::Damaged(damage) => StartError::Damaged(damage),
    }
}

/// All voters but this node, as far as a set of voters says.
pub(super) fn others(voters: &BTreeSet<NodeId>, me: NodeId) -> Vec<NodeId> {
    voters
        .iter()
        .copied()
        .filter(|voter| *voter != me)
        .collect()
}
