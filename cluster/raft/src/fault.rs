//! What stops a node's part in the group for good, and the hook that ends the process when going on
//! could break a promise.

use crate::disk::DiskError;
use std::sync::Arc;
use tokio::sync::watch;

/// Why this node no longer takes part. None heals without a person or a restart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A write or an fsync failed: what is on the disk is unknown, so the process must end. The
    /// restart reads what really is there.
    #[error("the disk failed while the log was written: {0}")]
    Disk(DiskError),
    /// Peers hold this node's word for more than its disk has: an old disk image was restored, or
    /// the folder was emptied. The id is lost: join again as a new node.
    #[error(
        "this node's disk went back in time: it promised to hold entry {known} and has {have:?}; \
         remove this node from the cluster and join again as a new one"
    )]
    RolledBack { known: u64, have: Option<u64> },
    /// The snapshot that this node installed is not the one that the cluster agreed on. The next
    /// start repairs from peers.
    #[error("the snapshot at entry {index} differs from the cluster's: restart to repair")]
    SnapshotMismatch { index: u64 },
    /// Raft's own loop is no more, or what the node cannot be without gave up. A restart heals what
    /// can be healed; going on would leave a node that looks alive and does nothing.
    #[error("this node cannot go on: {0}")]
    Ended(String),
    /// A committed command cannot be read by this version. Skipping it would make this node's
    /// state differ from the others'.
    #[error("entry {index} cannot be read by this version: {reason}")]
    Unreadable { index: u64, reason: String },
    /// The log says that the cluster has left this program behind: from that entry on there may be
    /// commands that it does not know. The log is as it was, for a newer program.
    #[error(
        "the cluster runs at version {cluster}, and this program speaks {ours}: it takes no part \
         until it is upgraded"
    )]
    Outgrown { cluster: u16, ours: u16 },
}

impl Fault {
    /// Whether the process must end: its memory may say more than the disk does, or it does nothing
    /// any more.
    pub fn aborts(&self) -> bool {
        matches!(self, Fault::Disk(_) | Fault::Ended(_))
    }
}

/// Ends the process. Tests and the simulation give one that remembers instead.
pub trait Abort: Send + Sync + 'static {
    fn abort(&self, fault: &Fault);
}

/// For production: no destructors, no exit handlers, nothing that could still write.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessAbort;

impl Abort for ProcessAbort {
    fn abort(&self, fault: &Fault) {
        tracing::error!(%fault, "aborting");
        std::process::abort();
    }
}

/// The first fault, for all who care.
#[derive(Clone)]
pub(crate) struct Alarm {
    fault: Arc<watch::Sender<Option<Fault>>>,
    abort: Arc<dyn Abort>,
}

impl Alarm {
    pub(crate) fn new(abort: Arc<dyn Abort>) -> Alarm {
        Alarm {
            fault: Arc::new(watch::Sender::new(None)),
            abort,
        }
    }

    pub(crate) fn raise(&self, fault: Fault) {
        tracing::error!(%fault, "this node stops taking part");
        if fault.aborts() {
            self.abort.abort(&fault);
        }
        self.fault.send_if_modified(|first| {
            let new = first.is_none();
            if new {
                *first = Some(fault);
            }
            new
        });
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Fault>> {
        self.fault.subscribe()
    }
}
