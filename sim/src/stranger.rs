//! A machine that is nobody's: it throws garbage at the members' ports, and calls them in the name
//! of a node that another cluster's authority certified. Nothing that it says may change anything.

use crate::host::{Machine, PORT, sockets};
use crate::net::SimSocket;
use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::future::BoxFuture;
use quinn::AsyncUdpSocket;
use quinn::udp::Transmit;
use rand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use transport::{
    Authority, Caller, CertificateGrant, Endpoint, Handler, Identity, KeySeed, LinkEvent,
    NODE_LIFE, Refusal, Serial, request,
};
use wire::{Frame, Kind};

/// Who is bothered, and how often it was.
pub(crate) struct Stranger {
    pub(crate) machine: Machine,
    pub(crate) members: Vec<(NodeId, SocketAddr)>,
    /// Datagrams of garbage so far.
    pub(crate) thrown: Arc<AtomicU64>,
}

impl Stranger {
    /// Runs until the machine is switched off.
    pub(crate) async fn live(self) {
        let at = |port| SimSocket::bind(self.machine.card(), port, self.machine.fabric().clone());
        let outfit = at(PORT + 1)
            .map_err(|error| error.to_string())
            .and_then(|hand| Ok((hand, foreign(&self.machine)?)));
        let (hand, endpoint) = match outfit {
            Ok(outfit) => outfit,
            Err(why) => {
                let trace = self.machine.fabric().trace();
                return trace.event(self.machine.name(), format!("cannot begin: {why}"));
            }
        };
        for (node, addr) in &self.members {
            endpoint.add_peer(*node, vec![*addr]);
        }
        loop {
            for (node, addr) in &self.members {
                throw(&hand, *addr);
                self.thrown.fetch_add(1, Ordering::Relaxed);
                call(&endpoint, *node).await;
            }
            sleep(PAUSE).await;
        }
    }
}

/// A node of a cluster that consists of nothing but its certificate.
fn foreign(machine: &Machine) -> Result<Endpoint, String> {
    let mut rng = rand::rng();
    let clock = machine.clock();
    let now = clock.unix();
    let authority = Authority::create(ClusterId(rng.random()), &mut rng, now)
        .map_err(|error| error.to_string())?;
    let grant = CertificateGrant {
        node: NodeId(rng.random()),
        roles: PeerRoles::of(&[PeerRole::Voter, PeerRole::Worker]),
        name: machine.name().to_owned(),
        validity: NODE_LIFE,
    };
    let key = KeySeed::generate(&mut rng);
    let serial = Serial::generate(&mut rng);
    let chain = authority
        .issue(&request(&key), &grant, serial, now)
        .map_err(|error| error.to_string())?;
    let identity = Identity::new(key, chain).map_err(|error| error.to_string())?;
    let socket = SimSocket::bind(machine.card(), PORT, machine.fabric().clone())
        .map_err(|error| error.to_string())?;
    let settings = machine.settings().transport.clone();
    let endpoint = Endpoint::start(identity, sockets(socket), settings, Arc::new(Mute), clock)
        .map_err(|error| error.to_string())?;
    tokio::spawn(endpoint.serve());
    Ok(endpoint)
}

/// One datagram of garbage; half of them look like the first one of a handshake.
fn throw(hand: &SimSocket, to: SocketAddr) {
    let mut rng = rand::rng();
    let mut bytes: Vec<u8> = (0..rng.random_range(HANDSHAKE.len()..MOST))
        .map(|_| rng.random())
        .collect();
    if rng.random_bool(0.5) {
        bytes[..HANDSHAKE.len()].copy_from_slice(&HANDSHAKE);
    }
    let garbage = Transmit {
        destination: to,
        ecn: None,
        contents: &bytes,
        segment_size: None,
        src_ip: None,
    };
    // A datagram may be lost.
    hand.try_send(&garbage).ok();
}

/// A request of any kind with a body of garbage.
async fn call(endpoint: &Endpoint, node: NodeId) {
    let kind = Kind::ALL[rand::rng().random_range(0..Kind::ALL.len())];
    let body: Vec<u8> = (0..100).map(|_| rand::rng().random()).collect();
    if let Ok(frame) = wire::encode_plain(kind, &Bytes::from(body)) {
        // Nobody answers a stranger.
        endpoint.call(node, kind, frame, PATIENCE).await.ok();
    }
}

/// Answers nothing.
struct Mute;

impl Handler for Mute {
    fn call(&self, _: Caller, _: Frame, _: Duration) -> BoxFuture<'static, Result<Bytes, Refusal>> {
        Box::pin(async { Err(Refusal::Unsupported) })
    }

    fn datagram(&self, _: NodeId, _: Bytes) {}

    fn link(&self, _: LinkEvent) {}
}

/// How the first datagram of QUIC's version 1 begins.
const HANDSHAKE: [u8; 5] = [0xc3, 0, 0, 0, 1];
/// Bytes of a datagram, which are less than what every path takes.
const MOST: usize = 1_400;
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_millis(50);
