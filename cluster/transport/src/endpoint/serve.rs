//! One link, or one stranger's connection, while it lives: requests and datagrams that come in.
//!
//! A request passes, in this order: its head is read, its sender authorised, its size, place and
//! bytes granted, its body read, its time looked at. Only then its receiver sees it.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use super::Inner;
use super::accept::{Visit, exporter};
use crate::access::{AccessFacts, authorise};
use crate::bounds::{Load, Place, Places};
use crate::link::{Link, UnderWay};
use crate::streams::{self, Close, Opening, StreamFault};
use crate::{Caller, InFlight, NodeCertificate, Refusal};
use base::PeerRoles;
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use wire::{DecodeError, Frame, Kind};

/// Who a connection's requests come from.
#[derive(Clone)]
enum Origin {
    Peer(Arc<Link>),
    Stranger(Arc<Stranger>),
}

struct Stranger {
    connection: Connection,
    exporter: [u8; 32],
    places: Arc<Places>,
}

/// A request that may be handed on, with what it holds.
struct Taken {
    frame: Frame,
    trace: u64,
    deadline: Instant,
    _place: Place,
    _load: Load,
}

/// How a request ended before it was handed on.
enum Stopped {
    Refused(Refusal),
    /// Nobody is there to be told.
    Gone,
}

pub(crate) async fn serve_link(inner: Arc<Inner>, link: Arc<Link>) {
    let connection = &link.connection;
    let requests = serve_requests(&inner, connection, Origin::Peer(link.clone()));
    tokio::join!(requests, serve_datagrams(&inner, &link));
    let reason = link.down_reason(&connection.closed().await);
    tracing::debug!(peer = %link.peer().short(), %reason, "a link is down");
    inner.counters.links_down.add();
    let date = inner.wall.unix();
    inner.table().remove(&link, reason, date);
    inner.announce.notify_one();
}

pub(crate) async fn serve_stranger(visit: Visit, connection: Connection) {
    let inner = &visit.0;
    let stranger = Arc::new(Stranger {
        exporter: exporter(&connection),
        places: Places::new(STRANGER_IN_FLIGHT),
        connection: connection.clone(),
    });
    let requests = serve_requests(inner, &connection, Origin::Stranger(stranger));
    if timeout(inner.settings.stranger_life, requests)
        .await
        .is_err()
    {
        Close::Done.apply(&connection);
    }
}

/// Ends with the connection; requests under way end with it.
async fn serve_requests(inner: &Arc<Inner>, connection: &Connection, origin: Origin) {
    let mut requests = JoinSet::new();
    while let Ok((answer, ask)) = connection.accept_bi().await {
        requests.spawn(serve(inner.clone(), origin.clone(), answer, ask));
        // The peer's number of streams bounds how many wait here to be collected.
        while let Some(ended) = requests.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                inner.counters.panics.add();
            }
        }
    }
}

async fn serve_datagrams(inner: &Inner, link: &Link) {
    while let Ok(bytes) = link.connection.read_datagram().await {
        match inner.may(datagram_kind(&bytes), Some(&link.certificate)) {
            Ok(()) => {
                inner.counters.datagrams_in.add();
                inner.handler.datagram(link.peer(), bytes);
            }
            Err(_) => inner.counters.datagrams_unauthorised.add(),
        }
    }
}

/// What a datagram is: the failure detector's bytes as they are, or a frame of gossip, which begins
/// with a frame's head. No bytes of the detector's do: they would have to hold the head's magic,
/// version, kind, flags and both its lengths.
pub fn datagram_kind(bytes: &[u8]) -> Kind {
    match wire::Head::read(bytes) {
        Ok(head) if head.kind == Kind::Gossip => Kind::Gossip,
        Ok(_) | Err(_) => Kind::Swim,
    }
}

async fn serve(inner: Arc<Inner>, origin: Origin, mut answer: SendStream, mut ask: RecvStream) {
    let arrived = Instant::now();
    let _under_way = origin.enter();
    let until = arrived + INTAKE;
    let opening = match timeout_at(until, streams::read_opening(&mut ask)).await {
        Ok(opening) => opening,
        Err(_) => Err(StreamFault::Cut),
    };
    let taken = match opening {
        Ok((opening, held)) => {
            // Only a stream that the peer stopped takes no priority, and nobody listens there.
            let priority = streams::priority(opening.head.kind.class());
            answer.set_priority(priority).ok();
            inner
                .take_in(&origin, &mut ask, (opening, held, arrived))
                .await
        }
        Err(fault) => Err(inner.faulty(fault)),
    };
    let (reply, until) = match taken {
        Ok(taken) => {
            let deadline = taken.deadline;
            let reply = inner.work(&origin, taken).await;
            let speaks = inner.settings.speaks;
            (reply.map(|frame| wire::restamp(frame, speaks)), deadline)
        }
        Err(Stopped::Refused(refusal)) => {
            // What is still on its way need not come; a stream that has ended cannot be stopped.
            ask.stop(0_u32.into()).ok();
            (Err(refusal), until)
        }
        Err(Stopped::Gone) => return,
    };
    let until = until.max(Instant::now() + LAST_WORDS);
    if timeout_at(until, streams::write_reply(&mut answer, reply))
        .await
        .is_err()
    {
        // Whoever does not read gets nothing more; a finished stream cannot be reset.
        answer.reset(0_u32.into()).ok();
    }
}

impl Inner {
    async fn take_in(
        &self,
        origin: &Origin,
        ask: &mut RecvStream,
        (opening, held, arrived): (Opening, bytes::Bytes, Instant),
    ) -> Result<Taken, Stopped> {
        let head = opening.head;
        if let Err(denial) = self.may(head.kind, origin.certificate()) {
            self.counters.requests_unauthorised.add();
            return Err(Stopped::Refused(Refusal::Unauthorised(denial)));
        }
        let overloaded = || {
            self.counters.requests_overloaded.add();
            Stopped::Refused(Refusal::Overloaded {
                retry_after: self.settings.retry_after,
            })
        };
        let place = origin.places().take(head.kind.class());
        let place = place.ok_or_else(overloaded)?;
        let load = self.inbound.load(head.raw_len.max(head.body_len));
        let load = load.ok_or_else(overloaded)?;
        let deadline = arrived + opening.left.min(super::MAX_TTL);
        let expired = || {
            self.counters.requests_expired.add();
            Stopped::Refused(Refusal::Deadline)
        };
        let whole = timeout_at(deadline, streams::read_frame(ask, head, held)).await;
        let whole = whole.map_err(|_| expired())?;
        let whole = whole.map_err(|fault| self.faulty(fault))?;
        let frame = wire::open_bytes(&whole).map_err(|error| self.unreadable(error))?;
        if Instant::now() >= deadline {
            return Err(expired());
        }
        Ok(Taken {
            frame,
            trace: opening.trace,
            deadline,
            _place: place,
            _load: load,
        })
    }

    async fn work(&self, origin: &Origin, taken: Taken) -> Result<bytes::Bytes, Refusal> {
        self.counters.requests.add();
        let left = taken.deadline.saturating_duration_since(Instant::now());
        let caller = origin.caller(taken.trace);
        let work = self.handler.call(caller, taken.frame, left);
        match timeout_at(taken.deadline, work).await {
            Ok(reply) => reply,
            Err(_) => {
                self.counters.requests_timed_out.add();
                Err(Refusal::Deadline)
            }
        }
    }

    fn may(&self, kind: Kind, certificate: Option<&NodeCertificate>) -> Result<(), crate::Denial> {
        let revoked = self.revoked.borrow();
        let facts = AccessFacts {
            cluster: self.cluster,
            now: self.wall.unix(),
            revoked: &revoked,
        };
        authorise(kind, certificate, facts)
    }

    fn faulty(&self, fault: StreamFault) -> Stopped {
        match fault {
            StreamFault::Lost(_) => Stopped::Gone,
            StreamFault::Garbled(error) => self.unreadable(error),
            StreamFault::Cut => {
                self.counters.requests_garbled.add();
                Stopped::Refused(Refusal::Failed {
                    code: GARBLED,
                    text: "the request is cut off".to_owned(),
                })
            }
            StreamFault::Excess => {
                self.counters.requests_garbled.add();
                Stopped::Refused(Refusal::Failed {
                    code: GARBLED,
                    text: "the request is longer than it says".to_owned(),
                })
            }
        }
    }

    fn unreadable(&self, error: DecodeError) -> Stopped {
        let refusal = match error {
            DecodeError::TooLong { max, .. } => {
                self.counters.requests_too_large.add();
                return Stopped::Refused(Refusal::TooLarge { max: max as u64 });
            }
            DecodeError::Version { .. } => Refusal::Version {
                ours: self.settings.speaks,
            },
            DecodeError::UnknownKind(_) => Refusal::Unsupported,
            other => Refusal::Failed {
                code: GARBLED,
                text: other.to_string(),
            },
        };
        self.counters.requests_garbled.add();
        Stopped::Refused(refusal)
    }
}

impl Origin {
    fn certificate(&self) -> Option<&NodeCertificate> {
        match self {
            Origin::Peer(link) => Some(&link.certificate),
            Origin::Stranger(_) => None,
        }
    }

    fn places(&self) -> &Arc<Places> {
        match self {
            Origin::Peer(link) => &link.requests_in,
            Origin::Stranger(stranger) => &stranger.places,
        }
    }

    fn enter(&self) -> Option<UnderWay> {
        match self {
            Origin::Peer(link) => Some(link.enter()),
            Origin::Stranger(_) => None,
        }
    }

    fn caller(&self, trace: u64) -> Caller {
        match self {
            Origin::Peer(link) => link.caller(trace),
            Origin::Stranger(stranger) => Caller {
                node: None,
                roles: PeerRoles::NONE,
                serial: None,
                exporter: stranger.exporter,
                addr: stranger.connection.remote_address(),
                trace,
            },
        }
    }
}

/// `Refusal::Failed` of this code: the request could not be read. Handlers use other codes.
const GARBLED: u16 = u16::MAX;
/// How long a request's first 32 bytes may take.
const INTAKE: Duration = Duration::from_secs(5);
/// How long a refusal, or a reply in the last moment, may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A stranger has one thing to ask, and may ask who we are first.
const STRANGER_IN_FLIGHT: InFlight = InFlight {
    control: 2,
    calls: 0,
    bulk: 0,
};
