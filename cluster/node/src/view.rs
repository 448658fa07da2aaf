//! What a node tells people about the cluster: one structure for the command line, the API, tests
//! and the dashboard. Says where each fact comes from and how old it may be.

use crate::core::Core;
use base::{ClusterId, NodeId, PeerRoles};
use crdt::GpuFacts;
use membership::{Link, Liveness, Standing};
use raft::RaftView;
use raft::ledger::{MemberRecord, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use transport::{LinkFacts, Renewal};
use utoipa::ToSchema;

/// The whole cluster on one screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// Layout; within it only additions.
    pub v: u32,
    #[schema(value_type = String)]
    pub cluster: ClusterId,
    pub cluster_name: String,
    #[schema(value_type = String)]
    pub answered_by: NodeId,
    /// True when the leader confirmed with a majority that nothing newer is committed.
    pub confirmed: bool,
    #[schema(value_type = Option<String>)]
    pub leader: Option<NodeId>,
    pub term: u64,
    pub applied: u64,
    pub voters: u32,
    /// Voters that may still be lost; negative when the cluster has stopped. None when nobody
    /// leads. The leader counts who answers it, another node whom it takes for alive.
    pub can_lose: Option<i64>,
    pub changing_voters: bool,
    pub standing: String,
    pub nodes: Vec<NodeView>,
    /// What a person should look at, the worst first.
    pub problems: Vec<String>,
    pub jobs_open: u64,
}

/// What part a node has in Raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Leader,
    Voter,
    Learner,
    /// A member that the group does not know yet.
    Outside,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    #[schema(value_type = String)]
    pub node: NodeId,
    pub name: String,
    pub address: String,
    pub pool: Option<String>,
    /// A bit for each role.
    #[schema(value_type = u8)]
    pub roles: PeerRoles,
    pub part: Part,
    /// As the answering node sees it.
    pub alive: bool,
    pub ready: bool,
    /// Why it is not ready; empty when it is.
    pub reasons: Vec<String>,
    pub slots: u32,
    pub cores: u32,
    pub memory_bytes: u64,
    pub numa_nodes: u32,
    pub gpus: Vec<String>,
    pub models: Vec<String>,
    pub wire_version: u16,
    /// Log entries that it lacks, as the leader sees it.
    pub behind: Option<u64>,
    /// Whole seconds in `secs`, the rest in `nanos`.
    #[schema(value_type = Option<Object>)]
    pub rtt: Option<Duration>,
    /// Until its certificate ends, as its link shows it.
    #[schema(value_type = Option<Object>)]
    pub certified_for: Option<Duration>,
    /// Until the issuer ends that this node issues with, or that its certificate is of. Past it
    /// nobody is certified; the node that holds the root's key makes the next one in time.
    #[schema(value_type = Option<Object>)]
    pub issuer_for: Option<Duration>,
}

/// As this node sees it, without asking anybody.
pub(crate) fn status(core: &Core) -> StatusView {
    let state = core.state();
    let mut raft = core.group.view();
    let links: BTreeMap<NodeId, LinkFacts> = core
        .endpoint
        .links()
        .into_iter()
        .map(|link| (link.peer, link))
        .collect();
    // Who is alone suspects everybody and declares nobody dead: then the links tell.
    let reached = |node: &NodeId| match liveness(core, *node) {
        _ if *node == core.node => true,
        Some(Liveness::Alive) => true,
        Some(Liveness::Suspect) | None => links.contains_key(node),
        Some(Liveness::Dead | Liveness::Left) => false,
    };
    // Raft's own word stays that of the last term: who is left alone would name the dead.
    raft.leader = raft.leader.filter(reached);
    let nodes: Vec<NodeView> = state
        .members
        .live
        .iter()
        .map(|(node, member)| view_node(core, &raft, (*node, member), links.get(node)))
        .collect();
    let problems = problems(core, &raft, &nodes);
    StatusView {
        v: 1,
        cluster: core.cluster,
        cluster_name: core.cluster_name.clone(),
        answered_by: core.node,
        confirmed: false,
        leader: raft.leader,
        term: raft.term,
        applied: raft.applied.unwrap_or(0),
        voters: u32::try_from(raft.voters.len()).unwrap_or(u32::MAX),
        can_lose: margin(&raft, reached),
        changing_voters: raft.joint,
        standing: standing(core),
        nodes,
        problems,
        jobs_open: open_jobs(&state),
    }
}

/// What only the leader knows, added to what this node sees.
pub(crate) fn with_leaders(mut ours: StatusView, leaders: &StatusView) -> StatusView {
    ours.can_lose = leaders.can_lose;
    let lags: BTreeMap<NodeId, Option<u64>> = leaders
        .nodes
        .iter()
        .map(|node| (node.node, node.behind))
        .collect();
    for node in &mut ours.nodes {
        node.behind = lags.get(&node.node).copied().flatten();
    }
    ours
}

/// The leader's own count, or how it looks from here.
fn margin(raft: &RaftView, reached: impl Fn(&NodeId) -> bool) -> Option<i64> {
    raft.leader?;
    let alive = raft.voters.iter().filter(|voter| reached(voter));
    let seen = alive.count() as i64 - (raft.voters.len() / 2 + 1) as i64;
    raft.margin.or(Some(seen))
}

fn view_node(
    core: &Core,
    raft: &RaftView,
    (node, member): (NodeId, &MemberRecord),
    link: Option<&LinkFacts>,
) -> NodeView {
    let known = core.known.borrow().clone();
    let facts = known.facts.get(&node);
    let alive = node == core.node || liveness(core, node).is_some_and(Liveness::is_active);
    let reasons = reasons(core, raft, node, (alive, facts));
    let now = core.wall.unix();
    let (until, issuer_until) = if node == core.node {
        let identity = core.identity.borrow();
        let held = core.authority.borrow().as_ref().map(|a| a.issuer_until());
        let issuer_until = held.unwrap_or_else(|| identity.issuer_until());
        (Some(identity.certificate().not_after), Some(issuer_until))
    } else {
        (
            link.map(|link| link.certified_until),
            link.map(|link| link.issuer_until),
        )
    };
    NodeView {
        node,
        name: member.name.clone(),
        address: member.address.clone(),
        pool: member.pool.clone(),
        roles: member.roles,
        part: part(raft, node),
        alive,
        ready: reasons.is_empty(),
        reasons,
        slots: facts.map_or(0, |facts| facts.slots),
        cores: facts.map_or(0, |facts| facts.cores),
        memory_bytes: facts.map_or(0, |facts| facts.memory_bytes),
        numa_nodes: facts.map_or(0, |facts| facts.numa_nodes),
        gpus: facts.map_or_else(Vec::new, |facts| facts.gpus.iter().map(gpu_text).collect()),
        models: facts.map_or_else(Vec::new, |facts| facts.models.clone()),
        wire_version: member.version,
        behind: raft.lag.get(&node).map(|lag| lag.entries),
        rtt: link.map(|link| link.rtt),
        certified_for: until.map(|until| until.saturating_sub(now)),
        issuer_for: issuer_until.map(|until| until.saturating_sub(now)),
    }
}

/// A node writes zero where nothing tells it how much memory a GPU has.
fn gpu_text(gpu: &GpuFacts) -> String {
    match gpu.memory_bytes {
        0 => format!("{}, memory unknown", gpu.name),
        bytes => format!("{}, {} MiB", gpu.name, bytes >> 20),
    }
}

fn part(raft: &RaftView, node: NodeId) -> Part {
    if raft.leader == Some(node) {
        Part::Leader
    } else if raft.voters.contains(&node) {
        Part::Voter
    } else if raft.learners.contains(&node) {
        Part::Learner
    } else {
        Part::Outside
    }
}

fn liveness(core: &Core, node: NodeId) -> Option<Liveness> {
    let view = core.swim_view.borrow();
    let peer = view.peers.iter().find(|peer| peer.member.node == node);
    peer.map(|peer| peer.liveness)
}

fn reasons(
    core: &Core,
    raft: &RaftView,
    node: NodeId,
    (alive, facts): (bool, Option<&crdt::NodeFacts>),
) -> Vec<String> {
    let mut reasons = Vec::new();
    if node != core.node {
        reasons.extend(match liveness(core, node) {
            Some(Liveness::Suspect) => Some("suspected: it does not answer probes".to_owned()),
            Some(Liveness::Dead) => Some("dead: no sign of life".to_owned()),
            Some(Liveness::Left) => Some("it left".to_owned()),
            Some(Liveness::Alive) => None,
            None => Some("not heard of since this node started".to_owned()),
        });
    }
    if part(raft, node) == Part::Outside {
        reasons.push("the log has not reached it yet".to_owned());
    }
    if raft.reverted.contains(&node) {
        reasons
            .push("its disk lost entries that it had confirmed: join it as a new node".to_owned());
    }
    if node == core.node
        && let Some(fault) = &raft.fault
    {
        reasons.push(fault.clone());
    }
    match facts {
        Some(facts) => reasons.extend(facts.not_ready.iter().cloned()),
        None if alive => reasons.push("it has not said what it has".to_owned()),
        None => {}
    }
    let view = core.swim_view.borrow();
    let one_way = view
        .peers
        .iter()
        .any(|peer| peer.member.node == node && peer.link != Link::Works);
    if one_way && alive {
        reasons.push("the link to it works only through others".to_owned());
    }
    reasons
}

fn standing(core: &Core) -> String {
    match core.swim_view.borrow().standing {
        Standing::Alone => "alone".to_owned(),
        Standing::Sound => "sound".to_owned(),
        Standing::SelfSuspect { why, .. } => format!("in doubt about itself: {why:?}"),
        Standing::Left => "left".to_owned(),
        Standing::Superseded => "superseded by a later life of this node".to_owned(),
    }
}

fn problems(core: &Core, raft: &RaftView, nodes: &[NodeView]) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(fault) = &raft.fault {
        problems.push(format!("this node takes no part in Raft: {fault}"));
    }
    if raft.leader.is_none() {
        problems.push("nobody leads: no command can be committed".to_owned());
    }
    if raft.full || core.known.borrow().full {
        problems.push("this node's disk is full".to_owned());
    }
    if raft.voters.len() == 2 {
        problems.push("two voters stop when either is lost: use one or three".to_owned());
    }
    problems.extend(certificate_problem(core));
    problems.extend(issuer_problem(core));
    for node in nodes.iter().filter(|node| !node.ready) {
        problems.push(format!("{}: {}", node.name, node.reasons.join("; ")));
    }
    problems
}

fn certificate_problem(core: &Core) -> Option<String> {
    match core.identity.borrow().renewal(core.wall.unix()) {
        Renewal::Late { left } => Some(format!(
            "this node's certificate ends in {} min",
            left.as_secs() / 60
        )),
        Renewal::Ended | Renewal::Early => Some(
            "this node's certificate is out of time: no voter gave it another one yet".to_owned(),
        ),
        Renewal::Due { .. } | Renewal::Fresh { .. } => None,
    }
}

/// The next issuer is days late: whoever would make it is not there, or holds no root's key.
fn issuer_problem(core: &Core) -> Option<String> {
    let now = core.wall.unix();
    let held = core.authority.borrow().clone();
    let renewal = match held {
        Some(held) => held.issuer_renewal(now),
        None => core.identity.borrow().issuer_renewal(now),
    };
    let next = "start the node that holds the root's key, which makes the next one";
    match renewal {
        Renewal::Late { left } => Some(format!(
            "the cluster's issuer ends in {} days, and then nobody is certified any more: {next}",
            left.as_secs() / DAY_S
        )),
        Renewal::Ended => Some(format!("the cluster's issuer has ended: {next}")),
        Renewal::Early | Renewal::Due { .. } | Renewal::Fresh { .. } => None,
    }
}

fn open_jobs(state: &State) -> u64 {
    state.jobs.open()
}

const DAY_S: u64 = 24 * 3600;
