//! The cluster's commands: each is one request to a node's API and one way to show the answer.

mod args;
mod registry;
mod show;
mod table;

pub use args::{
    ChangeArgs, KeyCommand, NodeCommand, PromoteArgs, RegistryCommand, RemoveArgs, SettingsArgs,
    StatusArgs, TokenCommand, Where,
};
pub use registry::AddArgs;

use super::args::{Command, Output};
use super::{Failure, complain, print};
use crate::clock::unix_seconds;
use crate::exit::Exit;
use crate::fleet::api::{
    ChangeRequest, DoneReply, KeyList, KeyMade, KeyRequest, RegistryList, RollbackRequest,
    SettingList, SettingRequest, TokenList, TokenMade, TokenRequest, TreeReply,
};
use crate::fleet::wish::{HttpsReach, Reach, ask, look};
use crate::settings::Settings;
use base::PeerRole;
use cluster::{Part, StatusView};
use hyper::Method;
use node_config::{API_KEY, Environment, KeySource, read_key};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use transport::{Identity, SystemWallClock, https_client, root_hash_of};

impl Where {
    /// The node that is meant. Secrets are read here, from files and the environment.
    pub fn reach(&self, settings: &Settings) -> Result<Reach, Failure> {
        let socket = match (&self.connect, &self.data) {
            (Some(place), _) => return self.named(place),
            (None, Some(data)) => data.join(SOCKET),
            (None, None) => settings.socket(),
        };
        Ok(Reach::Socket(socket))
    }

    fn named(&self, place: &str) -> Result<Reach, Failure> {
        if let Some(host) = place.strip_prefix("https://") {
            return self.https(host.trim_end_matches('/'));
        }
        if let Some(rest) = place.strip_prefix("http://") {
            return Err(
                Failure::new(Exit::Usage, "a node is never asked without TLS")
                    .next(format!("write https://{rest}")),
            );
        }
        Ok(Reach::Socket(PathBuf::from(place)))
    }

    fn https(&self, host: &str) -> Result<Reach, Failure> {
        let wrong = |why: String| Failure::new(Exit::Usage, "the node cannot be asked").why(why);
        let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            return Err(wrong(format!("`{host}` is not HOST:PORT")));
        }
        let identity = match &self.identity {
            Some(folder) => Some(Identity::load(folder).map_err(|e| wrong(e.to_string()))?),
            None => None,
        };
        let pin = match (&self.pin, &self.ca, &identity) {
            (Some(pin), _, _) => *pin,
            (None, Some(file), _) => root_hash_of(file).map_err(|e| wrong(e.to_string()))?,
            (None, None, Some(identity)) => identity.root_hash(),
            (None, None, None) => {
                return Err(wrong("nothing says which cluster it must be".to_owned())
                    .next("give --pin HASH, as `rlm-ctl key create` on the node prints it"));
            }
        };
        let source = KeySource {
            file: self.key_file.clone(),
            variable: Some(API_KEY.to_owned()),
        };
        let key = read_key(&source, &Environment::capture()).map_err(|e| wrong(e.to_string()))?;
        if key.is_none() && identity.is_none() {
            return Err(wrong("there is no key".to_owned()).next(format!(
                "put it into {API_KEY}, or into a file of yours and give --key-file FILE"
            )));
        }
        let tls = https_client(pin, identity.as_ref(), Arc::new(SystemWallClock))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Reach::Https(HttpsReach {
            host: host.to_owned(),
            tls,
            key,
        }))
    }
}

/// One of the cluster's commands.
pub(super) async fn run(command: Command, reach: Reach) -> Result<Exit, Failure> {
    match command {
        Command::Status(args) => status(reach, &args).await,
        Command::Nodes(args) => nodes(reach, &args).await,
        Command::Token(command) => token(reach, command).await,
        Command::Key(command) => key(reach, command).await,
        Command::Promote(args) => promote(reach, &args).await,
        Command::Demote(args) => demote(reach, &args).await,
        Command::Remove(args) => remove(reach, &args).await,
        Command::Node(command) => node(reach, command).await,
        Command::Registry(command) => registry(reach, command).await,
        Command::Settings(args) => settings(reach, &args).await,
        Command::Submit(_)
        | Command::Model(_)
        | Command::Trace(_)
        | Command::Config(_)
        | Command::EngineWorker => Ok(Exit::Done),
    }
}

async fn status(reach: Reach, args: &StatusArgs) -> Result<Exit, Failure> {
    let view = status_of(&reach, args.confirm).await?;
    match args.output {
        Output::Json => document(&view)?,
        Output::Text => print(&show::status(&view)),
    }
    let stopped = view.leader.is_none() || view.can_lose.is_some_and(|left| left < 0);
    Ok(if stopped { Exit::NoQuorum } else { Exit::Done })
}

async fn nodes(reach: Reach, args: &StatusArgs) -> Result<Exit, Failure> {
    let view = status_of(&reach, args.confirm).await?;
    match args.output {
        Output::Json => document(&view.nodes)?,
        Output::Text => print(&show::nodes(&view)),
    }
    Ok(Exit::Done)
}

async fn status_of(reach: &Reach, confirm: bool) -> Result<StatusView, Failure> {
    look(reach, &format!("/v1/cluster/status?confirm={confirm}")).await
}

async fn token(reach: Reach, command: TokenCommand) -> Result<Exit, Failure> {
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
            let made: TokenMade = ask(&reach, at, Some(&request), CHANGE).await?;
            match output {
                Output::Json => document(&made)?,
                Output::Text => {
                    print(&format!("{}\n", made.token));
                    complain(&show::token_hint(&made));
                }
            }
        }
        TokenCommand::List { output } => {
            let list: TokenList = look(&reach, "/v1/cluster/tokens").await?;
            match output {
                Output::Json => document(&list)?,
                Output::Text => print(&show::tokens(&list)),
            }
        }
        TokenCommand::Revoke { id } => {
            let at = format!("/v1/cluster/tokens/{id}");
            done(ask::<(), _>(&reach, (Method::DELETE, &at), None, CHANGE).await?);
        }
    }
    Ok(Exit::Done)
}

async fn key(reach: Reach, command: KeyCommand) -> Result<Exit, Failure> {
    match command {
        KeyCommand::Create { name, output } => {
            let at = (Method::POST, "/v1/keys");
            let request = KeyRequest { name };
            let made: KeyMade = ask(&reach, at, Some(&request), CHANGE).await?;
            match output {
                Output::Json => document(&made)?,
                Output::Text => {
                    print(&format!("{}\n", made.key));
                    complain(&show::key_hint(&made));
                }
            }
        }
        KeyCommand::List { output } => {
            let list: KeyList = look(&reach, "/v1/keys").await?;
            match output {
                Output::Json => document(&list)?,
                Output::Text => print(&show::keys(&list, unix_seconds())),
            }
        }
        KeyCommand::Revoke { id } => {
            let at = format!("/v1/keys/{id}");
            done(ask::<(), _>(&reach, (Method::DELETE, &at), None, CHANGE).await?);
        }
    }
    Ok(Exit::Done)
}

async fn promote(reach: Reach, args: &PromoteArgs) -> Result<Exit, Failure> {
    let targets = match &args.node {
        Some(node) => vec![node.clone()],
        None => candidates(&status_of(&reach, false).await?),
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
        done(ask(&reach, (Method::POST, &at), Some(&request), wait).await?);
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

async fn demote(reach: Reach, args: &ChangeArgs) -> Result<Exit, Failure> {
    let request = ChangeRequest {
        wait_s: args.wait.as_secs(),
        ..ChangeRequest::default()
    };
    let at = format!("/v1/cluster/nodes/{}/demote", args.node);
    done(
        ask(
            &reach,
            (Method::POST, &at),
            Some(&request),
            args.wait + CHANGE,
        )
        .await?,
    );
    Ok(Exit::Done)
}

async fn remove(reach: Reach, args: &RemoveArgs) -> Result<Exit, Failure> {
    let request = ChangeRequest {
        wait_s: args.change.wait.as_secs(),
        reason: args.reason.clone(),
    };
    let at = format!("/v1/cluster/nodes/{}", args.change.node);
    let wait = args.change.wait + CHANGE;
    done(ask(&reach, (Method::DELETE, &at), Some(&request), wait).await?);
    Ok(Exit::Done)
}

async fn node(reach: Reach, command: NodeCommand) -> Result<Exit, Failure> {
    let NodeCommand::Tree { output } = command;
    let tree: TreeReply = look(&reach, "/v1/cluster/tree").await?;
    match output {
        Output::Json => document(&tree)?,
        Output::Text => print(&show::tree(&tree)),
    }
    Ok(Exit::Done)
}

async fn registry(reach: Reach, command: RegistryCommand) -> Result<Exit, Failure> {
    match command {
        RegistryCommand::List { output } => {
            let list: RegistryList = look(&reach, "/v1/cluster/registry").await?;
            match output {
                Output::Json => document(&list)?,
                Output::Text => print(&show::registry(&list)),
            }
        }
        RegistryCommand::Show { name, output } => {
            let list: RegistryList = look(&reach, "/v1/cluster/registry").await?;
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
        RegistryCommand::Add(args) => return registry::add(&reach, args).await,
        RegistryCommand::Promote { name, version } => {
            return registry::promote(&reach, &name, version).await;
        }
        RegistryCommand::Rollback { name, to } => {
            let at = format!("/v1/cluster/registry/{name}/rollback");
            let request = RollbackRequest { to };
            done(ask(&reach, (Method::POST, &at), Some(&request), CHANGE).await?);
        }
    }
    Ok(Exit::Done)
}

async fn settings(reach: Reach, args: &SettingsArgs) -> Result<Exit, Failure> {
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
        done(ask(&reach, (Method::PUT, &at), Some(&request), CHANGE).await?);
        return Ok(Exit::Done);
    }
    let list: SettingList = look(&reach, "/v1/cluster/settings").await?;
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
