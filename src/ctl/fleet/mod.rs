//! The cluster's commands: each is one request to a node's API and one way to show the answer.

mod args;
mod forms;
mod members;
mod reach;
mod registry;
mod show;
mod table;
mod token;

pub use args::{
    AuditArgs, CaCommand, ChangeArgs, KeyCommand, ListOutput, NodeCommand, NodesArgs, PromoteArgs,
    RegistryCommand, RemoveArgs, SettingsArgs, StatusArgs, TokenCommand, Where,
};
pub use registry::AddArgs;

use super::args::{Command, Output};
use super::{Failure, complain, print};
use crate::codes::ErrorCode;
use crate::exit::Exit;
use crate::fleet::api::{
    AuditLine, AuditList, CaReply, DoneReply, SettingLine, SettingList, SettingRequest,
    StatusReply, TreeReply,
};
use crate::fleet::wish::{Reach, ask, look};
use cluster::NodeView;
use hyper::Method;
use serde::Serialize;
use std::time::Duration;

/// The nodes alone, and how far the answering node's log was.
#[derive(Serialize)]
struct NodesDocument<'a> {
    v: u32,
    term: u64,
    applied: u64,
    confirmed: bool,
    nodes: &'a [NodeView],
}

/// One of the cluster's commands.
pub(super) async fn run(command: Command, reach: Reach) -> Result<Exit, Failure> {
    match command {
        Command::Status(args) => status(&reach, &args).await,
        Command::Nodes(args) => nodes(&reach, &args).await,
        Command::Token(command) => token::token(&reach, command).await,
        Command::Key(command) => token::key(&reach, command).await,
        Command::Ca(command) => ca(&reach, command).await,
        Command::Promote(args) => members::promote(&reach, &args).await,
        Command::Demote(args) => members::demote(&reach, &args).await,
        Command::Remove(args) => members::remove(&reach, &args).await,
        Command::Node(command) => node(&reach, command).await,
        Command::Registry(command) => registry::run(&reach, command).await,
        Command::Settings(args) => settings(&reach, &args).await,
        Command::Audit(args) => audit(&reach, &args).await,
        Command::Submit(_)
        | Command::Model(_)
        | Command::Trace(_)
        | Command::Config(_)
        | Command::EngineWorker => Ok(Exit::Done),
    }
}

async fn status(reach: &Reach, args: &StatusArgs) -> Result<Exit, Failure> {
    let reply = status_of(reach, args.confirm).await?;
    match args.output {
        Output::Json => forms::document(&reply)?,
        Output::Text => print(&show::status(&reply)),
    }
    let view = &reply.view;
    let stopped = view.leader.is_none() || view.can_lose.is_some_and(|left| left < 0);
    Ok(if stopped { Exit::NoQuorum } else { Exit::Done })
}

async fn nodes(reach: &Reach, args: &NodesArgs) -> Result<Exit, Failure> {
    let view = status_of(reach, args.confirm).await?.view;
    let whole = NodesDocument {
        v: view.v,
        term: view.term,
        applied: view.applied,
        confirmed: view.confirmed,
        nodes: &view.nodes,
    };
    let id = |node: &NodeView| node.node.to_string();
    let text = || show::nodes(&view);
    forms::list(args.output, (&whole, &view.nodes), id, text)?;
    Ok(Exit::Done)
}

async fn status_of(reach: &Reach, confirm: bool) -> Result<StatusReply, Failure> {
    look(reach, &format!("/v1/cluster/status?confirm={confirm}")).await
}

async fn node(reach: &Reach, command: NodeCommand) -> Result<Exit, Failure> {
    let NodeCommand::Tree { output } = command;
    let tree: TreeReply = look(reach, "/v1/cluster/tree").await?;
    match output {
        Output::Json => forms::document(&tree)?,
        Output::Text => print(&show::tree(&tree)),
    }
    Ok(Exit::Done)
}

async fn ca(reach: &Reach, command: CaCommand) -> Result<Exit, Failure> {
    let CaCommand::Export { output } = command;
    let root: CaReply = look(reach, "/v1/cluster/ca").await?;
    match output {
        Output::Json => forms::document(&root)?,
        Output::Text => {
            print(&root.pem);
            complain(&show::ca_hint(&root));
        }
    }
    Ok(Exit::Done)
}

async fn settings(reach: &Reach, args: &SettingsArgs) -> Result<Exit, Failure> {
    if let Some(assignment) = &args.assignment {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(
                Failure::new(Exit::Usage, format!("`{assignment}` sets nothing"))
                    .next("write NAME=VALUE, or NAME= for the default"),
            );
        };
        let request = SettingRequest {
            value: Some(value.to_owned()).filter(|value| !value.is_empty()),
        };
        let at = format!("/v1/cluster/settings/{name}");
        let reply: DoneReply = ask(reach, (Method::PUT, &at), Some(&request), CHANGE).await?;
        forms::done(args.output.is_json(), &reply)?;
        return Ok(Exit::Done);
    }
    let list: SettingList = look(reach, "/v1/cluster/settings").await?;
    let name = |line: &SettingLine| line.name.clone();
    let text = || show::settings(&list);
    forms::list(args.output, (&list, &list.settings), name, text)?;
    forms::label(args.output, (list.term, list.applied));
    Ok(Exit::Done)
}

async fn audit(reach: &Reach, args: &AuditArgs) -> Result<Exit, Failure> {
    let list: AuditList = look(reach, &format!("/v1/cluster/audit?last={}", args.last)).await?;
    let entry = |line: &AuditLine| line.index.to_string();
    let text = || show::audit(&list);
    forms::list(args.output, (&list, &list.records), entry, text)?;
    forms::label(args.output, (list.term, list.applied));
    let Some(broken) = list.broken else {
        return Ok(Exit::Done);
    };
    let what = format!("the record of entry {broken} does not fit those before it");
    let changed = Failure::new(ErrorCode::Audit, what)
        .why("what this node keeps was changed")
        .next("compare it with `rlm-ctl audit` on another node");
    complain(&changed.to_string());
    Ok(changed.exit)
}

fn span(text: &str) -> Result<Duration, String> {
    node_config::parse_span(text).map_err(|error| error.to_string())
}

/// A node's socket in its folder.
pub const SOCKET: &str = "api.sock";
/// Longest wait for a committed change, an election in between included.
const CHANGE: Duration = Duration::from_secs(20);
