//! Keeps this node's certificate in life and in step with the ledger: renewed at two thirds of its
//! life, or at once when the node's roles changed; a new voter fetches the issuer.

use crate::admit;
use crate::bursts;
use crate::core::Core;
use crate::event::NodeEvent;
use crate::home::Home;
use crate::messages::{IssuerReply, IssuerRequest, RenewReply, RenewRequest};
use base::{NodeId, PeerRole};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use transport::{Authority, CertificateDer, Identity, Renewal};
use wire::Kind;

/// Runs until the group ends.
pub(crate) async fn keep<H: Home>(core: Arc<Core>, home: H) {
    let mut state = core.group.watch();
    loop {
        let mut pause = LOOK;
        if wants_certificate(&core)
            && let Err(why) = renew(&core, &home).await
        {
            core.tell_now(NodeEvent::RenewalFailed { why });
            pause = RETRY;
        }
        if wants_issuer(&core)
            && let Err(why) = fetch_issuer(&core, &home).await
        {
            tracing::debug!(why, "no issuer yet");
            pause = RETRY;
        }
        let wake = Instant::now() + pause;
        if pause == RETRY {
            sleep_until(wake).await;
        } else if !bursts::next(&mut state, wake).await {
            return;
        }
    }
}

fn wants_certificate(core: &Core) -> bool {
    let identity = core.identity.borrow();
    let state = core.state();
    let Some(member) = state.members.live.get(&core.node) else {
        return false;
    };
    let due = !matches!(identity.renewal(core.wall.unix()), Renewal::Fresh { .. });
    due || member.roles != identity.roles()
}

fn wants_issuer(core: &Core) -> bool {
    let votes = core.identity.borrow().roles().has(PeerRole::Voter);
    votes && core.authority.borrow().is_none()
}

async fn renew<H: Home>(core: &Core, home: &H) -> Result<(), String> {
    let old = core.identity.borrow().clone();
    let csr = Bytes::from(old.request());
    let chain = new_chain(core, csr).await?;
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
    if other_roles {
        // The links in use still show the old roles.
        core.relink();
    }
    core.tell_now(NodeEvent::Renewed { until_s });
    Ok(())
}

async fn new_chain(core: &Core, csr: Bytes) -> Result<Vec<Bytes>, String> {
    if core.authority.borrow().is_some() {
        let own = admit::renew(core, core.node, &csr).await;
        return own.map_err(|refusal| refusal.to_string());
    }
    let body = RenewRequest { csr };
    let frame = wire::encode(Kind::Renew, &body).map_err(|error| error.to_string())?;
    let mut last = "no voter is known".to_owned();
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

async fn fetch_issuer<H: Home>(core: &Core, home: &H) -> Result<(), String> {
    let frame = wire::encode(Kind::IssuerKey, &IssuerRequest).map_err(|error| error.to_string())?;
    let root = core.identity.borrow().root_hash();
    let mut last = "no voter is known".to_owned();
    for voter in voters(core) {
        let reply = core
            .endpoint
            .call(voter, Kind::IssuerKey, frame.clone(), CALL)
            .await;
        let reply: IssuerReply = match reply.map(|reply| reply.body()) {
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
        let authority =
            Authority::import_issuer(&reply.issuer, root).map_err(|error| error.to_string())?;
        home.save_authority(&authority)
            .map_err(|error| error.to_string())?;
        core.authority.send_replace(Some(Arc::new(authority)));
        return Ok(());
    }
    Err(last)
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
/// After a failure. Certificates have hours left, a promotion is waited for by a person.
const RETRY: Duration = Duration::from_millis(500);
const CALL: Duration = Duration::from_secs(3);
