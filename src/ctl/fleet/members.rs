//! `rlm-ctl promote`, `demote` and `remove`: who votes, and who is a member at all.

use super::super::{Failure, complain};
use super::args::{ChangeArgs, PromoteArgs, RemoveArgs};
use super::{CHANGE, forms, status_of};
use crate::exit::Exit;
use crate::fleet::api::{ChangeRequest, DoneReply, VERSION};
use crate::fleet::wish::{Reach, ask};
use base::PeerRole;
use cluster::{NodeView, Part, StatusView};
use hyper::Method;

pub(super) async fn promote(reach: &Reach, args: &PromoteArgs) -> Result<Exit, Failure> {
    let targets = match &args.node {
        Some(node) => vec![node.clone()],
        None => candidates(&status_of(reach, false).await?.view),
    };
    let mut said = Vec::new();
    for target in targets {
        let request = ChangeRequest {
            wait_s: args.wait.as_secs(),
            ..ChangeRequest::default()
        };
        let at = format!("/v1/cluster/nodes/{target}/promote");
        let wait = args.wait + CHANGE;
        let reply: DoneReply = ask(reach, (Method::POST, &at), Some(&request), wait).await?;
        // Each takes a while: a person sees it at once, a program gets one document.
        if !args.output.is_json() {
            complain(&reply.done);
        }
        said.push(reply.done);
    }
    let nothing = said.is_empty();
    if nothing {
        said.push("every node that may vote votes already".to_owned());
    }
    if nothing || args.output.is_json() {
        let reply = DoneReply {
            v: VERSION,
            done: said.join("; "),
        };
        forms::done(args.output.is_json(), &reply)?;
    }
    Ok(Exit::Done)
}

fn candidates(view: &StatusView) -> Vec<String> {
    let may = |node: &&NodeView| {
        node.roles.has(PeerRole::VoterCandidate) && node.part == Part::Learner && node.alive
    };
    view.nodes
        .iter()
        .filter(may)
        .map(|node| node.node.to_string())
        .collect()
}

pub(super) async fn demote(reach: &Reach, args: &ChangeArgs) -> Result<Exit, Failure> {
    let request = ChangeRequest {
        wait_s: args.wait.as_secs(),
        ..ChangeRequest::default()
    };
    let at = format!("/v1/cluster/nodes/{}/demote", args.node);
    let wait = args.wait + CHANGE;
    let reply: DoneReply = ask(reach, (Method::POST, &at), Some(&request), wait).await?;
    forms::done(args.output.is_json(), &reply)?;
    Ok(Exit::Done)
}

pub(super) async fn remove(reach: &Reach, args: &RemoveArgs) -> Result<Exit, Failure> {
    let change = &args.change;
    if !(args.dead || args.force) {
        let status = status_of(reach, false).await?;
        refuse_alive(&status.view.nodes, &change.node)?;
    }
    let request = ChangeRequest {
        wait_s: change.wait.as_secs(),
        reason: args.reason.clone(),
    };
    let at = format!("/v1/cluster/nodes/{}", change.node);
    let wait = change.wait + CHANGE;
    let reply: DoneReply = ask(reach, (Method::DELETE, &at), Some(&request), wait).await?;
    forms::done(change.output.is_json(), &reply)?;
    Ok(Exit::Done)
}

/// A node that runs can leave in order. One that nobody knows is the answering node's to refuse.
fn refuse_alive(nodes: &[NodeView], target: &str) -> Result<(), Failure> {
    let by_name = nodes.iter().find(|node| node.name == target);
    let found = by_name.or_else(|| {
        let mut by_id = nodes.iter();
        by_id.find(|node| node.node.to_string().starts_with(target))
    });
    match found {
        Some(node) if node.alive => {
            let what = format!("{} is alive and is not removed", node.name);
            Err(Failure::new(Exit::Conflict, what)
                .why("its work would be cut off and its certificate void at once")
                .next("run `rlm-node leave` on it, or add --force if nobody can"))
        }
        Some(_) | None => Ok(()),
    }
}
