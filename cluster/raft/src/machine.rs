//! The ledger as openraft drives it. State lives in memory; on disk there are snapshots and the
//! log. The applied index is a field of the state, and a restart rebuilds both from the same
//! bytes, so the two cannot part.

use crate::clock::ClusterClock;
use crate::disk::DiskError;
use crate::fault::{Alarm, Fault};
use crate::ledger::{Command, LogPoint, Stamped, State};
use crate::log::Job;
use crate::snapshot::{Image, KeeperJob};
use crate::types::{
    Applied, COMMAND_BYTES, Entry, LogId, Proposal, StoredMembership, Types, log_id, membership,
    points, voter_sets,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use openraft::alias::{SnapshotMetaOf, SnapshotOf};
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) type Snapshot = SnapshotOf<Types, Bytes>;

/// Owns the state; everyone else watches it.
pub(crate) struct Machine {
    state: watch::Sender<Arc<State>>,
    /// The newest version whose commands this program knows.
    speaks: u16,
    clock: ClusterClock,
    alarm: Alarm,
    keeper: Keeper,
}

/// How to reach the tasks that own the disk.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) jobs: mpsc::Sender<KeeperJob>,
    pub(crate) newest: watch::Receiver<Option<Image>>,
    pub(crate) log: mpsc::Sender<Job>,
}

/// Holds the state as it was when the snapshot was asked for.
pub(crate) struct Builder {
    state: Arc<State>,
    keeper: Keeper,
}

impl Machine {
    pub(crate) fn new(
        state: watch::Sender<Arc<State>>,
        speaks: u16,
        clock: ClusterClock,
        alarm: Alarm,
        keeper: Keeper,
    ) -> Machine {
        Machine {
            state,
            speaks,
            clock,
            alarm,
            keeper,
        }
    }

    /// Applies entries in one step for those who watch.
    fn apply_all(&self, entries: &[Entry]) -> Result<Vec<Applied>, Fault> {
        let mut results = Vec::with_capacity(entries.len());
        let mut fault = None;
        self.state.send_modify(|shared| {
            let state = Arc::make_mut(shared);
            for entry in entries {
                let applied = apply(state, entry);
                match applied.and_then(|applied| self.knows(state).map(|()| applied)) {
                    Ok(applied) => results.push(applied),
                    Err(error) => {
                        fault = Some(error);
                        break;
                    }
                }
            }
            self.clock.observe(state.now);
        });
        match fault {
            Some(fault) => Err(fault),
            None => Ok(results),
        }
    }

    /// Asked after each entry: the next one may hold a command that this program would misread.
    fn knows(&self, state: &State) -> Result<(), Fault> {
        let (cluster, ours) = (state.version, self.speaks);
        if cluster > ours {
            return Err(Fault::Outgrown { cluster, ours });
        }
        Ok(())
    }

    /// The hash that the cluster committed for a snapshot that came from a peer.
    async fn compare(&self, entries: &[Entry]) -> Result<(), Fault> {
        let installed = self
            .keeper
            .newest
            .borrow()
            .clone()
            .filter(|image| image.foreign);
        let Some(installed) = installed else {
            return Ok(());
        };
        let committed = self
            .state
            .borrow()
            .snapshots
            .get(&installed.index())
            .copied();
        let touched = entries
            .iter()
            .any(|entry| entry.log_id.index > installed.index());
        match committed {
            Some(hash) if touched && hash != installed.hash => {
                self.keeper.distrust().await;
                let index = installed.index();
                Err(Fault::SnapshotMismatch { index })
            }
            Some(_) | None => Ok(()),
        }
    }
}

pub(crate) fn apply(state: &mut State, entry: &Entry) -> Result<Applied, Fault> {
    let at = crate::types::point(&entry.log_id);
    let result = match &entry.payload {
        EntryPayload::Blank => {
            state.skip(at);
            Ok(crate::ledger::Outcome::Done)
        }
        EntryPayload::Membership(members) => {
            state.set_voters(at, voter_sets(members));
            Ok(crate::ledger::Outcome::Done)
        }
        EntryPayload::Normal(Proposal(bytes)) => {
            let stamped: Stamped = wire::from_bytes(bytes, COMMAND_BYTES).map_err(|error| {
                let reason = error.to_string();
                Fault::Unreadable {
                    index: at.index,
                    reason,
                }
            })?;
            state.apply(at, &stamped)
        }
    };
    Ok(Applied { point: at, result })
}

impl Keeper {
    /// Waits while the disk is full: any error would end Raft, and without this snapshot the log is
    /// as whole as before. Ends with an error when the group does.
    async fn save(&self, image: Image) -> io::Result<()> {
        let saved = loop {
            let (done, wait) = oneshot::channel();
            self.jobs
                .send(KeeperJob::Save(image.clone(), done))
                .await
                .map_err(io::Error::other)?;
            match wait.await.map_err(io::Error::other)? {
                Err(error @ DiskError::Full { .. }) => {
                    tracing::warn!(%error, "the snapshot waits for room");
                    tokio::time::sleep(ROOM_AGAIN).await;
                }
                saved => break saved.map_err(io::Error::other)?,
            }
        };
        if let Some(floor) = saved.floor {
            self.log
                .send(Job::Floor(floor))
                .await
                .map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Ends the tasks that own the disk, once they have done what was asked of them.
    pub(crate) async fn stop(&self) {
        // A queue that is closed has ended already.
        let _ended = self.log.send(Job::Stop).await;
        let _ended = self.jobs.send(KeeperJob::Stop).await;
    }

    /// The next start must repair. Best effort: the fault stops this node in any case.
    async fn distrust(&self) {
        let (done, wait) = oneshot::channel();
        if self.jobs.send(KeeperJob::Distrust(done)).await.is_ok()
            && let Ok(Err(error)) = wait.await
        {
            tracing::error!(%error, "the mark of repair could not be written");
        }
    }
}

impl Image {
    fn meta(&self) -> SnapshotMetaOf<Types> {
        SnapshotMetaOf::<Types> {
            last_log_id: self.state.applied.map(log_id),
            last_membership: stored(&self.state),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            meta: self.meta(),
            snapshot: self.bytes.clone(),
        }
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let image = Image::of(Arc::clone(&self.state)).map_err(io::Error::other)?;
        let snapshot = image.snapshot();
        self.keeper.save(image).await?;
        Ok(snapshot)
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let state = self.state.borrow().clone();
        Ok((state.applied.map(log_id), stored(&state)))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        let mut chunk: Vec<Entry> = Vec::new();
        let mut waiting: Vec<Option<ApplyResponder<Types>>> = Vec::new();
        loop {
            let next = entries.try_next().await?;
            let last = next.is_none();
            if let Some((entry, responder)) = next {
                chunk.push(entry);
                waiting.push(responder);
            }
            if chunk.len() < APPLY_CHUNK && !last {
                continue;
            }
            let applied = self.apply_all(&chunk);
            let compared = match &applied {
                Ok(_) => self.compare(&chunk).await,
                Err(fault) => Err(fault.clone()),
            };
            if let Err(fault) = compared {
                self.alarm.raise(fault.clone());
                return Err(io::Error::other(fault));
            }
            for (responder, applied) in waiting.drain(..).zip(applied.unwrap_or_default()) {
                if let Some(responder) = responder {
                    responder.send(applied);
                }
            }
            chunk.clear();
            if last {
                return Ok(());
            }
        }
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            state: self.state.borrow().clone(),
            keeper: self.keeper.clone(),
        }
    }

    /// Proves the bytes, makes them durable, and only then lets them replace the state.
    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        bytes: Bytes,
    ) -> Result<(), io::Error> {
        let mut image = Image::read(bytes).map_err(io::Error::other)?;
        if image.state.applied != points(meta.last_log_id.as_ref()) {
            return Err(io::Error::other(
                "the snapshot ends at another entry than it was sent for",
            ));
        }
        if let Err(fault) = self.knows(&image.state) {
            self.alarm.raise(fault.clone());
            return Err(io::Error::other(fault));
        }
        let known = self.keeper.newest.borrow().as_ref().map(|known| known.hash);
        if known != Some(image.hash) {
            image.foreign = true;
            self.keeper.save(image.clone()).await?;
        }
        let state = Arc::clone(&image.state);
        self.clock.observe(state.now);
        self.state.send_replace(state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(self.keeper.newest.borrow().as_ref().map(Image::snapshot))
    }
}

fn stored(state: &State) -> StoredMembership {
    let members = membership(&state.voters).unwrap_or_default();
    StoredMembership::new(state.voters_at.map(log_id), members)
}

/// A command with its stamp, as it goes into the log.
pub(crate) fn proposal(stamped: &Stamped) -> Result<Proposal, wire::EncodeError> {
    Ok(Proposal(Bytes::from(wire::to_bytes(stamped)?)))
}

/// The command that commits a snapshot's hash.
pub(crate) fn taken(image: &Image) -> Command {
    Command::SnapshotTaken {
        index: image.index(),
        hash: image.hash,
    }
}

/// The place that a read must reach.
pub(crate) fn reached(state: &State, point: LogPoint) -> bool {
    state
        .applied
        .is_some_and(|applied| applied.index >= point.index)
}

/// Between two tries to save a snapshot on a full disk.
const ROOM_AGAIN: Duration = Duration::from_secs(5);
/// Entries applied while readers wait: a millisecond or so.
const APPLY_CHUNK: usize = 256;
