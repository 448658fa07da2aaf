//! A stranger's way in: knock at the token's seeds, believe only the token's cluster, ask.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use crate::endpoint::{exporter, open};
use crate::streams::{self, Close, StreamFault};
use crate::verify::{Trust, Verifier, server_name};
use crate::{
    CertificateRefusal, DialError, JoinError, KeySeed, Refusal, Revocations, Settings, Sockets,
    Token, WallClock, tls,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quinn::Connection;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use wire::{Frame, HEAD_BYTES, Kind};

/// What to ask once the cluster has proved itself.
pub struct JoinAsk<'a> {
    /// Makes the frame of kind Join; it is given the TLS exporter that the token's key must sign.
    pub frame: &'a (dyn Fn(&[u8; 32]) -> Bytes + Send + Sync),
    /// For the whole attempt.
    pub ttl: Duration,
    pub settings: &'a Settings,
    pub wall: Arc<dyn WallClock>,
}

/// What a seed of the token's cluster replied, and over which path.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinReply {
    /// As it came.
    pub frame: Frame,
    pub seed: SocketAddr,
    /// The path's round trip as QUIC estimates it.
    pub rtt: Duration,
    /// Our calendar when the reply had come: before the goodbye, which takes some round trips.
    pub heard: Duration,
}

/// Asks the token's cluster to let this machine in. A
/// seed that is not of the token's cluster learns nothing but our address.
pub async fn join_call(
    token: &Token,
    sockets: Sockets,
    ask: JoinAsk<'_>,
) -> Result<JoinReply, JoinError> {
    let deadline = Instant::now() + ask.ttl;
    let (revoked, quinn, config) = prepare(token, sockets, (ask.settings, &ask.wall))?;
    let joining = knock_everywhere(token, &quinn, &config, (&ask, deadline));
    let outcome = match timeout_at(deadline, joining).await {
        Ok(outcome) => outcome,
        Err(_) => Err(JoinError::Deadline),
    };
    drop(revoked);
    farewell(&quinn).await;
    outcome
}

pub(crate) type Prepared = (
    watch::Sender<Arc<Revocations>>,
    quinn::Endpoint,
    quinn::ClientConfig,
);

/// A stranger's end, which believes only the token's cluster.
pub(crate) fn prepare(
    token: &Token,
    sockets: Sockets,
    (settings, wall): (&Settings, &Arc<dyn WallClock>),
) -> Result<Prepared, JoinError> {
    let socket = |error: &dyn ToString| JoinError::Socket(error.to_string());
    // A joiner knows of no revocation; the cluster that it asks does.
    let revoked = watch::Sender::new(Arc::new(Revocations::default()));
    let verifier = Arc::new(Verifier {
        cluster: Some(token.cluster),
        trust: Trust::Pin(token.root),
        wall: wall.clone(),
        revoked: revoked.subscribe(),
        provider: tls::provider(),
    });
    let config = tls::client(None, verifier, wall.clone(), settings);
    let config = config.map_err(|error| socket(&error))?;
    let sockets = sockets.bounded(settings.mtu_ceiling);
    // This endpoint lives for one request, so nobody will look for it after a restart.
    let passing = KeySeed::generate(&mut rand::rng());
    let quinn = quinn::Endpoint::new_with_abstract_socket(
        tls::endpoint(&passing, settings).map_err(|error| socket(&error))?,
        None,
        sockets.socket,
        sockets.runtime,
    );
    Ok((revoked, quinn.map_err(|error| socket(&error))?, config))
}

/// Tells whoever was asked that it was all.
pub(crate) async fn farewell(quinn: &quinn::Endpoint) {
    quinn.close((Close::Done as u32).into(), b"");
    timeout(GOODBYE, quinn.wait_idle()).await.ok();
}

async fn knock_everywhere(
    token: &Token,
    quinn: &quinn::Endpoint,
    config: &quinn::ClientConfig,
    (ask, deadline): (&JoinAsk<'_>, Instant),
) -> Result<JoinReply, JoinError> {
    let mut attempts = FuturesUnordered::new();
    for (turn, seed) in (0_u32..).zip(&token.seeds) {
        attempts.push(async move {
            sleep(STAGGER * turn).await;
            let addr = look_up(seed).await?;
            let connection = dial(quinn, config.clone(), ask.settings, addr).await?;
            let frame = (ask.frame)(&exporter(&connection));
            let frame = wire::restamp(frame, ask.settings.speaks);
            let frame = ask_at(&connection, (Kind::Join, frame), deadline).await;
            let (heard, rtt) = (ask.wall.unix(), connection.rtt());
            Close::Done.apply(&connection);
            frame.map(|frame| JoinReply {
                frame,
                seed: addr,
                rtt,
                heard,
            })
        });
    }
    let mut worst: Option<JoinError> = None;
    while let Some(outcome) = attempts.next().await {
        match outcome {
            Ok(reply) => return Ok(reply),
            // A no is a no; only a seed that cannot decide sends us on.
            Err(JoinError::Refused(refusal)) if is_final(&refusal) => {
                return Err(JoinError::Refused(refusal));
            }
            Err(error) => {
                let more_telling = worst
                    .as_ref()
                    .is_none_or(|worst| weight(&error) > weight(worst));
                if more_telling {
                    worst = Some(error);
                }
            }
        }
    }
    Err(worst.unwrap_or(JoinError::NoAnswer {
        seeds: 0,
        last: DialError::NoAddress,
    }))
    .map_err(|error| match error {
        JoinError::NoAnswer { last, .. } => JoinError::NoAnswer {
            seeds: token.seeds.len(),
            last,
        },
        other => other,
    })
}

/// A connection to a seed that proved to be of the token's cluster.
pub(crate) async fn dial(
    quinn: &quinn::Endpoint,
    config: quinn::ClientConfig,
    settings: &Settings,
    addr: SocketAddr,
) -> Result<Connection, JoinError> {
    let name = server_name(None);
    let dialling = open(quinn, (config, settings.speaks), addr, &name);
    match timeout(settings.handshake, dialling).await {
        Ok(connection) => connection.map_err(|why| undialled(why, addr)),
        Err(_) => Err(undialled(DialError::Silent(addr), addr)),
    }
}

/// One request of a kind that strangers may send, and its reply.
pub(crate) async fn ask_at(
    connection: &Connection,
    (kind, frame): (Kind, Bytes),
    deadline: Instant,
) -> Result<Frame, JoinError> {
    let unreadable = |error: &dyn ToString| JoinError::Reply(error.to_string());
    let streams = connection.open_bi().await;
    let (mut question, mut answer) = streams.map_err(|error| unreadable(&error))?;
    let left = deadline.saturating_duration_since(Instant::now());
    // A seed that refuses stops reading; its refusal is read below.
    streams::write_request(&mut question, left, 0, frame)
        .await
        .ok();
    let max = kind.max_bytes() + HEAD_BYTES;
    match streams::read_reply(&mut answer, max).await {
        Ok(Ok(frame)) => wire::open_bytes(&frame).map_err(|error| unreadable(&error)),
        Ok(Err(refusal)) => Err(JoinError::Refused(refusal)),
        Err(StreamFault::Lost(error)) => Err(unreadable(&error)),
        Err(StreamFault::Garbled(error)) => Err(unreadable(&error)),
        Err(StreamFault::Cut | StreamFault::Excess) => Err(unreadable(&"it is cut off")),
    }
}

fn undialled(why: DialError, addr: SocketAddr) -> JoinError {
    match why {
        DialError::OtherCluster(_)
        | DialError::TheirCertificate(CertificateRefusal::OtherCluster) => {
            JoinError::OtherCluster(addr)
        }
        last => JoinError::NoAnswer { seeds: 1, last },
    }
}

fn is_final(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Unauthorised(_)
        | Refusal::TooLarge { .. }
        | Refusal::Version { .. }
        | Refusal::Unsupported
        | Refusal::Failed { .. } => true,
        Refusal::NotLeader { .. } | Refusal::Overloaded { .. } | Refusal::Deadline => false,
    }
}

/// Which of several seeds' failures tells most.
fn weight(error: &JoinError) -> u8 {
    match error {
        JoinError::NoAnswer {
            last: DialError::Silent(_),
            ..
        } => 0,
        JoinError::Seed(_) => 1,
        JoinError::NoAnswer { .. } => 2,
        JoinError::Deadline | JoinError::Reply(_) | JoinError::Socket(_) => 3,
        JoinError::OtherCluster(_) => 4,
        JoinError::Refused(_) => 5,
    }
}

/// An address as it stands; a name through the machine's resolver.
async fn look_up(seed: &str) -> Result<SocketAddr, JoinError> {
    if let Ok(addr) = seed.parse() {
        return Ok(addr);
    }
    let failed = |why: String| JoinError::Seed(format!("{seed}: {why}"));
    let mut found = tokio::net::lookup_host(seed)
        .await
        .map_err(|error| failed(error.to_string()))?;
    found.next().ok_or_else(|| failed("no address".to_owned()))
}

/// Between the first packets to the seeds.
const STAGGER: Duration = Duration::from_millis(150);
/// For the last packet to leave.
const GOODBYE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
