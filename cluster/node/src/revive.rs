//! The way back for a member whose certificate has ended: its machine was off for longer than a
//! certificate lives, and without one nobody links with it.
//!
//! A voter that holds the issuer issues to itself, from the ledger as it last applied it and
//! without a quorum, or voters that were off together would wait for each other for ever. It gains
//! nothing by that: with the issuer's key it could sign what it likes at any time, and whom the
//! ledger revoked the others refuse by its id, whatever its certificate says. Everybody else proves
//! to a voter that it has the ended certificate's key, over a connection without a certificate.
//! That makes a member's key worth as much as its membership: a machine that is given away must be
//! removed from the cluster.

use crate::admit;
use crate::core::Core;
use crate::front::failed;
use crate::messages::{FailCode, RenewReply, ReviveRequest};
use base::{NodeId, PeerRole};
use bytes::Bytes;
use raft::ledger::{MemberRecord, State};
use std::net::SocketAddr;
use std::time::Duration;
use transport::{
    AuthorityError, CLOCK_LEEWAY, CallError, Caller, Identity, NodeCertificate, PastCertificate,
    Refusal, RevivalProof,
};
use wire::Kind;

/// Why the holder of an ended certificate gets no other one. The ledger's word; asking again helps
/// only where a voter's ledger was behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoReturn {
    #[error("this node was removed from the cluster: join as a new one, in an empty folder")]
    Retired,
    #[error("this node, or its certificate, was revoked: join as a new one, in an empty folder")]
    Revoked,
    #[error("this node is no member of the cluster: join with a token, in an empty folder")]
    Unknown,
    /// Whoever has an ended issuer's key could have made the certificate since.
    #[error(
        "the issuer of its certificate has ended, and the cluster gave it another certificate \
         last: join as a new one, in an empty folder"
    )]
    OldIssuer,
    /// Only for what a node gives itself.
    #[error("the voter's role was taken from this node, so it asks another voter")]
    NoVoter,
}

/// Whether the ledger lets the holder of this certificate have its next one, at the date `now`.
pub(crate) fn may_return<'a>(
    state: &'a State,
    past: &PastCertificate,
    now: Duration,
) -> Result<&'a MemberRecord, NoReturn> {
    let member = member(state, &past.certificate)?;
    let issuer_ended = now > past.issuer_until + CLOCK_LEEWAY;
    if issuer_ended && member.serial != *past.certificate.serial.bytes() {
        return Err(NoReturn::OldIssuer);
    }
    Ok(member)
}

/// Whether the ledger lets a node that holds the issuer give a certificate to itself.
pub(crate) fn may_serve_itself<'a>(
    state: &'a State,
    own: &NodeCertificate,
) -> Result<&'a MemberRecord, NoReturn> {
    let member = member(state, own)?;
    if !member.roles.has(PeerRole::Voter) {
        return Err(NoReturn::NoVoter);
    }
    Ok(member)
}

fn member<'a>(
    state: &'a State,
    certificate: &NodeCertificate,
) -> Result<&'a MemberRecord, NoReturn> {
    let (node, serial) = (certificate.node, *certificate.serial.bytes());
    if state.members.retired.contains_key(&node) {
        return Err(NoReturn::Retired);
    }
    if state.revoked.revoked_node(node) || state.revoked.revoked_serial(serial) {
        return Err(NoReturn::Revoked);
    }
    state.members.live.get(&node).ok_or(NoReturn::Unknown)
}

/// A voter's answer to a proof: checked as a join's signature is, then issued as a renewal is.
pub(crate) async fn revive(
    core: &Core,
    from: &Caller,
    request: &ReviveRequest,
) -> Result<Vec<Bytes>, Refusal> {
    let proof = RevivalProof {
        chain: &request.chain,
        csr: &request.csr,
        signature: &request.signature,
    };
    let past = core
        .identity
        .borrow()
        .check_revival(&proof, &from.exporter)
        .map_err(|fault| failed(FailCode::Signature, fault))?;
    let authority = admit::issuer(core)?;
    let quorum = !is_waited_for(core, past.certificate.node);
    if quorum {
        admit::settle(core).await?;
    }
    if told_revoked(core, &past.certificate) {
        return Err(failed(FailCode::Refused, NoReturn::Revoked));
    }
    let state = core.state();
    let member = may_return(&state, &past, core.wall.unix())
        .map_err(|why| failed(FailCode::Refused, why))?;
    let whose = (past.certificate.node, member);
    let (chain, serial) = admit::certify(core, &authority, whose, &request.csr)?;
    if quorum {
        admit::record(core, (past.certificate.node, &member.name), serial).await?;
    }
    Ok(chain)
}

/// Whether there may be no quorum before this node is back: nobody leads, and it votes. It had the
/// issuer's key, so it is given no more than it could have given itself until its issuer ended; it
/// tells the ledger of its certificate once somebody leads.
fn is_waited_for(core: &Core, node: NodeId) -> bool {
    core.group.view().leader.is_none() && core.state().voters.voters().contains(&node)
}

/// What the leader said before this node's log does.
fn told_revoked(core: &Core, certificate: &NodeCertificate) -> bool {
    core.endpoint.revoked().borrow().covers(certificate)
}

/// A new chain for this node, whose certificate `old` has ended; the error says why not, in the
/// words of whoever could have decided.
pub(crate) async fn regain(
    core: &Core,
    old: &Identity,
    csr: &Bytes,
    voters: &[NodeId],
) -> Result<Vec<Bytes>, String> {
    let mut last = match serve_itself(core, old, csr) {
        Ok(chain) => return Ok(chain),
        Err(why) => why,
    };
    let mut refusal = None;
    for to in addressed(core, voters) {
        match ask(core, old, csr, to).await {
            Ok(chain) => return Ok(chain),
            // Another voter's ledger may be newer, or its issuer.
            Err(CallError::Refused(Refusal::Failed { text, .. })) => refusal = Some(text),
            Err(error) => last = error.to_string(),
        }
    }
    Err(refusal.unwrap_or(last))
}

fn serve_itself(core: &Core, old: &Identity, csr: &[u8]) -> Result<Vec<Bytes>, String> {
    let Some(authority) = core.authority.borrow().clone() else {
        return Err("the certificate has ended, and no voter is known".to_owned());
    };
    if authority.issuer_renewal(core.wall.unix()).is_void() {
        return Err(AuthorityError::IssuerEnded.to_string());
    }
    if told_revoked(core, old.certificate()) {
        return Err(NoReturn::Revoked.to_string());
    }
    let state = core.state();
    let member = may_serve_itself(&state, old.certificate()).map_err(|why| why.to_string())?;
    let certified = admit::certify(core, &authority, (core.node, member), csr);
    certified
        .map(|(chain, _)| chain)
        .map_err(|refusal| refusal.to_string())
}

async fn ask(
    core: &Core,
    old: &Identity,
    csr: &Bytes,
    to: (NodeId, SocketAddr),
) -> Result<Vec<Bytes>, CallError> {
    let frame = |exporter: &[u8; 32]| {
        let chain = old.chain().iter();
        let body = ReviveRequest {
            chain: chain.map(|der| Bytes::copy_from_slice(der)).collect(),
            csr: csr.clone(),
            signature: Bytes::from(old.sign_revival(csr, exporter)),
        };
        // A body of this size always fits; an empty frame would be refused as garbled.
        wire::encode(Kind::Revive, &body).unwrap_or_default()
    };
    let asked = core
        .endpoint
        .call_uncertified(to, Kind::Revive, &frame, CALL);
    let body: RenewReply = asked.await?.body().map_err(CallError::Reply)?;
    Ok(body.chain)
}

/// Where these voters are, and behind them the peers of the last start: they are asked where the
/// ledger here is lost or older.
fn addressed(core: &Core, voters: &[NodeId]) -> Vec<(NodeId, SocketAddr)> {
    let state = core.state();
    let mut all: Vec<(NodeId, SocketAddr)> = voters
        .iter()
        .filter_map(|node| {
            let address = state.members.live.get(node)?.address.parse().ok()?;
            Some((*node, address))
        })
        .collect();
    for (node, address) in &core.seeds {
        if *node != core.node && !all.iter().any(|(known, _)| known == node) {
            all.push((*node, *address));
        }
    }
    all.truncate(ASKED);
    all
}

/// Peers that are asked in one round, one after the other: the voters of a large cluster.
const ASKED: usize = 8;
/// For one of them: a handshake, and a quorum's word while it elects.
const CALL: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests;
