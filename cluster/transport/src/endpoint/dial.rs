//! Connections to outside: one task for each wanted peer dials whenever there is no link.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use super::Inner;
use super::accept::{WELCOME, certificate};
use super::table::{Peer, View};
use crate::link::Link;
use crate::streams::{Close, down_reason, refusal_in};
use crate::verify::server_name;
use crate::{CertificateRefusal, DialError, DownReason, backoff};
use base::NodeId;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use quinn::{Connection, ConnectionError};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Runs until it is aborted.
pub(crate) async fn keep_linked(inner: Arc<Inner>, peer: Arc<Peer>) {
    let mut dice = StdRng::from_os_rng();
    let mut failures = 0;
    let mut last_dial: Option<Instant> = None;
    if inner.me > peer.node {
        wait_for_link(&peer, inner.settings.courtesy).await;
    }
    loop {
        inner.until_dial_is_wanted(&peer, last_dial).await;
        if let Some(last_dial) = last_dial {
            // A link that did not live long counts as a failure, or two nodes that refuse each
            // other would dial without pause.
            if last_dial.elapsed() > inner.settings.idle {
                failures = 0;
            }
            let (first, most) = (inner.settings.redial_first, inner.settings.redial_most);
            let pause = backoff::pause(failures, first, most, dice.next_u64());
            // Ends early when new addresses came.
            timeout(pause, peer.redial.notified()).await.ok();
            if inner.is_linked_freshly(&peer) {
                continue;
            }
        }
        let addrs = inner.table().addrs(peer.node);
        failures += 1;
        let outcome = inner.dial_any(&addrs, peer.node).await;
        last_dial = Some(Instant::now());
        if let Err(why) = outcome {
            tracing::debug!(peer = %peer.node.short(), %why, failures, "no link");
            inner.table().dial_failed(peer.node, why);
        }
    }
}

async fn wait_for_link(peer: &Peer, most: Duration) {
    let mut view = peer.view.subscribe();
    let linked = view.wait_for(|view| matches!(view, View::Up(_)));
    timeout(most, linked).await.ok();
}

impl Inner {
    async fn until_dial_is_wanted(&self, peer: &Peer, last_dial: Option<Instant>) {
        let mut view = peer.view.subscribe();
        loop {
            let wait = match &*view.borrow_and_update() {
                View::Up(link) => match link.stale_at.checked_sub(self.wall.unix()) {
                    Some(fresh_for) if !fresh_for.is_zero() => fresh_for,
                    // Replace it, but not again and again where the other side is late to renew.
                    Some(_) | None => {
                        let since = last_dial.map_or(STALE_REDIAL, |dial| dial.elapsed());
                        STALE_REDIAL.saturating_sub(since)
                    }
                },
                View::Absent | View::Dialling | View::Failed(_) => return,
            };
            if wait.is_zero() {
                return;
            }
            // The wall clock may jump, so it is looked at now and then.
            match timeout(wait.min(STALE_REDIAL), view.changed()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(_)) => return,
            }
        }
    }

    fn is_linked_freshly(&self, peer: &Peer) -> bool {
        match &*peer.view.borrow() {
            View::Up(link) => self.wall.unix() < link.stale_at,
            View::Absent | View::Dialling | View::Failed(_) => false,
        }
    }

    /// Tries each address, the later ones a little later, and takes the first that answers.
    async fn dial_any(
        self: &Arc<Inner>,
        addrs: &[SocketAddr],
        node: NodeId,
    ) -> Result<Arc<Link>, DialError> {
        let mut attempts = FuturesUnordered::new();
        for (turn, addr) in (0_u32..).zip(addrs) {
            attempts.push(async move {
                sleep(STAGGER * turn).await;
                self.dial_one(*addr, Some(node)).await
            });
        }
        let mut worst = DialError::NoAddress;
        while let Some(outcome) = attempts.next().await {
            match outcome {
                Ok(link) => return Ok(link),
                // Whoever answered tells more than silence does.
                Err(DialError::Silent(_)) if worst != DialError::NoAddress => {}
                Err(why) => worst = why,
            }
        }
        Err(worst)
    }

    pub(crate) async fn dial_one(
        self: &Arc<Inner>,
        addr: SocketAddr,
        expected: Option<NodeId>,
    ) -> Result<Arc<Link>, DialError> {
        self.counters.dials.add();
        let dialling = async {
            let armed = self.armed.borrow().clone();
            let name = server_name(expected);
            let with = (armed.client.clone(), self.settings.speaks);
            let connection = open(&self.quinn, with, addr, &name).await?;
            let certificate = match certificate(&connection) {
                Ok(Some(certificate)) => certificate,
                Ok(None) | Err(_) => {
                    // The verifier saw one, so this is not met.
                    let why = CertificateRefusal::Garbled;
                    return Err(DialError::TheirCertificate(why));
                }
            };
            self.enter(&connection, certificate, (true, armed.stale_at))
        };
        let outcome = match timeout(self.settings.handshake, dialling).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DialError::Silent(addr)),
        };
        if outcome.is_err() {
            self.counters.dials_failed.add();
        }
        outcome
    }
}

/// A connection whose both ends believe each other, and speak versions that go together.
pub(crate) async fn open(
    quinn: &quinn::Endpoint,
    (config, speaks): (quinn::ClientConfig, u16),
    addr: SocketAddr,
    name: &str,
) -> Result<Connection, DialError> {
    let connecting = quinn.connect_with(config, addr, name);
    let connecting = connecting.map_err(|error| match error {
        quinn::ConnectError::EndpointStopping => DialError::Closed,
        _ => DialError::Broken(DownReason::Protocol(error.to_string())),
    })?;
    let connection = connecting.await.map_err(|error| dial_error(&error, addr))?;
    let broken = |error: ConnectionError| dial_error(&error, addr);
    let mut stream = connection.accept_uni().await.map_err(broken)?;
    let mut words = [0; WELCOME.len() + 2];
    if let Err(error) = stream.read_exact(&mut words).await {
        let why = connection.close_reason().map(broken);
        let cut = DialError::Broken(DownReason::Protocol(error.to_string()));
        return Err(why.unwrap_or(cut));
    }
    let [words @ .., low, high] = words;
    let theirs = u16::from_le_bytes([low, high]);
    if words != WELCOME {
        Close::Done.apply(&connection);
        let why = "not a welcome".to_owned();
        return Err(DialError::Broken(DownReason::Protocol(why)));
    }
    if !wire::works_with(speaks, theirs) {
        Close::Done.apply(&connection);
        return Err(DialError::Version { theirs });
    }
    Ok(connection)
}

fn dial_error(error: &ConnectionError, addr: SocketAddr) -> DialError {
    if let ConnectionError::TransportError(ours) = error {
        return match refusal_in(u64::from(ours.code)) {
            Some(CertificateRefusal::OtherCluster) => DialError::OtherCluster(addr),
            Some(why) => DialError::TheirCertificate(why),
            None => DialError::Broken(down_reason(error)),
        };
    }
    if let ConnectionError::ApplicationClosed(close) = error
        && u64::from(close.error_code) == Close::Own as u64
    {
        return DialError::Own(addr);
    }
    match down_reason(error) {
        DownReason::Silent => DialError::Silent(addr),
        DownReason::Full => DialError::Full,
        DownReason::Revoked => DialError::OurCertificate(CertificateRefusal::Revoked),
        DownReason::Expired => DialError::OurCertificate(CertificateRefusal::Expired),
        DownReason::Refused(why) => DialError::OurCertificate(why),
        other => DialError::Broken(other),
    }
}

/// Between the first packets to a peer's several addresses.
const STAGGER: Duration = Duration::from_millis(150);
/// Between dials that only replace a link whose certificates are old.
const STALE_REDIAL: Duration = Duration::from_secs(60);
