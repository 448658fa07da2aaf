//! Keeps the issuer in life, which signs the nodes' certificates and lives for months: whoever
//! holds the root's key makes the next one at two thirds of its life; the other voters fetch it.
//!
//! Certificates of the issuer before stay valid until they end, since each shows its own issuer, so
//! voters need not change over together.

use crate::core::Core;
use crate::event::NodeEvent;
use crate::home::Home;
use crate::messages::{IssuerReply, IssuerRequest};
use base::{NodeId, PeerRole};
use std::sync::Arc;
use std::time::Duration;
use transport::{Authority, IssuerRecord};
use wire::Kind;

/// Makes the next issuer where this one is due and the root's key is here.
pub(crate) fn renew<H: Home>(core: &Core, home: &H) -> Result<(), String> {
    let now = core.wall.unix();
    let Some(held) = core.authority.borrow().clone() else {
        return Ok(());
    };
    if !held.holds_root_key() || held.issuer_renewal(now).is_fresh() {
        return Ok(());
    }
    let mut next = (*held).clone();
    next.renew_issuer(&mut rand::rng(), now)
        .map_err(|error| error.to_string())?;
    install(core, home, next)
}

/// Whether this node votes, and cannot issue yet.
pub(crate) fn is_missing(core: &Core) -> bool {
    core.identity.borrow().roles().has(PeerRole::Voter) && core.authority.borrow().is_none()
}

/// Whether this voter's issuer is so old that there should be a newer one, or a peer shows one.
pub(crate) fn is_outdated(core: &Core) -> bool {
    let Some(held) = core.authority.borrow().clone() else {
        return false;
    };
    let votes = core.identity.borrow().roles().has(PeerRole::Voter);
    let aged = !held.holds_root_key() && !held.issuer_renewal(core.wall.unix()).is_fresh();
    votes && (aged || !show_newer(core, &held).is_empty())
}

/// Takes the issuer of the first who has a better one than this node.
pub(crate) async fn fetch<H: Home>(
    core: &Core,
    home: &H,
    voters: Vec<NodeId>,
) -> Result<(), String> {
    let frame = wire::encode(Kind::IssuerKey, &IssuerRequest).map_err(|error| error.to_string())?;
    let held = core.authority.borrow().clone();
    let mut holders = voters;
    if let Some(held) = &held {
        // Who makes issuers need not vote.
        for node in show_newer(core, held) {
            if !holders.contains(&node) {
                holders.push(node);
            }
        }
    }
    let mut last = "no voter is known".to_owned();
    for holder in holders {
        let asked = core
            .endpoint
            .call(holder, Kind::IssuerKey, frame.clone(), CALL);
        let reply: IssuerReply = match asked.await.map(|reply| reply.body()) {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => {
                last = error.to_string();
                continue;
            }
            Err(error) => {
                last = error.to_string();
                continue;
            }
        };
        match better(core, held.as_deref(), &reply.issuer) {
            Ok(authority) => return install(core, home, authority),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// Peers whose certificates are of an issuer that ends later than this one.
fn show_newer(core: &Core, held: &Authority) -> Vec<NodeId> {
    let links = core.endpoint.links().into_iter();
    let newer = links.filter(|link| link.issuer_until > held.issuer_until());
    newer.map(|link| link.peer).collect()
}

/// A peer's issuer, where this node has none or a worse one.
fn better(
    core: &Core,
    held: Option<&Authority>,
    record: &IssuerRecord,
) -> Result<Authority, String> {
    let Some(held) = held else {
        let root = core.identity.borrow().root_hash();
        return Authority::import_issuer(record, root).map_err(|error| error.to_string());
    };
    let now = core.wall.unix();
    let theirs = held
        .with_issuer(record)
        .map_err(|error| error.to_string())?;
    let void = |authority: &Authority| authority.issuer_renewal(now).is_void();
    let later = theirs.issuer_until() > held.issuer_until();
    if void(&theirs) || !(later || void(held)) {
        return Err("no voter has a newer issuer".to_owned());
    }
    Ok(theirs)
}

fn install<H: Home>(core: &Core, home: &H, authority: Authority) -> Result<(), String> {
    home.save_authority(&authority)
        .map_err(|error| error.to_string())?;
    let until_s = authority.issuer_until().as_secs();
    core.authority.send_replace(Some(Arc::new(authority)));
    core.tell_now(NodeEvent::Issuer { until_s });
    Ok(())
}

const CALL: Duration = Duration::from_secs(3);
