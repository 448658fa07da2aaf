//! `rlm-node`: one machine's node as a process of its own. Its models stay loaded and its prompt
//! prefixes warm between jobs; with a folder that `init` or `join` made it is a cluster's member.

mod args;
mod log;
mod notify;
mod verbs;

pub use args::{Addresses, Cli, Command, InitArgs, JoinArgs, Place};

use crate::api::{Answering, ApiKeys, Door, Doors, Gate, ServeError, TlsParts, listen, router};
use crate::codes::ErrorCode;
use crate::ctl::{Failure, complain};
use crate::exit::Exit;
use crate::fleet::{self, RunningNode};
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use actor::{Spec, Strategy, Tree};
use engine::CancellationToken;
use notify::{Notify, pulse};
use raft::Fault;
use rand::RngCore;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use transport::SystemWallClock;

pub fn main(cli: Cli) -> ExitCode {
    if matches!(cli.command, Command::EngineWorker) {
        return engine_llama::worker_main();
    }
    log::start();
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let settings = Settings::load_for_node(cli.config.as_deref())?;
    for warning in settings.warnings() {
        complain(&format!("warning: {warning}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "the runtime cannot start").why(error))?;
    let place = At::of(cli.data, &settings);
    runtime.block_on(async {
        match cli.command {
            Command::Init(args) => {
                verbs::init(&place.data, &args, &settings.config.cluster)?;
                go_on(&args.place, settings, place).await
            }
            Command::Join(args) => {
                verbs::join(&place.data, &args, &settings).await?;
                go_on(&args.place, settings, place).await
            }
            Command::Run(addresses) => run(addresses, settings, place).await,
            Command::Leave => verbs::leave(place.socket).await,
            Command::Doctor { json, output } => {
                verbs::doctor(place.socket, json || output.is_json()).await
            }
            Command::EngineWorker => Ok(Exit::Done),
        }
    })
}

/// Where a node lives, and where it is asked.
struct At {
    data: PathBuf,
    socket: PathBuf,
}

impl At {
    fn of(data: Option<PathBuf>, settings: &Settings) -> At {
        match data {
            Some(data) => At {
                socket: data.join(crate::ctl::NODE_SOCKET),
                data,
            },
            None => At {
                data: settings.dirs.data.join("node"),
                socket: settings.socket(),
            },
        }
    }
}

async fn go_on(place: &Place, settings: Settings, at: At) -> Result<Exit, Failure> {
    if place.no_run {
        complain(&format!(
            "start it with: rlm-node run{}",
            verbs::data_flag(&at.data)
        ));
        return Ok(Exit::Done);
    }
    run(place.at, settings, at).await
}

async fn run(addresses: Addresses, settings: Settings, at: At) -> Result<Exit, Failure> {
    if let Some(folder) = at.socket.parent() {
        node_config::ensure_private_dir(folder).map_err(|error| {
            Failure::new(ErrorCode::Disk, "no folder for the socket").why(error)
        })?;
    }
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        asked.cancel();
    });
    let notify = service_line(&settings);
    let wish = wish(addresses, &settings)?;
    let network_wanted = settings.config.api.listen.is_some();
    let doors = Doors::new(at.socket.clone(), network_wanted, stop.clone());
    let member = fleet::start(&at.data, &settings, wish, vec![doors.actors()]).await?;
    let listener = listen(&at.socket).await?;
    let keys = Arc::new(ApiKeys::load(&at.data).map_err(Failure::from)?);
    let network = network(member.as_ref(), &settings, keys.clone()).await?;
    let says = introduce(member.as_ref(), &at);
    if let Some(member) = &member {
        end_when_outgrown(member, stop.clone());
    }
    let fleet = match &member {
        Some(member) => fleet::routes(member.node.clone(), at.data.clone(), keys),
        None => fleet::no_cluster(),
    };
    let cluster = member.as_ref().map(|member| member.node.clone());
    let node = Arc::new(Node::in_process(settings).of_member(cluster));
    let alone = alone(member.as_ref(), &doors).await?;
    doors.open(Answering {
        socket: Arc::new(listener),
        network,
        router: router(node.clone(), Some(fleet)).router(),
    });
    notify.ready(&says);
    let cluster = member.as_ref().map(|member| &*member.node);
    let stopping = async {
        stop.cancelled().await;
        notify.stopping();
        std::future::pending::<Infallible>().await
    };
    // The watchdog is fed until the last job has ended.
    let served = tokio::select! {
        // The end is told before it can be over.
        biased;
        never = stopping => match never {},
        () = doors.closed() => Ok(()),
        failure = gave_up(alone.as_ref()) => Err(failure),
        never = notify.watch(async || pulse(cluster, alone.as_ref()).await) => match never {},
    };
    node.close().await;
    if let Some(member) = &member {
        member.node.stop().await;
    }
    served?;
    let fault = member.as_ref().and_then(|member| member.node.fault());
    if let Some(outgrown @ Fault::Outgrown { .. }) = fault {
        return Err(fleet::outgrown(outgrown));
    }
    complain("stopped");
    Ok(Exit::Done)
}

/// Ends the process in order once its cluster has left its version behind: it would only look
/// alive.
fn end_when_outgrown(member: &RunningNode, stop: CancellationToken) {
    let node = member.node.clone();
    tokio::spawn(async move {
        node.outgrown().await;
        stop.cancel();
    });
}

/// Where the node is to be from now on, if anybody says so.
fn wish(
    addresses: Addresses,
    settings: &Settings,
) -> Result<(Option<SocketAddr>, Option<SocketAddr>), Failure> {
    let untouched = node_config::resolve(&[], &settings.dirs)
        .map_err(|error| Failure::new(Exit::Failed, "the defaults are wrong").why(error))?;
    let default = &untouched.config.cluster;
    Ok(addresses.wish(&settings.config.cluster, default))
}

/// The door to the network, where the configuration wants one.
async fn network(
    member: Option<&RunningNode>,
    settings: &Settings,
    keys: Arc<ApiKeys>,
) -> Result<Option<(Arc<Door>, Arc<Gate>)>, Failure> {
    let api = &settings.config.api;
    let Some(address) = api.listen else {
        return Ok(None);
    };
    let failed =
        |why: String| Failure::new(ErrorCode::Config, "the API cannot be served over TCP").why(why);
    let Some(RunningNode { node, record }) = member else {
        return Err(failed(format!(
            "`api.listen` is {address}, and TLS needs a cluster's certificate"
        ))
        .next("make a cluster with `rlm-node init`, or take `api.listen` out"));
    };
    let wall = Arc::new(SystemWallClock);
    let tls = TlsParts {
        identity: node.identity(),
        revoked: node.revoked(),
        wall: wall.clone(),
    };
    let door = Door::open(address, tls)
        .await
        .map_err(|error| failed(format!("TCP {address}: {error}")))?;
    complain(&format!(
        "asked from elsewhere at https://{}",
        door.address()
    ));
    let mut names = api.hosts.clone();
    names.push(record.name.clone());
    let gate = Gate {
        keys,
        revoked: node.revoked(),
        wall,
        names,
    };
    Ok(Some((Arc::new(door), Arc::new(gate))))
}

/// The doors of a machine alone are a tree of their own; a member's are in its node's.
async fn alone(member: Option<&RunningNode>, doors: &Doors) -> Result<Option<Tree>, Failure> {
    if member.is_some() {
        return Ok(None);
    }
    let spec = Spec::new("node", Strategy::OneForOne, vec![doors.actors()]);
    let seed = rand::rng().next_u64();
    let tree = Tree::start(spec, seed).await;
    tree.map(Some)
        .map_err(|error| Failure::new(Exit::Failed, "the node did not start").why(error))
}

/// Returns when that tree gave up; a member's node ends the process then.
async fn gave_up(alone: Option<&Tree>) -> Failure {
    let Some(tree) = alone else {
        return std::future::pending().await;
    };
    let cause = tree.watch_end().await;
    Failure::new(Exit::Failed, "the node cannot go on")
        .why(format!("its API ended: {cause}"))
        .next("see the node's log, then start it again")
}

/// A manager that cannot be told is no reason not to run.
fn service_line(settings: &Settings) -> Notify {
    let Some(wish) = &settings.outside.service else {
        return Notify::nobody();
    };
    Notify::to(wish).unwrap_or_else(|error| {
        complain(&format!("warning: {error}"));
        Notify::nobody()
    })
}

/// Says who runs here, to people and to the service manager.
fn introduce(member: Option<&RunningNode>, at: &At) -> String {
    match member {
        Some(RunningNode { record, .. }) => {
            complain(&format!(
                "{} of cluster {} runs at {}; asked at {}",
                record.name,
                record.cluster_name,
                record.listen,
                at.socket.display()
            ));
            format!("{} of cluster {}", record.name, record.cluster_name)
        }
        None => {
            complain(&format!(
                "listening on {}, of no cluster: `rlm-node init` makes one, \
                 `rlm-node join --token-file -` enters one, each once this is stopped",
                at.socket.display()
            ));
            notify::ALONE.to_owned()
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        let code = match &error {
            ServeError::AlreadyRunning { .. } => ErrorCode::AlreadyRunning,
            ServeError::Listen { .. } => ErrorCode::Address,
        };
        Failure::new(code, "the node cannot run").why(error)
    }
}
