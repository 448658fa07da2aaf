//! A request over a connection on which this node shows no certificate: its own has ended, and it
//! asks for the next one. The other end proves itself as ever; what the request is worth without a
//! certificate, its receiver decides.

use super::dial::open;
use super::{Endpoint, Inner, exporter};
use crate::streams::{self, Close, StreamFault, down_reason};
use crate::verify::server_name;
use crate::{CallError, DialError, DownReason, tls};
use base::NodeId;
use bytes::Bytes;
use quinn::{Connection, ConnectionError};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;
use wire::{Frame, HEAD_BYTES, Kind};

/// Makes a frame for one TLS session, of which it is given the exporter, so that a signature in it
/// is worth nothing elsewhere.
pub type SessionFrame<'a> = &'a (dyn Fn(&[u8; 32]) -> Bytes + Send + Sync);

impl Endpoint {
    /// One request as a stranger, to the node `to` at `addr`, and its reply. The connection lives
    /// for this request, and is no link.
    pub async fn call_uncertified(
        &self,
        (to, addr): (NodeId, SocketAddr),
        kind: Kind,
        frame: SessionFrame<'_>,
        ttl: Duration,
    ) -> Result<Frame, CallError> {
        self.inner.counters.calls.add();
        let asking = self.inner.ask_uncertified((to, addr), kind, frame, ttl);
        let outcome = match timeout(ttl, asking).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CallError::Deadline),
        };
        if outcome.is_err() {
            self.inner.counters.calls_failed.add();
        }
        outcome
    }
}

impl Inner {
    async fn ask_uncertified(
        &self,
        (to, addr): (NodeId, SocketAddr),
        kind: Kind,
        frame: SessionFrame<'_>,
        ttl: Duration,
    ) -> Result<Frame, CallError> {
        let unreachable = |why: DialError| CallError::Unreachable { peer: to, why };
        let config = tls::client(None, self.verifier(), self.wall.clone(), &self.settings);
        let config = config.map_err(|error| {
            let why = DownReason::Protocol(error.to_string());
            unreachable(DialError::Broken(why))
        })?;
        let name = server_name(Some(to));
        let dialling = open(&self.quinn, (config, self.settings.speaks), addr, &name);
        let connection = match timeout(self.settings.handshake, dialling).await {
            Ok(connection) => connection.map_err(unreachable)?,
            Err(_) => return Err(unreachable(DialError::Silent(addr))),
        };
        let frame = wire::restamp(frame(&exporter(&connection)), self.settings.speaks);
        let reply = ask(&connection, kind, frame, ttl).await;
        Close::Done.apply(&connection);
        reply
    }
}

async fn ask(
    connection: &Connection,
    kind: Kind,
    frame: Bytes,
    ttl: Duration,
) -> Result<Frame, CallError> {
    let lost = |error: &ConnectionError, sent| CallError::Lost {
        why: down_reason(error),
        sent,
    };
    let opened = connection.open_bi().await;
    let (mut question, mut answer) = opened.map_err(|error| lost(&error, false))?;
    // Whoever refuses stops reading; its refusal is read below.
    streams::write_request(&mut question, ttl, 0, frame)
        .await
        .ok();
    match streams::read_reply(&mut answer, kind.max_bytes() + HEAD_BYTES).await {
        Ok(Ok(frame)) => wire::open_bytes(&frame).map_err(CallError::Reply),
        Ok(Err(refusal)) => Err(CallError::Refused(refusal)),
        Err(StreamFault::Lost(error)) => Err(lost(&error, true)),
        Err(StreamFault::Cut | StreamFault::Excess) => Err(CallError::ReplyCut),
        Err(StreamFault::Garbled(error)) => Err(CallError::Reply(error)),
    }
}
