//! `join`: this machine enters a cluster that it has a token for. The cluster proves itself first;
//! the token's secret and this node's key never leave the machine.

use crate::found::random;
use crate::home::{Home, HomeError, NodeRecord, PendingJoin};
use crate::messages::{JoinReply, JoinRequest};
use base::NodeId;
use bytes::Bytes;
use rand::CryptoRng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use transport::{
    AuthorityError, CertificateDer, Identity, IdentityError, JoinAsk, JoinError, KeySeed, Sockets,
    Token, WallClock, check_name, join_call, request,
};
use wire::Kind;

/// What `join` is told besides the token.
#[derive(Clone, Debug, PartialEq)]
pub struct EnterOptions {
    pub name: String,
    pub pool: Option<String>,
    pub listen: SocketAddr,
    /// Where others dial this node; without it, where the cluster sees it, with `listen`'s port.
    pub address: Option<SocketAddr>,
    /// Of the link that the cluster is asked over.
    pub transport: transport::Settings,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    Joined {
        record: Box<NodeRecord>,
        /// How far the cluster's calendar is ahead of ours, in milliseconds, off by half of the
        /// round trip at most.
        clock_ahead_ms: i64,
        certified_for: Duration,
        /// The path to the seed that answered.
        path: SeedPath,
    },
    /// This home is of that cluster's node already; nothing was asked.
    Already { record: Box<NodeRecord> },
}

/// How the cluster was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedPath {
    pub seed: SocketAddr,
    /// As QUIC estimates it.
    pub rtt: Duration,
}

/// Why this machine did not get in. What is kept is the key of the attempt, so that asking again
/// with the same token is the same attempt.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Name(#[from] AuthorityError),
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The reply's certificate does not fit this node's key or the token's root.
    #[error("the cluster's reply is not sound: {0}")]
    Reply(#[from] IdentityError),
    /// The reply is for another node.
    #[error("the cluster's reply is for {0}, not for this node")]
    OtherNode(NodeId),
}

/// The machine's side of a join, over a socket of its own.
pub async fn enter<H: Home>(
    home: &H,
    token: &Token,
    options: &EnterOptions,
    (sockets, wall): (Sockets, Arc<dyn WallClock>),
    rng: &mut (dyn CryptoRng + Send),
) -> Result<Entered, EnterError> {
    check_name(&options.name)?;
    match home.load_record() {
        Ok(record) if record.cluster == token.cluster => {
            return Ok(Entered::Already {
                record: Box::new(record),
            });
        }
        Ok(record) => {
            return Err(EnterError::Home(HomeError::Taken {
                at: home.name(),
                record: Box::new(record),
            }));
        }
        Err(HomeError::Empty { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let pending = pending(home, rng)?;
    let key = KeySeed::from_bytes(pending.key);
    let (reply, path, clock_ahead_ms) =
        ask(token, options, &pending, (sockets, wall.clone())).await?;
    let chain = reply
        .chain
        .iter()
        .map(|der| CertificateDer::from(der.to_vec()));
    let identity = Identity::adopt(key, chain.collect(), token.root)?;
    if identity.node() != pending.node {
        return Err(EnterError::OtherNode(identity.node()));
    }
    let not_after = identity.certificate().not_after;
    let certified_for = not_after.saturating_sub(wall.unix());
    let record = record(&reply, &identity, options);
    home.save_identity(&identity)?;
    home.save_record(&record)?;
    home.save_pending(None)?;
    Ok(Entered::Joined {
        record: Box::new(record),
        clock_ahead_ms,
        certified_for,
        path,
    })
}

fn record(reply: &JoinReply, identity: &Identity, options: &EnterOptions) -> NodeRecord {
    NodeRecord {
        v: 1,
        cluster: reply.cluster,
        cluster_name: reply.cluster_name.clone(),
        node: identity.node(),
        name: options.name.clone(),
        listen: options.listen,
        address: reply.address,
        boot: 0,
        founder: false,
        peers: reply
            .peers
            .iter()
            .map(|peer| (peer.node, peer.address))
            .collect(),
    }
}

fn pending<H: Home>(home: &H, rng: &mut (dyn CryptoRng + Send)) -> Result<PendingJoin, HomeError> {
    if let Some(pending) = home.load_pending()? {
        return Ok(pending);
    }
    let pending = PendingJoin {
        node: NodeId(random(rng)),
        key: random(rng),
    };
    home.save_pending(Some(&pending))?;
    Ok(pending)
}

async fn ask(
    token: &Token,
    options: &EnterOptions,
    pending: &PendingJoin,
    (sockets, wall): (Sockets, Arc<dyn WallClock>),
) -> Result<(JoinReply, SeedPath, i64), EnterError> {
    let csr = Bytes::from(request(&KeySeed::from_bytes(pending.key)));
    let body = JoinRequest {
        token: token.id,
        csr,
        node: pending.node,
        name: options.name.clone(),
        pool: options.pool.clone(),
        address: options.address.unwrap_or(options.listen).to_string(),
        version: options.transport.speaks,
        signature: Bytes::new(),
    };
    let frame = |exporter: &[u8; 32]| {
        let signature = token.sign(&body.csr, exporter, &body.claim());
        let signed = JoinRequest {
            signature: Bytes::from(signature),
            ..body.clone()
        };
        // A body of this size always fits; an empty frame would be refused as garbled.
        wire::encode(Kind::Join, &signed).unwrap_or_default()
    };
    let asking = JoinAsk {
        frame: &frame,
        ttl: JOIN_TIME,
        settings: &options.transport,
        wall,
    };
    let reply = join_call(token, sockets, asking).await?;
    let body: JoinReply = reply
        .frame
        .body()
        .map_err(|error| JoinError::Reply(error.to_string()))?;
    let path = SeedPath {
        seed: reply.seed,
        rtt: reply.rtt,
    };
    let ahead = ahead_ms(body.unix, (reply.heard, reply.rtt));
    Ok((body, path, ahead))
}

/// The seed stamps its reply when its work, a commit, is done. So what lies between the stamp and
/// the moment that the reply was heard is half of a round trip, and the clocks' difference.
fn ahead_ms(stamp: Duration, (heard, rtt): (Duration, Duration)) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    // The stamp is a stranger's number: it may be any.
    millis(stamp.saturating_add(rtt / 2)).saturating_sub(millis(heard))
}

/// For all seeds together, an election in between included.
const JOIN_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_at_the_moment_of_the_stamp() {
        let ms = Duration::from_millis;
        for (stamp, heard, rtt, ahead) in [
            (9_000, 9_000, 0, 0),
            // The reply was under way for half of the round trip.
            (9_000, 9_050, 100, 0),
            (9_000, 5_550, 100, 3_500),
            (9_000, 12_550, 100, -3_500),
        ] {
            let found = ahead_ms(ms(stamp), (ms(heard), ms(rtt)));
            assert_eq!(found, ahead, "{stamp} heard at {heard}, within {rtt}");
        }
        let far = ahead_ms(Duration::MAX, (ms(9_000), ms(1)));
        assert_eq!(far, i64::MAX - 9_000, "any stamp is borne");
    }
}
