//! Lets machines in and renews certificates. Only voters do it: they hold the issuer, and only they
//! are trusted to say what a joiner signed.

use crate::core::Core;
use crate::event::NodeEvent;
use crate::front::failed;
use crate::messages::{FailCode, JoinReply, JoinRequest, PeerAddress};
use base::{NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use raft::ProposeError;
use raft::ledger::{Command, MemberRecord, NewMember, Outcome, Rejection, TokenState};
use std::net::SocketAddr;
use std::sync::Arc;
use transport::{
    Authority, AuthorityError, Caller, CertificateGrant, NODE_LIFE, Refusal, Serial, TokenId,
    TokenRecord,
};

/// Checks the token's signature, burns one use by a committed command, and only then signs.
pub(crate) async fn admit(
    core: &Core,
    from: &Caller,
    request: JoinRequest,
) -> Result<JoinReply, Refusal> {
    let authority = issuer(core)?;
    let ours = core.endpoint.speaks();
    if !wire::works_with(ours, request.version) {
        return Err(failed(
            FailCode::Version,
            format!(
                "the joiner speaks version {}, the cluster {ours}: at most one apart works",
                request.version
            ),
        ));
    }
    let token = find_token(core, request.token).await?;
    check_signature(&token, from, &request)?;
    let address = dialable(&request.address, from)?;
    let serial = Serial::generate(&mut rand::rng());
    let member = NewMember {
        node: request.node,
        name: request.name.clone(),
        roles: PeerRoles::NONE,
        pool: request.pool.clone(),
        address: address.to_string(),
        serial: *serial.bytes(),
        version: request.version,
    };
    let by = format!("token {}", request.token);
    let command = Command::Join {
        token: request.token.0,
        member,
    };
    let outcome = core.group.submit(&by, command).await.map_err(refused)?;
    let already = matches!(outcome, Outcome::Joined { already: true, .. });
    let roles = core
        .state()
        .members
        .live
        .get(&request.node)
        .map_or(token.spec.roles, |member| member.roles);
    let chain = sign(
        core,
        &authority,
        (request.node, &request.name, roles),
        (&request.csr, serial),
    )?;
    core.tell_now(NodeEvent::Admitted {
        node: request.node,
        name: request.name,
    });
    Ok(JoinReply {
        cluster: core.cluster,
        cluster_name: core.cluster_name.clone(),
        chain,
        roles,
        address,
        peers: peers(core, request.node),
        already,
        unix: core.wall.unix(),
    })
}

/// A new certificate for a member's key, with the roles that the ledger gives it now.
pub(crate) async fn renew(core: &Core, node: NodeId, csr: &[u8]) -> Result<Vec<Bytes>, Refusal> {
    let authority = issuer(core)?;
    settle(core).await?;
    let state = core.state();
    let Some(member) = state.members.live.get(&node) else {
        return Err(failed(
            FailCode::Refused,
            "this node is no member of the cluster",
        ));
    };
    let (chain, serial) = certify(core, &authority, (node, member), csr)?;
    record(core, (node, &member.name), serial).await?;
    Ok(chain)
}

/// Returns when this node's state has all that was committed before.
pub(crate) async fn settle(core: &Core) -> Result<(), Refusal> {
    match core.group.read_barrier().await {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(FailCode::NoQuorum, error)),
    }
}

/// A certificate of today for a member, with the roles that the ledger gives it.
pub(crate) fn certify(
    core: &Core,
    authority: &Authority,
    (node, member): (NodeId, &MemberRecord),
    csr: &[u8],
) -> Result<(Vec<Bytes>, Serial), Refusal> {
    let serial = Serial::generate(&mut rand::rng());
    let whose = (node, member.name.as_str(), member.roles);
    let chain = sign(core, authority, whose, (csr, serial))?;
    Ok((chain, serial))
}

/// Writes into the ledger which certificate a member has.
pub(crate) async fn record(
    core: &Core,
    (node, name): (NodeId, &str),
    serial: Serial,
) -> Result<(), Refusal> {
    let command = Command::UpdateMember {
        node,
        address: None,
        serial: Some(*serial.bytes()),
        version: None,
    };
    let by = format!("renewal of {name}");
    let submitted = core.group.submit(&by, command).await;
    submitted.map(drop).map_err(refused)
}

fn sign(
    core: &Core,
    authority: &Authority,
    (node, name, roles): (NodeId, &str, PeerRoles),
    (csr, serial): (&[u8], Serial),
) -> Result<Vec<Bytes>, Refusal> {
    let grant = CertificateGrant {
        node,
        roles,
        name: name.to_owned(),
        validity: NODE_LIFE,
    };
    let chain = authority
        .issue(csr, &grant, serial, core.wall.unix())
        .map_err(|error| failed(FailCode::Refused, error))?;
    Ok(chain
        .iter()
        .map(|der| Bytes::copy_from_slice(der))
        .collect())
}

pub(crate) fn issuer(core: &Core) -> Result<Arc<Authority>, Refusal> {
    let hint = core
        .group
        .view()
        .leader
        .filter(|leader| *leader != core.node);
    let held = core.authority.borrow().clone();
    let held = held.ok_or(Refusal::NotLeader { hint })?;
    if held.issuer_renewal(core.wall.unix()).is_void() {
        return Err(failed(FailCode::NoIssuer, AuthorityError::IssuerEnded));
    }
    Ok(held)
}

/// The token as the cluster knows it; one that this node has not heard of may be new.
async fn find_token(core: &Core, id: TokenId) -> Result<TokenState, Refusal> {
    if let Some(token) = core.state().tokens.0.get(&id.0) {
        return Ok(token.clone());
    }
    settle(core).await?;
    core.state()
        .tokens
        .0
        .get(&id.0)
        .cloned()
        .ok_or_else(|| failed(FailCode::Token, Rejection::UnknownToken { id: id.0 }))
}

fn check_signature(
    token: &TokenState,
    from: &Caller,
    request: &JoinRequest,
) -> Result<(), Refusal> {
    let record = TokenRecord {
        id: request.token,
        key: token.spec.public,
        says: token.spec.says,
    };
    let signed = record.verify(
        &request.csr,
        &from.exporter,
        &request.claim(),
        &request.signature,
    );
    if signed {
        return Ok(());
    }
    Err(failed(
        FailCode::Signature,
        "the token's signature does not fit this request",
    ))
}

/// Where others can dial the joiner: an unspecified host is the one that it came from.
fn dialable(said: &str, from: &Caller) -> Result<SocketAddr, Refusal> {
    let mut address: SocketAddr = said.parse().map_err(|_| {
        failed(
            FailCode::Refused,
            format!("`{said}` is no address such as 10.0.0.5:7411"),
        )
    })?;
    if address.ip().is_unspecified() {
        address.set_ip(from.addr.ip().to_canonical());
    }
    Ok(address)
}

fn peers(core: &Core, joiner: NodeId) -> Vec<PeerAddress> {
    let state = core.state();
    let live = state
        .members
        .live
        .iter()
        .filter(|(node, _)| **node != joiner);
    let mut peers: Vec<(bool, PeerAddress)> = live
        .filter_map(|(node, member)| {
            let address = member.address.parse().ok()?;
            let peer = PeerAddress {
                node: *node,
                name: member.name.clone(),
                address,
            };
            Some((!member.roles.has(PeerRole::Voter), peer))
        })
        .collect();
    peers.sort_by_key(|(not_voter, peer)| (*not_voter, peer.node));
    peers
        .into_iter()
        .map(|(_, peer)| peer)
        .take(PEERS_TOLD)
        .collect()
}

fn refused(error: ProposeError) -> Refusal {
    let code = match &error {
        ProposeError::Rejected(
            Rejection::UnknownToken { .. }
            | Rejection::TokenExpired
            | Rejection::TokenRevoked
            | Rejection::TokenUsedUp,
        ) => FailCode::Token,
        ProposeError::Rejected(Rejection::TokenBound { .. }) => FailCode::TokenBound,
        ProposeError::Rejected(Rejection::NameTaken { .. }) => FailCode::NameTaken,
        ProposeError::Rejected(Rejection::Retired { .. }) => FailCode::Retired,
        ProposeError::Rejected(Rejection::Closed) => FailCode::Closed,
        ProposeError::Rejected(Rejection::Version { .. }) => FailCode::Version,
        ProposeError::Rejected(_) | ProposeError::Forbidden | ProposeError::TooLong { .. } => {
            FailCode::Refused
        }
        ProposeError::NotLeader { .. } | ProposeError::NoQuorum | ProposeError::Overloaded => {
            FailCode::NoQuorum
        }
        ProposeError::Unknown => FailCode::Unknown,
        ProposeError::DiskFull | ProposeError::Stopped(_) => FailCode::Internal,
    };
    failed(code, error)
}

/// Peers that a joiner is told of; it learns the rest from them.
const PEERS_TOLD: usize = 16;

#[cfg(test)]
mod tests;
