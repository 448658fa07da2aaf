//! `init`: a new cluster, with this node as its first voter. Touches no network.

use crate::home::{Home, HomeError, NodeRecord};
use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use rand::CryptoRng;
use std::net::SocketAddr;
use std::time::Duration;
use transport::{
    Authority, AuthorityError, CertificateGrant, Identity, IdentityError, KeySeed, NODE_LIFE,
    Serial, check_name, request,
};

/// What `init` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOptions {
    pub cluster_name: String,
    pub node_name: String,
    pub listen: SocketAddr,
    /// Where others dial this node.
    pub address: SocketAddr,
}

/// Why no cluster was made. Nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Makes the authority, this node's certificate and its record, and saves them. The record comes
/// last: a home without one is empty, so an interrupted `init` can be repeated.
pub fn found<H: Home>(
    home: &H,
    options: &FoundOptions,
    rng: &mut dyn CryptoRng,
    unix: Duration,
) -> Result<NodeRecord, FoundError> {
    check_name(&options.cluster_name)?;
    check_name(&options.node_name)?;
    must_be_empty(home)?;
    let cluster = ClusterId(random(rng));
    let node = NodeId(random(rng));
    let authority = Authority::create(cluster, rng, unix)?;
    let key = KeySeed::generate(rng);
    let grant = CertificateGrant {
        node,
        roles: founder_roles(),
        name: options.node_name.clone(),
        validity: NODE_LIFE,
    };
    let chain = authority.issue(&request(&key), &grant, Serial::generate(rng), unix)?;
    let identity = Identity::new(key, chain)?;
    let record = NodeRecord {
        v: 1,
        cluster,
        cluster_name: options.cluster_name.clone(),
        node,
        name: options.node_name.clone(),
        listen: options.listen,
        address: options.address,
        boot: 0,
        founder: true,
        peers: Vec::new(),
    };
    home.save_authority(&authority)?;
    home.save_identity(&identity)?;
    home.save_record(&record)?;
    Ok(record)
}

pub(crate) fn must_be_empty<H: Home>(home: &H) -> Result<(), HomeError> {
    match home.load_record() {
        Ok(record) => Err(HomeError::Taken {
            at: home.name(),
            record: Box::new(record),
        }),
        Err(HomeError::Empty { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn random<const N: usize>(rng: &mut dyn CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn founder_roles() -> PeerRoles {
    PeerRoles::of(&[PeerRole::Voter, PeerRole::Worker])
}
