//! Keeps what the ledger says of this node true: where it is dialled, and the version that its
//! program speaks. Both change only while it is stopped: a machine moves, a program is upgraded.
//! Only the node itself knows of it, so that it proposes for itself alone.

use crate::bursts;
use crate::core::Core;
use crate::event::NodeEvent;
use base::NodeId;
use membership::Standing;
use raft::ledger::{Command, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Runs until the group ends.
pub(crate) async fn keep(core: Arc<Core>) {
    let mut state = core.group.watch();
    let (address, version) = (core.address, core.endpoint.speaks());
    loop {
        let wrong = correction(&core.state(), core.node, (address, version));
        if let Some(command) = wrong
            && may_speak(&core)
        {
            match core.group.submit(&core.name, command).await {
                Ok(_) => core.tell_now(NodeEvent::Corrected { address, version }),
                Err(error) => tracing::debug!(%error, "the ledger has this node as it was"),
            }
            sleep(AGAIN).await;
        }
        if !bursts::next(&mut state, Instant::now() + LOOK).await {
            return;
        }
    }
}

/// Somebody leads, and this process is the node: of two that run from copies of one disk the older
/// would correct the newer one for ever.
fn may_speak(core: &Core) -> bool {
    let superseded = matches!(core.swim_view.borrow().standing, Standing::Superseded);
    !superseded && core.group.view().leader.is_some()
}

/// What puts the ledger right. Nothing where it does not know the node: a removed one says no more.
fn correction(
    state: &State,
    node: NodeId,
    (address, version): (SocketAddr, u16),
) -> Option<Command> {
    let member = state.members.live.get(&node)?;
    let moved = member.address.parse::<SocketAddr>() != Ok(address);
    let address = moved.then(|| address.to_string());
    let version = (member.version != version).then_some(version);
    if address.is_none() && version.is_none() {
        return None;
    }
    Some(Command::UpdateMember {
        node,
        address,
        serial: None,
        version,
    })
}

/// How often it is looked at whether somebody leads by now; what a look costs is a comparison.
const LOOK: Duration = Duration::from_secs(1);
/// After a proposal, whatever came of it: it is not urgent, and nothing may repeat it without a
/// pause.
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
