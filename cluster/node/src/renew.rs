//! Keeps this node's certificate in life and in step with the ledger: renewed at two thirds of its
//! life, or at once when the node's roles changed, or regained after it ended. Keeps what a voter
//! issues with, too.

use crate::admit;
use crate::bursts;
use crate::core::Core;
use crate::event::NodeEvent;
use crate::home::Home;
use crate::issuer;
use crate::messages::{RenewReply, RenewRequest};
use crate::revive;
use base::NodeId;
use bytes::Bytes;
use rand::RngCore;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use transport::{AuthorityError, CertificateDer, Identity, Serial, backoff_pause};
use wire::Kind;

/// Runs until the group ends.
pub(crate) async fn keep<H: Home>(core: Arc<Core>, home: H) {
    let mut state = core.group.watch();
    let mut failures = 0_u32;
    let mut far_look = Instant::now();
    loop {
        let far = far_look <= Instant::now();
        if far {
            far_look = Instant::now() + FAR_LOOK;
            // Before the certificate, since an ended issuer signs none.
            if let Err(why) = issuer::renew(&core, &home) {
                core.tell_now(NodeEvent::RenewalFailed { why });
            }
        }
        let mut retry = None;
        if wants_certificate(&core) {
            match renew(&core, &home).await {
                Ok(()) => failures = 0,
                Err(why) => {
                    core.tell_now(NodeEvent::RenewalFailed { why });
                    retry = Some(pause(&core, failures));
                    failures = failures.saturating_add(1);
                }
            }
        }
        if issuer::is_missing(&core)
            && let Err(why) = issuer::fetch(&core, &home, voters(&core)).await
        {
            tracing::debug!(why, "no issuer yet");
            retry = retry.or(Some(RETRY));
        }
        if far {
            catch_up(&core, &home).await;
        }
        match retry {
            Some(pause) => sleep(pause).await,
            None => {
                if !bursts::next(&mut state, Instant::now() + LOOK).await {
                    return;
                }
            }
        }
    }
}

/// How long to wait after a failure. Who has no certificate in time is not alone with it: all who
/// were off together ask the same few voters.
fn pause(core: &Core, failures: u32) -> Duration {
    let void = core.identity.borrow().renewal(core.wall.unix()).is_void();
    if void {
        backoff_pause(failures, RETRY, RETRY_MOST, rand::rng().next_u64())
    } else {
        RETRY
    }
}

fn wants_certificate(core: &Core) -> bool {
    let state = core.state();
    if state.members.retired.contains_key(&core.node) {
        return false;
    }
    let identity = core.identity.borrow();
    let renewal = identity.renewal(core.wall.unix());
    if renewal.is_void() {
        // Also where the ledger here knows no members: without a certificate it never will.
        return true;
    }
    let member = state.members.live.get(&core.node);
    member.is_some_and(|member| !renewal.is_fresh() || member.roles != identity.roles())
}

async fn renew<H: Home>(core: &Core, home: &H) -> Result<(), String> {
    let old = core.identity.borrow().clone();
    let void = old.renewal(core.wall.unix()).is_void();
    let csr = Bytes::from(old.request());
    let chain = if void {
        revive::regain(core, &old, &csr, &voters(core)).await?
    } else {
        new_chain(core, csr).await?
    };
    let chain = chain
        .iter()
        .map(|der| CertificateDer::from(der.to_vec()))
        .collect();
    let new = Identity::adopt(old.seed().clone(), chain, old.root_hash())
        .map_err(|error| error.to_string())?;
    home.save_identity(&new)
        .map_err(|error| error.to_string())?;
    core.endpoint
        .set_identity(&new)
        .map_err(|error| error.to_string())?;
    let until_s = new.certificate().not_after.as_secs();
    let other_roles = new.roles() != old.roles();
    core.identity.send_replace(new);
    if other_roles || void {
        // The links in use still show the old roles, or there are none and the pauses are long.
        core.relink();
    }
    core.tell_now(NodeEvent::Renewed { until_s });
    Ok(())
}

async fn new_chain(core: &Core, csr: Bytes) -> Result<Vec<Bytes>, String> {
    let now = core.wall.unix();
    let held = core.authority.borrow().clone();
    let mut last = match held {
        Some(held) if !held.issuer_renewal(now).is_void() => {
            let own = admit::renew(core, core.node, &csr).await;
            return own.map_err(|refusal| refusal.to_string());
        }
        Some(_) => AuthorityError::IssuerEnded.to_string(),
        None => "no voter is known".to_owned(),
    };
    let body = RenewRequest { csr };
    let frame = wire::encode(Kind::Renew, &body).map_err(|error| error.to_string())?;
    for voter in voters(core) {
        match core
            .endpoint
            .call(voter, Kind::Renew, frame.clone(), CALL)
            .await
        {
            Ok(reply) => {
                let body: RenewReply = reply.body().map_err(|error| error.to_string())?;
                return Ok(body.chain);
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// What can wait: the ledger's note of this node's certificate, and a newer issuer.
async fn catch_up<H: Home>(core: &Core, home: &H) {
    if let Some(serial) = unrecorded(core)
        && let Err(why) = admit::record(core, (core.node, &core.name), serial).await
    {
        tracing::debug!(%why, "the ledger has another certificate of this node");
    }
    if issuer::is_outdated(core)
        && let Err(why) = issuer::fetch(core, home, voters(core)).await
    {
        tracing::debug!(why, "no newer issuer");
    }
}

/// The certificate in force, where the ledger names another one though somebody leads: this node
/// gave it to itself, or the answer to a renewal was lost.
fn unrecorded(core: &Core) -> Option<Serial> {
    let serial = core.identity.borrow().certificate().serial;
    let state = core.state();
    let member = state.members.live.get(&core.node)?;
    let other = member.serial != *serial.bytes();
    (other && core.group.view().leader.is_some()).then_some(serial)
}

/// The leader first.
fn voters(core: &Core) -> Vec<NodeId> {
    let leader = core.group.view().leader;
    let mut voters: Vec<NodeId> = core.state().voters.voters().into_iter().collect();
    voters.retain(|voter| *voter != core.node);
    voters.sort_by_key(|voter| Some(*voter) != leader);
    voters
}

/// How often a certificate's age is looked at; its life is hours.
const LOOK: Duration = Duration::from_secs(5);
/// How often that is looked at whose life is months, and what the ledger notes.
const FAR_LOOK: Duration = Duration::from_secs(10);
/// After a failure. Certificates have hours left, a promotion is waited for by a person.
const RETRY: Duration = Duration::from_millis(500);
/// Bound of the pauses of a node whose certificate has ended: how long after the voters it may be
/// back, and how often one that is refused asks again.
const RETRY_MOST: Duration = Duration::from_secs(15);
const CALL: Duration = Duration::from_secs(3);
