//! Connections from outside: whom to answer, how many at a time, and what the newcomer is.

use super::Inner;
use super::table::Rejected;
use crate::access::{AccessFacts, standing};
use crate::admission::{Admission, Knock, admit};
use crate::certificate::end_of;
use crate::link::{Link, LinkParts, close_for};
use crate::streams::Close;
use crate::{Denial, DialError, NodeCertificate, tls};
use quinn::{Connection, Incoming};
use rustls::pki_types::CertificateDer;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Ends with the endpoint, or with its socket.
pub(crate) async fn accept(inner: Arc<Inner>) {
    let mut knocks = 0_u32;
    while let Some(incoming) = inner.quinn.accept().await {
        knock(&inner, incoming);
        knocks = knocks.wrapping_add(1);
        // The loops beside it get their turn also while many knock. Not after a few: quinn keeps
        // few that wait, and drops the rest unseen.
        if knocks.is_multiple_of(KNOCKS_IN_A_ROW) {
            tokio::task::yield_now().await;
        }
    }
}

/// Knocks that are looked at before the tasks beside this one get their turn.
const KNOCKS_IN_A_ROW: u32 = 1024;

fn knock(inner: &Arc<Inner>, incoming: Incoming) {
    let source = incoming.remote_address().ip();
    let decision = {
        let mut table = inner.table();
        let (under_way, from_source) = table.knocks(source);
        let knock = Knock {
            under_way,
            from_source,
            proved: incoming.remote_address_validated(),
        };
        let decision = admit(knock, &inner.settings);
        if decision == Admission::Accept {
            table.knock(source);
        }
        decision
    };
    match decision {
        Admission::Accept => {
            let knocking = Knocking {
                inner: inner.clone(),
                source,
            };
            inner.spawn(greet(knocking, incoming));
        }
        Admission::Prove => {
            inner.counters.knocks_to_prove.add();
            // An unproved sender can always be asked.
            if let Err(error) = incoming.retry() {
                error.into_incoming().ignore();
            }
        }
        Admission::Refuse => {
            inner.counters.knocks_dropped.add();
            incoming.refuse();
        }
        Admission::Ignore => {
            inner.counters.knocks_dropped.add();
            incoming.ignore();
        }
    }
}

/// A handshake under way; counted while it lives.
struct Knocking {
    inner: Arc<Inner>,
    source: IpAddr,
}

impl Drop for Knocking {
    fn drop(&mut self) {
        self.inner.table().knocked(self.source);
    }
}

async fn greet(knocking: Knocking, incoming: Incoming) {
    let inner = &knocking.inner;
    inner.counters.handshakes.add();
    let Some(connection) = shake_hands(inner, incoming).await else {
        inner.counters.handshakes_failed.add();
        return;
    };
    let outcome = match certificate(&connection) {
        Ok(Some(certificate)) => {
            let stale_at = inner.armed.borrow().stale_at;
            let accepted = inner.enter(&connection, certificate, (false, stale_at));
            accepted.map(|_| ())
        }
        Ok(None) => inner.host_stranger(&connection),
        Err(_) => {
            // The verifier read it before, so this is not met.
            Close::Done.apply(&connection);
            return;
        }
    };
    if outcome.is_ok() {
        welcome(&connection, inner.settings.speaks).await;
    }
}

async fn shake_hands(inner: &Inner, incoming: Incoming) -> Option<Connection> {
    let connecting = incoming.accept().ok()?;
    let outcome = timeout(inner.settings.handshake, connecting).await.ok()?;
    outcome
        .inspect_err(|error| tracing::debug!(%error, "a handshake failed"))
        .ok()
}

/// Tells the dialler that its certificate was believed here. Without it a dialler would take a link
/// for up that is about to be refused, since in TLS 1.3 the client ends its handshake first.
async fn welcome(connection: &Connection, version: u16) {
    let words = [&WELCOME[..], &version.to_le_bytes()].concat();
    let sent = async {
        let mut stream = connection.open_uni().await.ok()?;
        stream.write_all(&words).await.ok()?;
        stream.finish().ok()
    };
    if timeout(WELCOME_WAIT, sent).await.ok().flatten().is_none() {
        tracing::debug!("a peer left before it was welcomed");
    }
}

/// What the other end of a connection is; `None` is a stranger.
pub(crate) fn certificate(
    connection: &Connection,
) -> Result<Option<NodeCertificate>, crate::CertificateFault> {
    let Some(identity) = connection.peer_identity() else {
        return Ok(None);
    };
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>();
    let leaf = chain.ok().and_then(|chain| chain.first().cloned());
    let leaf = leaf.ok_or(crate::CertificateFault::Encoding)?;
    NodeCertificate::read(&leaf).map(Some)
}

/// When the issuer of the other end's certificate ends; zero where its chain names none. The
/// handshake found a path through the chain to our root: a certificate in it that is not of that
/// path may say what it likes, and costs whoever believes it one question.
fn issuer_until(connection: &Connection) -> Duration {
    let identity = connection.peer_identity();
    let chain = identity.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
    let issuer = chain.as_ref().and_then(|chain| chain.get(1));
    issuer.and_then(|der| end_of(der)).unwrap_or_default()
}

pub(crate) fn exporter(connection: &Connection) -> [u8; 32] {
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
        .expect("32 bytes can be exported from every TLS 1.3 session");
    exporter
}

impl Inner {
    /// Makes a link of a connection whose handshake is over. `dialled` and the date at which our
    /// own certificate on it becomes stale come from whoever made the connection.
    pub(crate) fn enter(
        self: &Arc<Inner>,
        connection: &Connection,
        certificate: NodeCertificate,
        (dialled, stale_at): (bool, Duration),
    ) -> Result<Arc<Link>, DialError> {
        let addr = connection.remote_address();
        if certificate.node == self.me {
            Close::Own.apply(connection);
            return Err(DialError::Own(addr));
        }
        let date = self.wall.unix();
        let exporter = exporter(connection);
        let issuer_until = issuer_until(connection);
        let (link, surplus) = {
            // Under the lock, so that a revocation either is seen here or finds the link.
            let mut table = self.table();
            if let Err(denial) = self.standing(&certificate, date) {
                drop(table);
                close_for(denial).apply(connection);
                return Err(DialError::TheirCertificate(refused(denial)));
            }
            let peer = match table.room_for(certificate.node, &self.settings) {
                Ok(peer) => peer,
                Err(rejected) => {
                    drop(table);
                    return Err(self.turn_away(connection, rejected));
                }
            };
            let link = Arc::new(Link::new(LinkParts {
                number: table.next_number(),
                connection: connection.clone(),
                certificate,
                issuer_until,
                dialled,
                me: self.me,
                exporter,
                stale_at,
                requests_in: peer.requests_in.clone(),
                requests_out: peer.requests_out.clone(),
            }));
            let surplus = table.insert(link.clone(), date);
            (link, surplus)
        };
        for old in surplus {
            old.close(Close::Replaced);
        }
        tls::trust(connection, &self.settings);
        self.counters.links_up.add();
        self.announce.notify_one();
        self.spawn(super::serve::serve_link(self.clone(), link.clone()));
        Ok(link)
    }

    pub(crate) fn standing(
        &self,
        certificate: &NodeCertificate,
        date: Duration,
    ) -> Result<(), Denial> {
        let revoked = self.revoked.borrow();
        let facts = AccessFacts {
            cluster: self.cluster,
            now: date,
            revoked: &revoked,
        };
        standing(certificate, facts)
    }

    fn turn_away(&self, connection: &Connection, rejected: Rejected) -> DialError {
        match rejected {
            Rejected::Full => {
                self.counters.turned_away.add();
                Close::Full.apply(connection);
                DialError::Full
            }
            Rejected::Closed => {
                Close::Left.apply(connection);
                DialError::Closed
            }
        }
    }

    fn host_stranger(self: &Arc<Inner>, connection: &Connection) -> Result<(), DialError> {
        if !self.table().stranger_in(&self.settings) {
            return Err(self.turn_away(connection, Rejected::Full));
        }
        self.counters.strangers.add();
        self.spawn(super::serve::serve_stranger(
            Visit(self.clone()),
            connection.clone(),
        ));
        Ok(())
    }
}

/// A stranger's stay; counted while it lives.
pub(crate) struct Visit(pub(crate) Arc<Inner>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.table().stranger_out();
    }
}

fn refused(denial: Denial) -> crate::CertificateRefusal {
    use crate::CertificateRefusal;
    match denial {
        Denial::Expired | Denial::NotYetValid => CertificateRefusal::Expired,
        Denial::Revoked => CertificateRefusal::Revoked,
        Denial::OtherCluster => CertificateRefusal::OtherCluster,
        Denial::NoCertificate | Denial::Role => CertificateRefusal::Garbled,
    }
}

pub(crate) const WELCOME: [u8; 4] = *b"rlmw";
/// A peer that grants no stream for so long is none of ours.
const WELCOME_WAIT: Duration = Duration::from_secs(3);
const EXPORTER_LABEL: &[u8] = b"EXPORTER-rlm1-join";
