//! What the leader does so that the group is what the ledger says: members learn the log, those
//! with the voter's role vote, removed ones leave. And it opens the cluster for the commands of a
//! newer version once every member speaks it. One step at a time, each decided from the facts.

use crate::bursts;
use crate::core::Core;
use crate::event::NodeEvent;
use base::{NodeId, PeerRole};
use raft::ledger::{Command, State};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One change of the group, or of its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// A member that is not in the group yet.
    Learn(NodeId),
    /// A learner that may vote, and whose certificate says so.
    Promote(NodeId),
    /// A voter whose role was taken.
    Demote(NodeId),
    /// In the group, but no member any more.
    Expel(NodeId),
    /// The leader itself is to vote no more: another voter, one that would, must lead first.
    HandOver,
    /// Every member speaks this version, and the cluster still runs at an older one.
    Raise(u16),
}

/// What a decision rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DutyFacts {
    pub leader: NodeId,
    pub voters: BTreeSet<NodeId>,
    pub learners: BTreeSet<NodeId>,
    pub members: BTreeSet<NodeId>,
    /// Members whose role is to vote.
    pub may_vote: BTreeSet<NodeId>,
    /// Nodes that showed a voter's certificate on a live link.
    pub certified: BTreeSet<NodeId>,
    /// The newest whose commands the cluster takes.
    pub version: u16,
    /// The newest that every member speaks, as the ledger has it.
    pub spoken: u16,
}

/// The next change, if any. Growth before shrinking, so that a replacement is in before the one
/// that it replaces is out. The version first: it waits for nobody, as a learner's promotion may.
pub fn next_duty(facts: &DutyFacts) -> Option<Duty> {
    let in_group = |node: &NodeId| facts.voters.contains(node) || facts.learners.contains(node);
    let ready = |node: &&NodeId| facts.may_vote.contains(node) && facts.certified.contains(node);
    let no_vote = |node: &&NodeId| !facts.may_vote.contains(node);
    if facts.spoken > facts.version {
        return Some(Duty::Raise(facts.spoken));
    }
    if let Some(node) = facts.members.iter().find(|node| !in_group(node)) {
        return Some(Duty::Learn(*node));
    }
    if let Some(node) = facts.learners.iter().find(ready) {
        return Some(Duty::Promote(*node));
    }
    if facts.voters.len() > 1
        && let Some(node) = facts.voters.iter().find(no_vote)
    {
        if *node != facts.leader {
            return Some(Duty::Demote(*node));
        }
        return Some(Duty::HandOver);
    }
    let gone = |node: &&NodeId| !facts.members.contains(node);
    facts
        .learners
        .iter()
        .find(gone)
        .map(|node| Duty::Expel(*node))
}

/// Runs until the group ends. Does nothing while another node leads.
pub(crate) async fn serve(core: Arc<Core>) {
    let mut state = core.group.watch();
    let mut relinked = Instant::now();
    loop {
        let leads = core.group.view().leader == Some(core.node);
        let duty = leads
            .then(|| facts(&core, &core.state()))
            .and_then(|f| next_duty(&f));
        if let Some(duty) = duty {
            match fulfil(&core, duty).await {
                Ok(()) => tell(&core, duty),
                Err(error) => {
                    tracing::debug!(?duty, %error, "not yet");
                    sleep(RETRY).await;
                }
            }
            continue;
        }
        if leads && relinked.elapsed() > RELINK {
            relinked = Instant::now();
            relink_stale(&core);
        }
        let wake = Instant::now() + LOOK;
        if !bursts::next(&mut state, wake).await {
            return;
        }
    }
}

/// A member may be linked by a handshake that had begun before it was given its new role: a new
/// handshake shows what it is now.
fn relink_stale(core: &Core) {
    let state = core.state();
    for link in core.endpoint.links() {
        let stale =
            state.members.live.get(&link.peer).is_some_and(|member| {
                member.roles.has(PeerRole::Voter) && member.roles != link.roles
            });
        if stale && link.age > RELINK {
            core.relink_one(link.peer);
        }
    }
}

fn facts(core: &Core, state: &State) -> DutyFacts {
    let voter = |roles: base::PeerRoles| roles.has(PeerRole::Voter);
    let live = &state.members.live;
    let may_vote = live.iter().filter(|(_, member)| voter(member.roles));
    let links = core.endpoint.links();
    let mut certified: BTreeSet<NodeId> = links
        .iter()
        .filter(|link| voter(link.roles))
        .map(|link| link.peer)
        .collect();
    if voter(core.identity.borrow().roles()) {
        certified.insert(core.node);
    }
    // The ledger may say more of this node than its program of today does.
    let speaks = core.endpoint.speaks();
    let spoken = live.values().map(|member| member.version.min(speaks)).min();
    DutyFacts {
        leader: core.node,
        voters: state.voters.voters(),
        learners: state.voters.learners(),
        members: live.keys().copied().collect(),
        may_vote: may_vote.map(|(node, _)| *node).collect(),
        certified,
        version: state.version,
        spoken: spoken.unwrap_or(0),
    }
}

async fn fulfil(core: &Core, duty: Duty) -> Result<(), String> {
    let changed = match duty {
        Duty::Learn(node) => core.group.add_learner(node).await,
        Duty::Promote(node) => core.group.promote(node).await,
        Duty::Demote(node) => core.group.demote(node).await,
        Duty::Expel(node) => core.group.remove(node).await,
        Duty::HandOver => core.group.transfer(None).await.map(drop),
        Duty::Raise(to) => return raise(core, to).await,
    };
    changed.map_err(|error| error.to_string())
}

/// The ledger itself refuses it where a member has come that does not speak it.
async fn raise(core: &Core, to: u16) -> Result<(), String> {
    let command = Command::RaiseVersion { to };
    let raised = core.group.submit(&core.name, command).await;
    raised.map(drop).map_err(|error| error.to_string())
}

fn tell(core: &Core, duty: Duty) {
    core.tell_now(match duty {
        Duty::Learn(node) => NodeEvent::Learner(node),
        Duty::Promote(node) => NodeEvent::Voter(node),
        Duty::Demote(node) => NodeEvent::Demoted(node),
        Duty::Raise(to) => NodeEvent::Version(to),
        Duty::Expel(_) | Duty::HandOver => return,
    });
}

/// Between two tries of a change that could not be made: a learner catches up in such times.
const RETRY: Duration = Duration::from_millis(200);
/// How long a link may show old roles: a renewal takes a round trip or two.
const RELINK: Duration = Duration::from_secs(2);
/// How often the facts that no watch tells (links, certificates) are looked at.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
