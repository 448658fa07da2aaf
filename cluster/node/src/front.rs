//! Answers what other nodes ask: hands each kind of message to the part that it is for. Who may
//! send which kind was decided before it came here.

use crate::admit;
use crate::blobs;
use crate::core::Core;
use crate::event::NodeEvent;
use crate::messages::{
    EchoBody, FailCode, IssuerReply, ProbeReply, ProbeRequest, RenewReply, RenewRequest,
};
use crate::revive;
use crate::spread::StoreAsk;
use crate::swim::SwimNote;
use base::NodeId;
use bytes::Bytes;
use crdt::Letter;
use futures::future::BoxFuture;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::time::Instant;
use transport::{Caller, Handler, LinkEvent, Refusal, Revocations, datagram_kind};
use wire::{Frame, Kind};

/// The endpoint's handler. It exists before the parts behind it, which are set once.
#[derive(Default)]
pub(crate) struct Front {
    // Weak, since the core holds the endpoint, which holds this.
    core: OnceLock<Weak<Core>>,
}

impl Front {
    pub(crate) fn open(&self, core: &Arc<Core>) {
        // Set once, by the one who made both.
        self.core.set(Arc::downgrade(core)).ok();
    }

    fn core(&self) -> Option<Arc<Core>> {
        self.core.get()?.upgrade()
    }
}

impl Handler for Front {
    fn call(
        &self,
        from: Caller,
        frame: Frame,
        left: Duration,
    ) -> BoxFuture<'static, Result<Bytes, Refusal>> {
        let core = self.core();
        Box::pin(async move {
            match core {
                Some(core) => answer(core, from, frame, left).await,
                None => Err(Refusal::Overloaded {
                    retry_after: STARTING,
                }),
            }
        })
    }

    fn datagram(&self, from: NodeId, bytes: Bytes) {
        let Some(core) = self.core() else {
            return;
        };
        // A full inbox loses it, as a full socket buffer would.
        if datagram_kind(&bytes) == Kind::Gossip {
            let letter = wire::open_bytes(&bytes).and_then(|frame| Letter::decode(&frame));
            if let Ok(letter) = letter {
                core.store_asks
                    .try_send(StoreAsk::Letter { from, letter })
                    .ok();
            }
            return;
        }
        core.swim_notes
            .try_send(SwimNote::Datagram { from, bytes })
            .ok();
    }

    fn link(&self, event: LinkEvent) {
        let Some(core) = self.core() else {
            return;
        };
        core.tell_now(match event {
            LinkEvent::Up { peer, .. } => NodeEvent::LinkUp(peer),
            LinkEvent::Down { peer, reason } => NodeEvent::LinkDown {
                peer,
                why: reason.to_string(),
            },
        });
    }
}

async fn answer(
    core: Arc<Core>,
    from: Caller,
    frame: Frame,
    left: Duration,
) -> Result<Bytes, Refusal> {
    let kind = frame.kind;
    match kind {
        Kind::Hello => reply(kind, &core.endpoint.speaks()),
        Kind::Join => {
            let body = frame.body().map_err(garbled)?;
            reply(kind, &admit::admit(&core, &from, body).await?)
        }
        Kind::Renew => {
            let RenewRequest { csr } = frame.body().map_err(garbled)?;
            let node = known(&from)?;
            let chain = admit::renew(&core, node, &csr).await?;
            reply(kind, &RenewReply { chain })
        }
        Kind::Revive => revived(&core, &from, &frame).await,
        Kind::RaftAppend
        | Kind::RaftVote
        | Kind::RaftPreVote
        | Kind::RaftSnapshot
        | Kind::RaftTransfer
        | Kind::Propose
        | Kind::Read => {
            let node = known(&from)?;
            let handled = core.group.handle(node, from.roles, frame).await;
            handled.map_err(|error| failed(FailCode::Garbled, error))
        }
        Kind::IssuerKey => {
            let authority = core.authority.borrow().clone();
            let authority =
                authority.ok_or_else(|| failed(FailCode::NoIssuer, "no issuer on this node"))?;
            let issuer = authority.export_issuer();
            reply(kind, &IssuerReply { issuer })
        }
        Kind::Revoked => {
            told_revoked(&core, known(&from)?, &frame.body().map_err(garbled)?);
            reply(kind, &())
        }
        Kind::Gossip | Kind::Digest => {
            let letter = Letter::decode(&frame).map_err(garbled)?;
            let from = known(&from)?;
            match core.store_asks.try_send(StoreAsk::Letter { from, letter }) {
                Ok(()) => reply(kind, &()),
                Err(_) => Err(Refusal::Overloaded { retry_after: BUSY }),
            }
        }
        Kind::Probe => {
            let ProbeRequest { target } = frame.body().map_err(garbled)?;
            let rtt = echo(&core, target, Bytes::new(), left.min(PROBE)).await;
            reply(
                kind,
                &ProbeReply {
                    rtt: rtt.map(|(rtt, _)| rtt),
                },
            )
        }
        Kind::Echo => {
            let body: EchoBody = frame.body().map_err(garbled)?;
            let unix = core.wall.unix();
            reply(kind, &EchoBody { unix, ..body })
        }
        Kind::Status => reply(kind, &crate::view::status(&core)),
        Kind::BlobGet | Kind::BlobPut => blobs::answer(&core, frame, left).await,
        // Only ever a datagram.
        Kind::Swim => Err(Refusal::Unsupported),
    }
}

async fn revived(core: &Core, from: &Caller, frame: &Frame) -> Result<Bytes, Refusal> {
    let request = frame.body().map_err(garbled)?;
    let chain = revive::revive(core, from, &request).await?;
    reply(frame.kind, &RenewReply { chain })
}

/// Closes what rests on it before the leader gets its answer.
fn told_revoked(core: &Core, from: NodeId, revoked: &Revocations) {
    core.endpoint.revoke(revoked);
    for node in &revoked.nodes {
        core.unlink(*node);
    }
    let count = revoked.nodes.len() + revoked.serials.len();
    core.tell_now(NodeEvent::ToldRevoked { from, count });
}

/// Sends some bytes to a peer and back: the round trip, and the peer's calendar.
pub(crate) async fn echo(
    core: &Core,
    to: NodeId,
    payload: Bytes,
    ttl: Duration,
) -> Option<(Duration, Duration)> {
    let body = EchoBody {
        payload,
        unix: Duration::ZERO,
    };
    let frame = wire::encode_plain(Kind::Echo, &body).ok()?;
    let began = Instant::now();
    let frame = core.endpoint.call(to, Kind::Echo, frame, ttl).await.ok()?;
    let took = began.elapsed();
    let body: EchoBody = frame.body().ok()?;
    Some((took, body.unix))
}

fn known(from: &Caller) -> Result<NodeId, Refusal> {
    from.node
        .ok_or(Refusal::Unauthorised(transport::Denial::NoCertificate))
}

pub(crate) fn reply<T: serde::Serialize>(kind: Kind, body: &T) -> Result<Bytes, Refusal> {
    wire::encode(kind, body).map_err(|error| failed(FailCode::Internal, error))
}

pub(crate) fn garbled(error: wire::DecodeError) -> Refusal {
    failed(FailCode::Garbled, error)
}

pub(crate) fn failed(code: FailCode, text: impl ToString) -> Refusal {
    Refusal::Failed {
        code: code as u16,
        text: text.to_string(),
    }
}

/// A node that is still starting is ready within this.
const STARTING: Duration = Duration::from_millis(200);
/// A store whose inbox is full has worked through it by then.
const BUSY: Duration = Duration::from_millis(50);
/// Longest wait for a third node on somebody's behalf.
const PROBE: Duration = Duration::from_secs(1);
