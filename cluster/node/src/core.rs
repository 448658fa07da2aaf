//! What the parts of one node share: the endpoint, the Raft group, and the newest view of each
//! part. Every part writes its own view and reads the others'; commands go through bounded
//! inboxes.

use crate::blobs::{BlobAsk, BlobSettings, Shelf};
use crate::event::{EventSink, NodeEvent};
use crate::spread::{Known, StoreAsk, StoreError};
use crate::swim::SwimNote;
use actor::Mailbox;
use base::{ClusterId, ContentHash, NodeId, Time};
use bytes::Bytes;
use crdt::{NodeFacts, Write};
use futures::future::BoxFuture;
use membership::SwimView;
use raft::ledger::State;
use raft::{Courier, CourierError, Group, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;
use transport::{Authority, CallError, Endpoint, Identity, WallClock};

/// Carries Raft's frames over the endpoint.
pub struct Carrier(pub(crate) Endpoint);

impl Courier for Carrier {
    fn send(
        &self,
        to: NodeId,
        kind: wire::Kind,
        frame: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'static, Result<wire::Frame, CourierError>> {
        let endpoint = self.0.clone();
        Box::pin(async move {
            endpoint
                .call(to, kind, frame, ttl)
                .await
                .map_err(|error| match error {
                    CallError::Unreachable { .. }
                    | CallError::Overloaded
                    | CallError::TooLarge { .. }
                    | CallError::Closed
                    | CallError::Lost { sent: false, .. } => {
                        CourierError::Unreachable(error.to_string())
                    }
                    CallError::Refused(refusal) => CourierError::Refused(refusal.to_string()),
                    CallError::Lost { sent: true, .. }
                    | CallError::Deadline
                    | CallError::Reply(_)
                    | CallError::ReplyCut => CourierError::Timeout,
                })
        })
    }
}

pub(crate) struct Core {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) cluster: ClusterId,
    pub(crate) cluster_name: String,
    pub(crate) address: SocketAddr,
    pub(crate) boot: u64,
    pub(crate) endpoint: Endpoint,
    pub(crate) group: Group,
    pub(crate) wall: Arc<dyn WallClock>,
    pub(crate) events: Arc<dyn EventSink>,
    /// Peers to dial from the start.
    pub(crate) seeds: Vec<(NodeId, SocketAddr)>,
    /// What this machine has, as it was looked at last.
    pub(crate) facts: watch::Receiver<NodeFacts>,
    pub(crate) identity: watch::Sender<Identity>,
    pub(crate) authority: watch::Sender<Option<Arc<Authority>>>,
    pub(crate) swim_view: watch::Sender<Arc<SwimView>>,
    /// Peers that live, as membership says.
    pub(crate) usable: watch::Sender<BTreeSet<NodeId>>,
    pub(crate) known: watch::Sender<Arc<Known>>,
    pub(crate) swim_notes: Mailbox<SwimNote>,
    pub(crate) store_asks: Mailbox<StoreAsk>,
    pub(crate) blob_asks: Mailbox<BlobAsk>,
    pub(crate) blob_settings: BlobSettings,
    /// Whoever calls it may block: see [`crate::apart`].
    pub(crate) shelf: Shelf,
    /// Blobs that may be handed in at a time.
    pub(crate) puts: Semaphore,
    /// Where what blocks on the disk runs.
    pub(crate) writer: Writer,
    /// What the endpoint was last told. A mutex, since a datagram's sender looks it up in passing.
    pub(crate) dialled: Mutex<BTreeMap<NodeId, SocketAddr>>,
    /// Monotonic time and the calendar at the same moment.
    pub(crate) started: (Instant, Duration),
}

impl Core {
    /// Time that never goes back: the calendar at the start, and what passed since. Only replicated
    /// stamps and events use its absolute value.
    pub(crate) fn now(&self) -> Time {
        let (at, unix) = self.started;
        Time::ZERO + (unix + at.elapsed())
    }

    /// When that time comes on tokio's clock.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        let (at, unix) = self.started;
        at + time.since(Time::ZERO + unix)
    }

    pub(crate) fn tell(&self, now: Time, event: NodeEvent) {
        self.events.event(now, &event);
    }

    pub(crate) fn tell_now(&self, event: NodeEvent) {
        self.tell(self.now(), event);
    }

    /// Keeps a link to a peer unless the cluster removed it.
    pub(crate) fn keep_linked(&self, node: NodeId, addr: SocketAddr) {
        if node == self.node || self.state().members.retired.contains_key(&node) {
            return;
        }
        let fresh = self.lock_dialled().insert(node, addr) != Some(addr);
        if fresh {
            self.endpoint.add_peer(node, vec![addr]);
        }
    }

    /// Keeps a link to a peer that none is kept to yet. Where one is, its address stays: what
    /// membership remembers of the dead is older than what the ledger says since.
    pub(crate) fn link_first(&self, node: NodeId, addr: SocketAddr) {
        let known = self.lock_dialled().contains_key(&node);
        if !known {
            self.keep_linked(node, addr);
        }
    }

    /// Ends the link to a node that the cluster removed.
    pub(crate) fn unlink(&self, node: NodeId) {
        self.lock_dialled().remove(&node);
        self.endpoint.remove_peer(node);
    }

    /// Makes every link anew, with the certificate that is in force now.
    pub(crate) fn relink(&self) {
        let dialled = self.lock_dialled().clone();
        for (node, addr) in dialled {
            self.endpoint.remove_peer(node);
            self.endpoint.add_peer(node, vec![addr]);
        }
    }

    /// Makes the link to one peer anew.
    pub(crate) fn relink_one(&self, node: NodeId) {
        let addr = self.lock_dialled().get(&node).copied();
        if let Some(addr) = addr {
            self.endpoint.remove_peer(node);
            self.endpoint.add_peer(node, vec![addr]);
        }
    }

    fn lock_dialled(&self) -> MutexGuard<'_, BTreeMap<NodeId, SocketAddr>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.group.state()
    }

    pub(crate) async fn write(&self, write: Write) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let asked = self
            .store_asks
            .send(StoreAsk::Write(write, done), STORE_WAIT);
        asked.await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    pub(crate) async fn record(&self, key: Bytes) -> Result<Option<Bytes>, StoreError> {
        self.ask(|answer| StoreAsk::Record(key, answer)).await
    }

    pub(crate) async fn holders(&self, hash: ContentHash) -> Result<BTreeSet<NodeId>, StoreError> {
        self.ask(|answer| StoreAsk::Holders(hash, answer)).await
    }

    /// Every blob that a node is said to have.
    pub(crate) async fn placed(&self, node: NodeId) -> Result<BTreeSet<ContentHash>, StoreError> {
        self.ask(|answer| StoreAsk::Placed(node, answer)).await
    }

    pub(crate) async fn total(&self, metric: String) -> Result<u64, StoreError> {
        self.ask(|answer| StoreAsk::Total(metric, answer)).await
    }

    async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> StoreAsk,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let asked = self.store_asks.send(make(sender), STORE_WAIT);
        asked.await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)
    }
}

/// Longest wait for room in the store's mailbox.
const STORE_WAIT: Duration = Duration::from_secs(5);
