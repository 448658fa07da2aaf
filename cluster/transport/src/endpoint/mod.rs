//! A node's end of every link: starts and stops them, and sends requests and datagrams over them.
//!
//! Whoever holds it runs its own loops ([`Endpoint::serve`]): one accepts, one keeps house, one
//! announces links. Besides there is a task for each peer that dials, and one for each link that
//! serves it. All hang off the endpoint and stop when it is closed or its last handle dropped.

mod accept;
mod dial;
mod keep;
mod life;
mod serve;
mod table;
mod uncertified;

pub(crate) use accept::exporter;
pub(crate) use dial::open;
pub use life::{EndpointLoad, SocketLost};
pub use serve::datagram_kind;
pub use uncertified::SessionFrame;

use crate::bounds::Room;
use crate::metrics::Counters;
use crate::streams::{self, Close, StreamFault};
use crate::tls;
use crate::verify::{Trust, Verifier};
use crate::{
    CallError, DialError, Handler, Identity, LinkFacts, Revocations, Settings, SettingsError,
    Sockets, TlsError, TransportMetrics, WallClock,
};
use base::{ClusterId, NodeId};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Peer, Table, View};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use wire::{Frame, HEAD_BYTES, Kind};

/// A handle; when the last one is dropped, everything stops.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
    _stop: Arc<Stop>,
}

/// Why an endpoint did not start. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the socket cannot be used: {0}")]
    Socket(#[from] io::Error),
}

/// Why a new identity was not taken. The old one stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentitySwapError {
    #[error("the identity is another node's or another cluster's")]
    Other,
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a datagram was not sent. One that was sent may be lost all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    #[error("no link to {}", .0.short())]
    NoLink(NodeId),
    #[error("{len} bytes, where the path takes {max}")]
    TooLarge { len: usize, max: usize },
    /// Only for [`Endpoint::spare_datagram`].
    #[error("datagrams to {} wait already", .0.short())]
    Waiting(NodeId),
}

pub(crate) struct Inner {
    me: NodeId,
    cluster: ClusterId,
    root: CertificateDer<'static>,
    settings: Settings,
    handler: Arc<dyn Handler>,
    wall: Arc<dyn WallClock>,
    quinn: quinn::Endpoint,
    runtime: Handle,
    armed: watch::Sender<Arc<Armed>>,
    revoked: watch::Sender<Arc<Revocations>>,
    counters: Counters,
    /// Bytes of request bodies that are held now.
    inbound: Arc<Room>,
    /// Looked up by every call on its way out; a message to an owner would cost each two wake-ups.
    table: Mutex<Table>,
    /// Apart from `table`, since a task that ends while it is spawned touches the table.
    tasks: Mutex<JoinSet<()>>,
    announce: Notify,
}

/// What new connections are made with.
struct Armed {
    client: quinn::ClientConfig,
    /// When our certificate enters the last eighth of its life.
    stale_at: Duration,
}

struct Stop(Arc<Inner>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.shut();
    }
}

impl Endpoint {
    /// Begins to listen; who knocks waits for [`Endpoint::serve`]. Must be called on the tokio
    /// runtime that is to run it.
    pub fn start(
        identity: Identity,
        sockets: Sockets,
        settings: Settings,
        handler: Arc<dyn Handler>,
        wall: Arc<dyn WallClock>,
    ) -> Result<Endpoint, StartError> {
        settings.check()?;
        let sockets = sockets.bounded(settings.mtu_ceiling);
        let revoked = watch::Sender::new(Arc::new(Revocations::default()));
        let verifier = Arc::new(Verifier {
            cluster: Some(identity.cluster()),
            trust: Trust::Root(identity.root().clone()),
            wall: wall.clone(),
            revoked: revoked.subscribe(),
            provider: tls::provider(),
        });
        let (server, armed) = arm(&identity, verifier, &wall, &settings)?;
        let quinn = quinn::Endpoint::new_with_abstract_socket(
            tls::endpoint(identity.seed(), &settings)?,
            Some(server),
            sockets.socket,
            sockets.runtime,
        )?;
        let inner = Arc::new(Inner {
            me: identity.node(),
            cluster: identity.cluster(),
            root: identity.root().clone(),
            inbound: Arc::new(Room::new(settings.inbound_bytes)),
            settings,
            handler,
            wall,
            quinn,
            runtime: Handle::current(),
            armed: watch::Sender::new(Arc::new(armed)),
            revoked,
            counters: Counters::default(),
            table: Mutex::new(Table::default()),
            tasks: Mutex::new(JoinSet::new()),
            announce: Notify::new(),
        });
        Ok(Endpoint {
            _stop: Arc::new(Stop(inner.clone())),
            inner,
        })
    }

    pub fn node(&self) -> NodeId {
        self.inner.me
    }

    /// The wire's version that this node says it speaks.
    pub fn speaks(&self) -> u16 {
        self.inner.settings.speaks
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.quinn.local_addr()
    }

    /// Keeps a link to a node that has one of these addresses, until [`Endpoint::remove_peer`].
    /// Called again it replaces the addresses and tries them at once.
    pub fn add_peer(&self, node: NodeId, mut addrs: Vec<SocketAddr>) {
        if node == self.inner.me {
            return;
        }
        addrs.truncate(MAX_ADDRS);
        let fresh = self.inner.table().want(node, addrs, &self.inner.settings);
        match fresh {
            Some(peer) => {
                let dialler = self
                    .inner
                    .spawn(dial::keep_linked(self.inner.clone(), peer));
                self.inner.table().set_dialler(node, dialler);
            }
            None => self.inner.table().redial(node),
        }
    }

    /// Dials no more and closes what is open.
    pub fn remove_peer(&self, node: NodeId) {
        for link in self.inner.table().forget(node) {
            link.close(Close::Left);
        }
    }

    /// Finds out who answers at an address of which only that is known, and links with it.
    pub async fn dial(&self, addr: SocketAddr) -> Result<NodeId, DialError> {
        if let Some(node) = self.inner.table().linked_at(addr) {
            return Ok(node);
        }
        let link = self.inner.dial_one(addr, None).await?;
        Ok(link.peer())
    }

    /// Waits until there is a link to a peer, or the time is over.
    pub async fn reach(&self, to: NodeId, ttl: Duration) -> Result<(), CallError> {
        let peer = self.inner.peer(to)?;
        match timeout(ttl, self.inner.link_of(&peer)).await {
            Ok(outcome) => outcome.map(|_| ()),
            Err(_) => Err(CallError::Deadline),
        }
    }

    /// One request and its reply. `frame` is of `kind`; the peer learns how much of `ttl` is left.
    pub async fn call(
        &self,
        to: NodeId,
        kind: Kind,
        frame: Bytes,
        ttl: Duration,
    ) -> Result<Frame, CallError> {
        self.call_traced(to, kind, frame, ttl, 0).await
    }

    /// As [`Endpoint::call`], with an id that the callee sees and may log.
    pub async fn call_traced(
        &self,
        to: NodeId,
        kind: Kind,
        frame: Bytes,
        ttl: Duration,
        trace: u64,
    ) -> Result<Frame, CallError> {
        self.inner.counters.calls.add();
        let deadline = Instant::now() + ttl.min(MAX_TTL);
        let exchange = self.inner.exchange(to, kind, frame, (deadline, trace));
        let outcome = match timeout_at(deadline, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Deadline),
        };
        match &outcome {
            Ok(_) => {}
            Err(CallError::Overloaded) => self.inner.counters.calls_overloaded.add(),
            Err(_) => self.inner.counters.calls_failed.add(),
        }
        outcome
    }

    /// Sends without a promise: it may be lost, and gives way to newer ones when the path is full.
    pub fn datagram(&self, to: NodeId, bytes: Bytes) -> Result<(), DatagramError> {
        self.count(self.inner.send_datagram(to, bytes, false))
    }

    /// As [`Endpoint::datagram`], for a frame that can travel another way: only where next to
    /// nothing waits to be sent, so that a failure detector's datagram never waits for it.
    pub fn spare_datagram(&self, to: NodeId, frame: Bytes) -> Result<(), DatagramError> {
        let frame = wire::restamp(frame, self.inner.settings.speaks);
        self.count(self.inner.send_datagram(to, frame, true))
    }

    fn count(&self, sent: Result<(), DatagramError>) -> Result<(), DatagramError> {
        match sent {
            Ok(()) => self.inner.counters.datagrams_out.add(),
            Err(_) => self.inner.counters.datagrams_unsent.add(),
        }
        sent
    }

    /// The link in use to each peer, by id.
    pub fn links(&self) -> Vec<LinkFacts> {
        let date = self.inner.wall.unix();
        let links = self.inner.table().best_links(date);
        links.iter().map(|link| link.facts()).collect()
    }

    pub fn metrics(&self) -> TransportMetrics {
        self.inner.counters.read()
    }

    /// Adds to what is not believed, and closes the links that rest on it before it returns.
    pub fn revoke(&self, more: &Revocations) {
        self.inner.revoked.send_modify(|revoked| {
            Arc::make_mut(revoked).merge(more);
        });
        self.inner.drop_fallen();
    }

    /// What is not believed, as it grows.
    pub fn revoked(&self) -> watch::Receiver<Arc<Revocations>> {
        self.inner.revoked.subscribe()
    }

    /// Uses a renewed certificate for new connections. Links of the old one go on until shortly
    /// before it ends and are then replaced without a gap.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), IdentitySwapError> {
        let inner = &self.inner;
        let same = identity.node() == inner.me && *identity.root() == inner.root;
        if !same {
            return Err(IdentitySwapError::Other);
        }
        let (server, armed) = arm(identity, inner.verifier(), &inner.wall, &inner.settings)?;
        inner.quinn.set_server_config(Some(server));
        inner.armed.send_replace(Arc::new(armed));
        Ok(())
    }

    /// Tells the peers and stops. Returns when they were told, or after a second.
    pub async fn close(&self) {
        self.inner.shut();
        if timeout(CLOSE_WAIT, self.inner.quinn.wait_idle())
            .await
            .is_err()
        {
            tracing::debug!("closed before every peer had confirmed");
        }
    }
}

fn arm(
    identity: &Identity,
    verifier: Arc<Verifier>,
    wall: &Arc<dyn WallClock>,
    settings: &Settings,
) -> Result<(quinn::ServerConfig, Armed), TlsError> {
    let server = tls::server(identity, verifier.clone(), wall.clone(), settings)?;
    let client = tls::client(Some(identity), verifier, wall.clone(), settings)?;
    let armed = Armed {
        client,
        stale_at: identity.certificate().stale_at(),
    };
    Ok((server, armed))
}

impl Inner {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn_on(task, &self.runtime)
    }

    /// Believes who leads to the root of this node's own certificate.
    fn verifier(&self) -> Arc<Verifier> {
        Arc::new(Verifier {
            cluster: Some(self.cluster),
            trust: Trust::Root(self.root.clone()),
            wall: self.wall.clone(),
            revoked: self.revoked.subscribe(),
            provider: tls::provider(),
        })
    }

    fn shut(&self) {
        self.table().close();
        self.quinn.close((Close::Left as u32).into(), b"");
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.abort_all();
    }

    fn peer(&self, node: NodeId) -> Result<Arc<Peer>, CallError> {
        let table = self.table();
        if table.closed() {
            return Err(CallError::Closed);
        }
        table.peer(node).ok_or(CallError::Unreachable {
            peer: node,
            why: DialError::NoAddress,
        })
    }

    /// The link to a peer; waits while the first dial, or the first after a loss, is under way.
    async fn link_of(&self, peer: &Peer) -> Result<Arc<crate::link::Link>, CallError> {
        let unreachable = |why| CallError::Unreachable {
            peer: peer.node,
            why,
        };
        if let View::Up(link) = &*peer.view.borrow() {
            return Ok(link.clone());
        }
        let mut view = peer.view.subscribe();
        loop {
            match &*view.borrow_and_update() {
                View::Up(link) => return Ok(link.clone()),
                View::Failed(DialError::Closed) => return Err(CallError::Closed),
                View::Failed(why) => return Err(unreachable(why.clone())),
                View::Absent => return Err(unreachable(DialError::NoAddress)),
                View::Dialling => {}
            }
            view.changed().await.map_err(|_| CallError::Closed)?;
        }
    }

    async fn exchange(
        &self,
        to: NodeId,
        kind: Kind,
        frame: Bytes,
        (deadline, trace): (Instant, u64),
    ) -> Result<Frame, CallError> {
        let (len, max) = (frame.len(), kind.max_bytes() + HEAD_BYTES);
        if len > max {
            return Err(CallError::TooLarge { len, max });
        }
        let frame = wire::restamp(frame, self.settings.speaks);
        let peer = self.peer(to)?;
        let place = peer.requests_out.take(kind.class());
        let _place = place.ok_or(CallError::Overloaded)?;
        let link = self.link_of(&peer).await?;
        let _under_way = link.enter();
        let lost = |error: &quinn::ConnectionError, sent| CallError::Lost {
            why: link.down_reason(error),
            sent,
        };
        let streams = link.connection.open_bi().await;
        let (mut ask, mut answer) = streams.map_err(|error| lost(&error, false))?;
        // A fresh stream of ours is open, so it takes its priority.
        ask.set_priority(streams::priority(kind.class())).ok();
        let left = deadline.saturating_duration_since(Instant::now());
        match streams::write_request(&mut ask, left, trace, frame).await {
            // A callee that refuses stops reading, and its refusal is on the way.
            Ok(()) | Err(quinn::WriteError::Stopped(_) | quinn::WriteError::ClosedStream) => {}
            Err(quinn::WriteError::ConnectionLost(error)) => return Err(lost(&error, true)),
            Err(quinn::WriteError::ZeroRttRejected) => return Err(CallError::ReplyCut),
        }
        match streams::read_reply(&mut answer, max).await {
            Ok(Ok(frame)) => wire::open_bytes(&frame).map_err(CallError::Reply),
            Ok(Err(refusal)) => Err(CallError::Refused(refusal)),
            Err(StreamFault::Lost(error)) => Err(lost(&error, true)),
            Err(StreamFault::Cut | StreamFault::Excess) => Err(CallError::ReplyCut),
            Err(StreamFault::Garbled(error)) => Err(CallError::Reply(error)),
        }
    }

    fn send_datagram(&self, to: NodeId, bytes: Bytes, spare: bool) -> Result<(), DatagramError> {
        let peer = self.table().peer(to).ok_or(DatagramError::NoLink(to))?;
        let View::Up(link) = peer.view.borrow().clone() else {
            return Err(DatagramError::NoLink(to));
        };
        let (len, max) = (
            bytes.len(),
            link.connection.max_datagram_size().unwrap_or(0),
        );
        if len > max {
            return Err(DatagramError::TooLarge { len, max });
        }
        let room = link.connection.datagram_send_buffer_space();
        if spare && room + SPARE_WAITING < tls::DATAGRAMS_OUT {
            return Err(DatagramError::Waiting(to));
        }
        let sent = link.connection.send_datagram(bytes);
        sent.map_err(|_| DatagramError::NoLink(to))
    }
}

/// Addresses of one peer that are tried.
const MAX_ADDRS: usize = 8;
/// No request waits longer than this.
const MAX_TTL: Duration = Duration::from_secs(3600);
/// Enough for a packet each to every peer and its confirmation.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Bytes of datagrams that may wait for the path before one that can travel another way does: half
/// a millisecond at 100 Mbit/s.
const SPARE_WAITING: usize = 6 << 10;

#[cfg(test)]
pub(crate) mod tests;
