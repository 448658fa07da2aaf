//! A request and its reply over the transport: the server that answers, and the client's side.

use anyhow::Result;
use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use transport::{
    Authority, Caller, CertificateGrant, Endpoint, Handler, Identity, KeySeed, LinkEvent,
    NODE_LIFE, Refusal, Serial, Settings, Sockets, SystemWallClock, WallClock, request,
};
use wire::{Frame, Kind};

/// Bytes of a short message.
pub(crate) const SHORT: usize = 64;

/// A request of that many bytes which wants them all back, or only the first ones.
pub(crate) fn payload(bytes: usize, whole: bool) -> Vec<u8> {
    vec![u8::from(whole); bytes]
}

/// What the request wants to hear.
pub(crate) fn answer(payload: &[u8]) -> &[u8] {
    match payload.first() {
        Some(1) => payload,
        Some(_) | None => &payload[..payload.len().min(SHORT)],
    }
}

struct Echo;

impl Handler for Echo {
    fn call(
        &self,
        _from: Caller,
        frame: Frame,
        _left: Duration,
    ) -> BoxFuture<'static, Result<Bytes, Refusal>> {
        let reply = frame.body::<Bytes>().map_err(|error| error.to_string());
        let reply = reply.and_then(|body| {
            let back = body.slice_ref(answer(&body));
            wire::encode_plain(frame.kind, &back).map_err(|error| error.to_string())
        });
        let reply = reply.map_err(|text| Refusal::Failed { code: 1, text });
        async move { reply }.boxed()
    }

    fn datagram(&self, _from: NodeId, _bytes: Bytes) {}

    fn link(&self, _event: LinkEvent) {}
}

/// Answers until its input ends.
pub(crate) async fn serve() -> Result<()> {
    let endpoint = start(2)?;
    super::tell(&endpoint.local_addr()?.to_string());
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

/// The client's end of one link.
#[derive(Clone)]
pub(crate) struct EchoClient {
    endpoint: Endpoint,
    peer: NodeId,
}

impl EchoClient {
    pub(crate) async fn dial(addr: SocketAddr) -> Result<EchoClient> {
        let endpoint = start(1)?;
        let peer = endpoint.dial(addr).await?;
        Ok(EchoClient { endpoint, peer })
    }

    pub(crate) async fn request(&self, frame: Bytes) -> Result<()> {
        let call = self.endpoint.call(self.peer, Kind::Echo, frame, TTL);
        call.await?;
        Ok(())
    }
}

pub(crate) fn frame(payload: Vec<u8>) -> Result<Bytes> {
    Ok(wire::encode_plain(Kind::Echo, &Bytes::from(payload))?)
}

fn start(number: u8) -> Result<Endpoint> {
    let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let clock = Arc::new(SystemWallClock);
    let settings = Settings::default();
    let identity = identity(number)?;
    let endpoint = Endpoint::start(identity, sockets, settings, Arc::new(Echo), clock)?;
    tokio::spawn(endpoint.serve());
    Ok(endpoint)
}

fn identity(number: u8) -> Result<Identity> {
    let now = SystemWallClock.unix();
    let mut rng = StdRng::seed_from_u64(1);
    // Both processes make the same authority, which only a measurement may do.
    let midnight = Duration::from_secs(now.as_secs() / 86_400 * 86_400);
    let authority = Authority::create(ClusterId([1; 8]), &mut rng, midnight)?;
    let seed = KeySeed::from_bytes([number; 32]);
    let grant = CertificateGrant {
        node: NodeId([number; 16]),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        name: format!("box-{number}"),
        validity: NODE_LIFE,
    };
    let serial = Serial::from_bytes([number; 16]);
    let chain = authority.issue(&request(&seed), &grant, serial, now)?;
    Ok(Identity::new(seed, chain)?)
}

const TTL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_how_much_it_wants_back() {
        assert_eq!(answer(&payload(60_000, true)).len(), 60_000);
        assert_eq!(answer(&payload(60_000, false)).len(), SHORT);
        assert_eq!(answer(&payload(10, false)).len(), 10);
        assert!(answer(&[]).is_empty());
    }

    #[tokio::test]
    async fn two_ends_talk_over_the_real_transport() {
        let server = start(2).unwrap();
        let client = EchoClient::dial(server.local_addr().unwrap())
            .await
            .unwrap();
        for whole in [true, false] {
            let asked = client.request(frame(payload(60_000, whole)).unwrap()).await;
            assert!(asked.is_ok(), "{asked:?}");
        }
        client.endpoint.close().await;
        server.close().await;
    }
}
