//! A small cluster for the stories: one authority, one stopped calendar, nodes on the hub.

use super::hub::Hub;
use crate::{
    Authority, Caller, CertificateGrant, Endpoint, Handler, Identity, KeySeed, LinkEvent, Refusal,
    Serial, Settings, SocketLost, Sockets, WallClock, request,
};
use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::{Frame, Kind};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const TTL: Duration = Duration::from_secs(10);
pub(crate) const VOTER: PeerRoles = PeerRoles::of(&[PeerRole::Voter]);

pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) authority: Authority,
    pub(crate) calendar: Arc<Calendar>,
    pub(crate) settings: Settings,
}

/// A wall clock that moves when told.
#[derive(Debug)]
pub(crate) struct Calendar(AtomicU64);

impl WallClock for Calendar {
    fn unix(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl Calendar {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(time.as_secs(), Ordering::SeqCst);
    }
}

/// A node that answers every kind, and remembers.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) addr: SocketAddr,
    pub(crate) identity: Identity,
    pub(crate) diary: Arc<Diary>,
    /// The endpoint's own loops.
    pub(crate) serving: JoinHandle<Result<(), SocketLost>>,
}

#[derive(Default)]
pub(crate) struct Diary {
    pub(crate) events: watch::Sender<Vec<LinkEvent>>,
    pub(crate) datagrams: watch::Sender<Vec<(NodeId, Bytes)>>,
    pub(crate) calls: Mutex<Vec<(Caller, Kind)>>,
    /// Requests that hang, until this is set.
    pub(crate) release: watch::Sender<bool>,
    /// The next link makes the handler panic.
    pub(crate) shy: AtomicBool,
}

impl Diary {
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|(_, kind)| *kind)
            .collect()
    }

    pub(crate) async fn event(&self, wanted: impl Fn(&LinkEvent) -> bool) -> LinkEvent {
        let mut events = self.events.subscribe();
        let seen = events.wait_for(|events| events.iter().any(&wanted));
        let seen = tokio::time::timeout(Duration::from_secs(60), seen).await;
        let events = seen.expect("the event comes").unwrap();
        events.iter().find(|event| wanted(event)).unwrap().clone()
    }
}

/// What a request's body makes the handler do.
pub(crate) const HANG: &[u8] = b"hang";
pub(crate) const PANIC: &[u8] = b"panic";
pub(crate) const FAIL: &[u8] = b"fail";

struct Answering(Arc<Diary>);

impl Handler for Answering {
    fn call(
        &self,
        from: Caller,
        frame: Frame,
        _left: Duration,
    ) -> BoxFuture<'static, Result<Bytes, Refusal>> {
        self.0.calls.lock().unwrap().push((from, frame.kind));
        let mut release = self.0.release.subscribe();
        async move {
            let body: Bytes = frame.body().unwrap_or_default();
            match &body[..] {
                HANG => {
                    release.wait_for(|released| *released).await.unwrap();
                }
                PANIC => panic!("told to"),
                FAIL => {
                    return Err(Refusal::Failed {
                        code: 7,
                        text: "told to".to_owned(),
                    });
                }
                _ => {}
            }
            Ok(wire::encode_plain(frame.kind, &body).unwrap())
        }
        .boxed()
    }

    fn datagram(&self, from: NodeId, bytes: Bytes) {
        self.0.datagrams.send_modify(|all| all.push((from, bytes)));
    }

    fn link(&self, event: LinkEvent) {
        assert!(!self.0.shy.swap(false, Ordering::SeqCst), "told to");
        self.0.events.send_modify(|all| all.push(event));
    }
}

impl World {
    pub(crate) fn new() -> World {
        World::of(1)
    }

    /// Worlds of different seeds are different clusters.
    pub(crate) fn of(seed: u8) -> World {
        let now = Duration::from_secs(1_800_000_000);
        let mut rng = StdRng::seed_from_u64(seed.into());
        World {
            hub: Hub::default(),
            authority: Authority::create(ClusterId([seed; 8]), &mut rng, now).unwrap(),
            calendar: Arc::new(Calendar(AtomicU64::new(now.as_secs()))),
            settings: Settings::default(),
        }
    }

    pub(crate) fn addr(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 7400))
    }

    /// Each identity gets the serial `number`, `generation`.
    pub(crate) fn identity(&self, number: u8, generation: u8, roles: PeerRoles) -> Identity {
        let seed = KeySeed::from_bytes([number; 32]);
        let grant = CertificateGrant {
            node: NodeId([number; 16]),
            roles,
            name: format!("box-{number}"),
            validity: DAY,
        };
        let mut serial = [generation; 16];
        serial[1] = number;
        let serial = Serial::from_bytes(serial);
        let now = self.calendar.unix();
        let chain = self
            .authority
            .issue(&request(&seed), &grant, serial, now)
            .unwrap();
        Identity::new(seed, chain).unwrap()
    }

    pub(crate) fn voter(&self, number: u8) -> Node {
        self.node(number, VOTER)
    }

    pub(crate) fn node(&self, number: u8, roles: PeerRoles) -> Node {
        self.start(self.identity(number, 0, roles), World::addr(number))
    }

    pub(crate) fn start(&self, identity: Identity, addr: SocketAddr) -> Node {
        self.start_on(identity, self.hub.socket(addr), self.settings.clone())
    }

    pub(crate) fn start_on(
        &self,
        identity: Identity,
        sockets: Sockets,
        settings: Settings,
    ) -> Node {
        let diary = Arc::new(Diary::default());
        let addr = sockets.socket.local_addr().unwrap();
        let endpoint = Endpoint::start(
            identity.clone(),
            sockets,
            settings,
            Arc::new(Answering(diary.clone())),
            self.calendar.clone(),
        );
        let endpoint = endpoint.unwrap();
        Node {
            serving: tokio::spawn(endpoint.serve()),
            endpoint,
            addr,
            identity,
            diary,
        }
    }

    /// Two voters with a link that the first one dialled.
    pub(crate) async fn pair(&self) -> (Node, Node) {
        let (one, two) = (self.voter(1), self.voter(2));
        one.link_to(&two).await;
        (one, two)
    }
}

impl Node {
    pub(crate) fn id(&self) -> NodeId {
        self.endpoint.node()
    }

    pub(crate) fn knows(&self, other: &Node) {
        self.endpoint.add_peer(other.id(), vec![other.addr]);
    }

    pub(crate) async fn link_to(&self, other: &Node) {
        self.knows(other);
        self.endpoint.reach(other.id(), TTL).await.unwrap();
        let peer = self.id();
        other.diary.event(|event| is_up(event, peer)).await;
    }

    /// Sends a body of kind Echo and returns what comes back.
    pub(crate) async fn echo(&self, to: NodeId, body: &[u8]) -> Result<Bytes, crate::CallError> {
        self.echo_within(to, body, TTL).await
    }

    pub(crate) async fn echo_within(
        &self,
        to: NodeId,
        body: &[u8],
        ttl: Duration,
    ) -> Result<Bytes, crate::CallError> {
        let reply = self
            .endpoint
            .call(to, Kind::Echo, frame(Kind::Echo, body), ttl)
            .await?;
        Ok(reply.body().unwrap())
    }

    /// All links, also those that gave way.
    pub(crate) fn all_links(&self) -> Vec<(NodeId, bool)> {
        let links = self.endpoint.inner.table().links();
        links
            .iter()
            .map(|link| (link.peer(), link.dialled))
            .collect()
    }
}

pub(crate) fn frame(kind: Kind, body: &[u8]) -> Bytes {
    wire::encode_plain(kind, &Bytes::copy_from_slice(body)).unwrap()
}

pub(crate) fn is_up(event: &LinkEvent, node: NodeId) -> bool {
    matches!(event, LinkEvent::Up { peer, .. } if *peer == node)
}

pub(crate) fn is_down(event: &LinkEvent, node: NodeId) -> bool {
    matches!(event, LinkEvent::Down { peer, .. } if *peer == node)
}
