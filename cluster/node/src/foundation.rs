//! The actors of what all others stand on: the endpoint's loops, and the watch over the Raft group.
//! A restart of theirs runs the loops again and makes nothing anew: a socket that is lost ends the
//! process, as a failed disk under the group does.

use crate::core::Core;
use crate::event::NodeEvent;
use actor::ActorContext;
use base::NodeId;
use raft::{Abort, Fault, RaftView};
use std::sync::Arc;
use transport::{EndpointLoad, SocketLost};

/// Runs the endpoint's loops until it is told to stop. The endpoint itself outlives it: goodbyes
/// and the group's last words still go out.
pub(crate) async fn carry(
    core: &Core,
    context: &ActorContext,
    abort: &dyn Abort,
) -> Result<(), SocketLost> {
    match context.pulsing(core.endpoint.serve()).await {
        None => Ok(()),
        Some(Ok(())) => {
            // Closed: the node ends, and the tree with it.
            context.pulsing(std::future::pending::<()>()).await;
            Ok(())
        }
        Some(Err(lost)) => {
            abort.abort(&Fault::Ended(lost.to_string()));
            Err(lost)
        }
    }
}

/// Tells once why Raft stopped, and waits. Where going on could break a promise the group has ended
/// the process itself.
pub(crate) async fn watch_raft(core: Arc<Core>) {
    let mut faults = core.group.watch_fault();
    if let Ok(fault) = faults.wait_for(Option::is_some).await {
        let why = fault.as_ref().map(ToString::to_string).unwrap_or_default();
        drop(fault);
        core.tell_now(NodeEvent::Fault { why });
    }
    std::future::pending().await
}

/// How much there is to carry.
pub(crate) fn load(load: EndpointLoad) -> String {
    let EndpointLoad {
        links,
        requests_in,
        requests_out,
    } = load;
    format!("{links} links, {requests_in} requests in, {requests_out} out")
}

/// A node's place in the group.
pub(crate) fn place(me: NodeId, raft: &RaftView) -> String {
    let (term, voters) = (raft.term, raft.voters.len());
    match (&raft.fault, raft.leader) {
        (Some(fault), _) => format!("takes no part: {fault}"),
        (None, None) => format!("nobody leads; {voters} voters"),
        (None, Some(leader)) if leader == me => format!("leads term {term}; {voters} voters"),
        (None, Some(leader)) => {
            format!("follows {} in term {term}; {voters} voters", leader.short())
        }
    }
}
