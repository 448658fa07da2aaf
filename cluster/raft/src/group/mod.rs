//! One node's part in the group: what the rest of the node calls.

mod change;
mod errors;
mod heir;
mod inbound;
mod propose;
mod slow;
mod standing;
mod start;
mod view;
mod worker;

#[cfg(test)]
mod tests;

pub use change::Peers;
pub use errors::{ChangeError, HandleError, ProposeError, ReadError, StartError};
pub use propose::ReadPoint;
pub use standing::Standing;
pub use start::Starter;
pub use view::{Lag, RaftView};
pub use worker::Writer;

use crate::clock::ClusterClock;
use crate::disk::Disk;
use crate::fault::{Abort, Alarm, Fault};
use crate::ledger::State;
use crate::log::{LogStore, Pace};
use crate::machine::Keeper;
use crate::net::{Book, Courier, Lanes};
use crate::settings::Settings;
use crate::types::Raft;
use base::{NodeId, Time};
use openraft::errors::Fatal;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::AbortHandle;

/// A handle; clones share one node.
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    me: NodeId,
    settings: Settings,
    raft: Raft,
    courier: Arc<dyn Courier>,
    state: watch::Receiver<Arc<State>>,
    clock: ClusterClock,
    alarm: Alarm,
    book: Book,
    lanes: Lanes,
    store: LogStore,
    keeper: Keeper,
    standing: watch::Sender<Standing>,
    contact: watch::Sender<Option<standing::Contact>>,
    full: watch::Receiver<bool>,
    pace: Pace,
    permits: Semaphore,
    // Not a message to an owner: a piece of a snapshot is added between two awaits.
    incoming: Mutex<Option<inbound::Incoming>>,
    /// The tasks that end with the group, and the ends of those that own the disk.
    tasks: OnceLock<Vec<AbortHandle>>,
    // Not a message to an owner: taken once, at the end.
    disk_tasks: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Group {
    /// Opens the folder and takes part, as what the log says: nothing, a learner or a voter. A
    /// damaged log makes this a node under repair (see [`Standing`]), not an error, as long as
    /// there are others to repair from.
    pub async fn start<D: Disk>(
        starter: impl Into<Starter>,
        settings: Settings,
        disk: D,
        courier: Arc<dyn Courier>,
        writer: Writer,
        abort: Arc<dyn Abort>,
    ) -> Result<Group, StartError> {
        start::start(starter.into(), settings, disk, courier, writer, abort).await
    }

    pub fn id(&self) -> NodeId {
        self.inner.me
    }

    /// The state as this node has it, possibly behind: its `applied` says how far it is.
    pub fn state(&self) -> Arc<State> {
        self.inner.state.borrow().clone()
    }

    /// Every change of the state, newest only.
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.inner.state.clone()
    }

    /// The cluster's time, on which tokens expire.
    pub fn now(&self) -> Time {
        self.inner.clock.now()
    }

    /// Why this node no longer takes part, when it does not.
    pub fn fault(&self) -> Option<Fault> {
        self.inner.alarm.fault()
    }

    pub fn watch_fault(&self) -> watch::Receiver<Option<Fault>> {
        self.inner.alarm.watch()
    }

    pub fn standing(&self) -> Standing {
        *self.inner.standing.borrow()
    }

    pub fn watch_standing(&self) -> watch::Receiver<Standing> {
        self.inner.standing.subscribe()
    }

    /// Whether the loop of Raft takes a message and answers it within that time: for a watchdog. A
    /// loop that was ended in order does not hang; why it ended is the fault. Nor does one that the
    /// cluster has outgrown: the process ends in order then, and its last jobs take their time.
    pub async fn turns(&self, within: Duration) -> bool {
        let turn = self.inner.raft.with_raft_state(|_| ());
        match tokio::time::timeout(within, turn).await {
            Ok(Ok(()) | Err(Fatal::Stopped)) => true,
            Ok(Err(Fatal::StorageError(_) | Fatal::Panicked)) => {
                matches!(self.fault(), Some(Fault::Outgrown { .. }))
            }
            Err(_) => false,
        }
    }

    /// Stops taking part. What was acknowledged is on the disk; the folder is free afterwards.
    pub async fn shutdown(&self) {
        for task in self.inner.tasks.get().into_iter().flatten() {
            task.abort();
        }
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "raft ended with a panic");
        }
        let ends = {
            let mut ends = self
                .inner
                .disk_tasks
                .lock()
                .expect("nothing panics under this lock");
            std::mem::take(&mut *ends)
        };
        let_go(&self.inner.keeper, ends).await;
    }
}

/// Ends the tasks that own the disk; the folder is free afterwards.
async fn let_go(keeper: &Keeper, ends: Vec<oneshot::Receiver<()>>) {
    keeper.stop().await;
    for end in ends {
        // The sender goes away with its task; either way it is over.
        let _over = tokio::time::timeout(SHUTDOWN, end).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in self.tasks.get().into_iter().flatten() {
            task.abort();
        }
    }
}

/// Proposals of this node that wait for their commit; more are refused at once.
const IN_FLIGHT: usize = 4096;
/// How long the last write may take.
const SHUTDOWN: Duration = Duration::from_secs(10);
