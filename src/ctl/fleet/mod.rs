//! The cluster's commands: each is one request to a node's API and one way to show the answer.

mod args;
mod registry;
mod show;
mod table;

pub use args::{
    ChangeArgs, NodeCommand, PromoteArgs, RegistryCommand, RemoveArgs, SettingsArgs, StatusArgs,
    TokenCommand, Where,
};
pub use registry::AddArgs;

use super::args::{Command, Output};
use super::{Failure, complain, print};
use crate::exit::Exit;
use crate::fleet::api::{
    ChangeRequest, DoneReply, RegistryList, RollbackRequest, SettingList, SettingRequest,
    TokenList, TokenMade, TokenRequest, TreeReply,
};
use crate::fleet::wish::{ask, look};
use crate::settings::Settings;
use base::PeerRole;
use cluster::{Part, StatusView};
use hyper::Method;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

impl Where {
    /// The socket of the node that is meant.
    pub fn socket(&self, settings: &Settings) -> PathBuf {
        match (&self.connect, &self.data) {
            (Some(socket), _) => socket.clone(),
            (None, Some(data)) => data.join(SOCKET),
            (None, None) => settings.socket(),
        }
    }
}

/// One of the cluster's commands.
pub(super) async fn run(command: Command, socket: PathBuf) -> Result<Exit, Failure> {
    match command {
        Command::Status(args) => status(socket, &args).await,
        Command::Nodes(args) => nodes(socket, &args).await,
        Command::Token(command) => token(socket, command).await,
        Command::Promote(args) => promote(socket, &args).await,
        Command::Demote(args) => demote(socket, &args).await,
        Command::Remove(args) => remove(socket, &args).await,
        Command::Node(command) => node(socket, command).await,
        Command::Registry(command) => registry(socket, command).await,
        Command::Settings(args) => settings(socket, &args).await,
        Command::Submit(_)
        | Command::Model(_)
        | Command::Trace(_)
        | Command::Config(_)
        | Command::EngineWorker => Ok(Exit::Done),
    }
}

async fn status(socket: PathBuf, args: &StatusArgs) -> Result<Exit, Failure> {
    let view = status_of(&socket, args.confirm).await?;
    match args.output {
        Output::Json => document(&view)?,
        Output::Text => print(&show::status(&view)),
    }
    let stopped = view.leader.is_none() || view.can_lose.is_some_and(|left| left < 0);
    Ok(if stopped { Exit::NoQuorum } else { Exit::Done })
}

async fn nodes(socket: PathBuf, args: &StatusArgs) -> Result<Exit, Failure> {
    let view = status_of(&socket, args.confirm).await?;
    match args.output {
        Output::Json => document(&view.nodes)?,
        Output::Text => print(&show::nodes(&view)),
    }
    Ok(Exit::Done)
}

async fn status_of(socket: &std::path::Path, confirm: bool) -> Result<StatusView, Failure> {
    look(socket, &format!("/v1/cluster/status?confirm={confirm}")).await
}

async fn token(socket: PathBuf, command: TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Create {
            role,
            name,
            pool,
            uses,
            ttl,
            output,
        } => {
            let request = TokenRequest {
                roles: role,
                name,
                pool,
                uses,
                ttl_s: ttl.as_secs(),
            };
            let at = (Method::POST, "/v1/cluster/tokens");
            let made: TokenMade = ask(&socket, at, Some(&request), CHANGE).await?;
            match output {
                Output::Json => document(&made)?,
                Output::Text => {
                    print(&format!("{}\n", made.token));
                    complain(&show::token_hint(&made));
                }
            }
        }
        TokenCommand::List { output } => {
            let list: TokenList = look(&socket, "/v1/cluster/tokens").await?;
            match output {
                Output::Json => document(&list)?,
                Output::Text => print(&show::tokens(&list)),
            }
        }
        TokenCommand::Revoke { id } => {
            let at = format!("/v1/cluster/tokens/{id}");
            done(ask::<(), _>(&socket, (Method::DELETE, &at), None, CHANGE).await?);
        }
    }
    Ok(Exit::Done)
}

async fn promote(socket: PathBuf, args: &PromoteArgs) -> Result<Exit, Failure> {
    let targets = match &args.node {
        Some(node) => vec![node.clone()],
        None => candidates(&status_of(&socket, false).await?),
    };
    if targets.is_empty() {
        complain("every node that may vote votes already");
    }
    for target in targets {
        let request = ChangeRequest {
            wait_s: args.wait.as_secs(),
            ..ChangeRequest::default()
        };
        let at = format!("/v1/cluster/nodes/{target}/promote");
        let wait = args.wait + CHANGE;
        done(ask(&socket, (Method::POST, &at), Some(&request), wait).await?);
    }
    Ok(Exit::Done)
}

fn candidates(view: &StatusView) -> Vec<String> {
    let may = |node: &&cluster::NodeView| {
        node.roles.has(PeerRole::VoterCandidate) && node.part == Part::Learner && node.alive
    };
    view.nodes
        .iter()
        .filter(may)
        .map(|node| node.node.to_string())
        .collect()
}

async fn demote(socket: PathBuf, args: &ChangeArgs) -> Result<Exit, Failure> {
    let request = ChangeRequest {
        wait_s: args.wait.as_secs(),
        ..ChangeRequest::default()
    };
    let at = format!("/v1/cluster/nodes/{}/demote", args.node);
    done(
        ask(
            &socket,
            (Method::POST, &at),
            Some(&request),
            args.wait + CHANGE,
        )
        .await?,
    );
    Ok(Exit::Done)
}

async fn remove(socket: PathBuf, args: &RemoveArgs) -> Result<Exit, Failure> {
    let request = ChangeRequest {
        wait_s: args.change.wait.as_secs(),
        reason: args.reason.clone(),
    };
    let at = format!("/v1/cluster/nodes/{}", args.change.node);
    let wait = args.change.wait + CHANGE;
    done(ask(&socket, (Method::DELETE, &at), Some(&request), wait).await?);
    Ok(Exit::Done)
}

async fn node(socket: PathBuf, command: NodeCommand) -> Result<Exit, Failure> {
    let NodeCommand::Tree { output } = command;
    let tree: TreeReply = look(&socket, "/v1/cluster/tree").await?;
    match output {
        Output::Json => document(&tree)?,
        Output::Text => print(&show::tree(&tree)),
    }
    Ok(Exit::Done)
}

async fn registry(socket: PathBuf, command: RegistryCommand) -> Result<Exit, Failure> {
    match command {
        RegistryCommand::List { output } => {
            let list: RegistryList = look(&socket, "/v1/cluster/registry").await?;
            match output {
                Output::Json => document(&list)?,
                Output::Text => print(&show::registry(&list)),
            }
        }
        RegistryCommand::Show { name, output } => {
            let list: RegistryList = look(&socket, "/v1/cluster/registry").await?;
            let model = list.models.into_iter().find(|model| model.name == name);
            let model = model.ok_or_else(|| {
                Failure::new(Exit::NotFound, format!("there is no model `{name}`"))
                    .next("`rlm-ctl registry list`")
            })?;
            match output {
                Output::Json => document(&model)?,
                Output::Text => print(&show::model(&model)),
            }
        }
        RegistryCommand::Add(args) => return registry::add(&socket, args).await,
        RegistryCommand::Promote { name, version } => {
            return registry::promote(&socket, &name, version).await;
        }
        RegistryCommand::Rollback { name, to } => {
            let at = format!("/v1/cluster/registry/{name}/rollback");
            let request = RollbackRequest { to };
            done(ask(&socket, (Method::POST, &at), Some(&request), CHANGE).await?);
        }
    }
    Ok(Exit::Done)
}

async fn settings(socket: PathBuf, args: &SettingsArgs) -> Result<Exit, Failure> {
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
        done(ask(&socket, (Method::PUT, &at), Some(&request), CHANGE).await?);
        return Ok(Exit::Done);
    }
    let list: SettingList = look(&socket, "/v1/cluster/settings").await?;
    match args.output {
        Output::Json => document(&list)?,
        Output::Text => print(&show::settings(&list)),
    }
    Ok(Exit::Done)
}

fn done(reply: DoneReply) {
    complain(&reply.done);
}

fn document<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Exit::Failed, "no JSON could be written").why(error))?;
    print(&format!("{text}\n"));
    Ok(())
}

fn span(text: &str) -> Result<Duration, String> {
    node_config::parse_span(text).map_err(|error| error.to_string())
}

/// A node's socket in its folder.
pub const SOCKET: &str = "api.sock";
/// Longest wait for a committed change, an election in between included.
const CHANGE: Duration = Duration::from_secs(20);
