//! One connection between two nodes, and what is told about it.

use crate::bounds::Places;
use crate::rank::LinkRank;
use crate::streams::{Close, down_reason};
use crate::{Denial, DownReason, NodeCertificate, Refusal, Serial};
use base::{NodeId, PeerRoles};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Whoever answers requests. Everything that reaches it was authorised and is in time.
pub trait Handler: Send + Sync {
    /// One request; `left` is how long the caller still waits. The future is dropped when that
    /// time is over or the link goes down.
    fn call(
        &self,
        from: Caller,
        frame: wire::Frame,
        left: Duration,
    ) -> BoxFuture<'static, Result<Bytes, Refusal>>;

    /// One datagram. Must not block: the link's next datagram waits.
    fn datagram(&self, from: NodeId, bytes: Bytes);

    /// Links as they come and go, in order for each peer.
    fn link(&self, event: LinkEvent);
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `None` is a stranger without a certificate.
    pub node: Option<NodeId>,
    pub roles: PeerRoles,
    pub serial: Option<Serial>,
    /// The same at both ends of this TLS session, and nowhere else: what a joiner signs.
    pub exporter: [u8; 32],
    pub addr: SocketAddr,
    pub trace: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    Up {
        peer: NodeId,
        addr: SocketAddr,
        roles: PeerRoles,
    },
    Down {
        peer: NodeId,
        reason: DownReason,
    },
}

/// How a path does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    pub peer: NodeId,
    pub addr: SocketAddr,
    pub roles: PeerRoles,
    /// Whether this node dialled it.
    pub dialled: bool,
    pub age: Duration,
    /// Smoothed round trip.
    pub rtt: Duration,
    pub min_rtt: Duration,
    /// Packets sent, and of them taken for lost.
    pub sent: u64,
    pub lost: u64,
    /// Bytes of the largest UDP payload known to pass.
    pub mtu: u16,
    /// Bytes of the largest datagram that [`crate::Endpoint::datagram`] takes now.
    pub datagram_max: usize,
    /// Since when nothing was heard, with the resolution of the housekeeping.
    pub heard: Duration,
    /// Times that the path swallowed large packets only.
    pub black_holes: u64,
    pub requests_out: usize,
    pub requests_in: usize,
    /// When the peer's certificate ends, since the Unix epoch.
    pub certified_until: Duration,
    /// When the issuer of the peer's certificate ends, as the chain says that the peer showed.
    pub issuer_until: Duration,
}

/// A live connection with a certified peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) connection: quinn::Connection,
    pub(crate) certificate: NodeCertificate,
    issuer_until: Duration,
    pub(crate) dialled: bool,
    pub(crate) by_lower: bool,
    pub(crate) exporter: [u8; 32],
    /// When the first of the two certificates enters the last eighth of its life.
    pub(crate) stale_at: Duration,
    pub(crate) since: tokio::time::Instant,
    pub(crate) requests_in: Arc<Places>,
    pub(crate) requests_out: Arc<Places>,
    /// Why this node closed it, if it did.
    closed_for: OnceLock<Close>,
    /// When another link of the pair took over.
    pub(crate) retired: OnceLock<tokio::time::Instant>,
    /// Requests of both directions on this very link.
    under_way: AtomicUsize,
    /// Datagrams received, when last looked at.
    heard_count: AtomicU64,
    /// Microseconds after `since` at which that number last grew.
    heard_at: AtomicU64,
}

/// What a link is made of.
pub(crate) struct LinkParts {
    pub(crate) number: u64,
    pub(crate) connection: quinn::Connection,
    pub(crate) certificate: NodeCertificate,
    pub(crate) issuer_until: Duration,
    pub(crate) dialled: bool,
    pub(crate) me: NodeId,
    pub(crate) exporter: [u8; 32],
    pub(crate) stale_at: Duration,
    pub(crate) requests_in: Arc<Places>,
    pub(crate) requests_out: Arc<Places>,
}

/// Counts one request on a link while it lives.
pub(crate) struct UnderWay(Arc<Link>);

impl Link {
    pub(crate) fn new(parts: LinkParts) -> Link {
        let me_lower = parts.me < parts.certificate.node;
        Link {
            number: parts.number,
            by_lower: parts.dialled == me_lower,
            stale_at: parts.stale_at.min(parts.certificate.stale_at()),
            connection: parts.connection,
            certificate: parts.certificate,
            issuer_until: parts.issuer_until,
            dialled: parts.dialled,
            exporter: parts.exporter,
            since: tokio::time::Instant::now(),
            requests_in: parts.requests_in,
            requests_out: parts.requests_out,
            closed_for: OnceLock::new(),
            retired: OnceLock::new(),
            under_way: AtomicUsize::new(0),
            heard_count: AtomicU64::new(0),
            heard_at: AtomicU64::new(0),
        }
    }

    pub(crate) fn peer(&self) -> NodeId {
        self.certificate.node
    }

    /// Closes the connection; the first reason counts.
    pub(crate) fn close(&self, why: Close) {
        self.closed_for.get_or_init(|| why).apply(&self.connection);
    }

    pub(crate) fn down_reason(&self, error: &quinn::ConnectionError) -> DownReason {
        match self.closed_for.get() {
            Some(Close::Revoked) => DownReason::Revoked,
            Some(Close::Expired) => DownReason::Expired,
            Some(Close::Replaced) => DownReason::Replaced,
            Some(Close::Left | Close::Full | Close::Own | Close::Done) => DownReason::Local,
            None => down_reason(error),
        }
    }

    pub(crate) fn rank(&self, date: Duration) -> LinkRank {
        LinkRank {
            stale: date >= self.stale_at,
            by_lower: self.by_lower,
            number: self.number,
        }
    }

    pub(crate) fn enter(self: &Arc<Link>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    pub(crate) fn idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn caller(&self, trace: u64) -> Caller {
        Caller {
            node: Some(self.certificate.node),
            roles: self.certificate.roles,
            serial: Some(self.certificate.serial),
            exporter: self.exporter,
            addr: self.connection.remote_address(),
            trace,
        }
    }

    /// Notes whether anything came since the last look.
    pub(crate) fn listen(&self) {
        let count = self.connection.stats().udp_rx.datagrams;
        if self.heard_count.swap(count, Ordering::Relaxed) != count {
            let now = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.heard_at.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn facts(&self) -> LinkFacts {
        self.listen();
        let stats = self.connection.stats();
        let age = self.since.elapsed();
        let heard_at = Duration::from_micros(self.heard_at.load(Ordering::Relaxed));
        LinkFacts {
            peer: self.peer(),
            addr: self.connection.remote_address(),
            roles: self.certificate.roles,
            dialled: self.dialled,
            age,
            rtt: stats.path.rtt,
            min_rtt: stats.path.min_rtt,
            sent: stats.path.sent_packets,
            lost: stats.path.lost_packets,
            mtu: stats.path.current_mtu,
            datagram_max: self.connection.max_datagram_size().unwrap_or(0),
            heard: age.saturating_sub(heard_at),
            black_holes: stats.path.black_holes_detected,
            requests_out: self.requests_out.taken(),
            requests_in: self.requests_in.taken(),
            certified_until: self.certificate.not_after,
            issuer_until: self.issuer_until,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a certificate that was good at the handshake no longer is, as the close code tells it.
pub(crate) fn close_for(denial: Denial) -> Close {
    match denial {
        Denial::Revoked => Close::Revoked,
        Denial::Expired | Denial::NotYetValid => Close::Expired,
        Denial::NoCertificate | Denial::OtherCluster | Denial::Role => Close::Done,
    }
}
