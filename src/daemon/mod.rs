//! `rlm-node`: one machine's node as a process of its own. Its models stay loaded and its prompt
//! prefixes warm between jobs; with a folder that `init` or `join` made it is a cluster's member.

mod args;
mod log;
mod notify;
mod verbs;

pub use args::{Addresses, Cli, Command, InitArgs, JoinArgs, Place};

use crate::api::{ApiKeys, Door, Gate, ServeError, TlsParts, listen, router, serve};
use crate::ctl::{Failure, complain};
use crate::exit::Exit;
use crate::fleet::{self, RunningNode};
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use axum::Router;
use engine::CancellationToken;
use notify::{Notify, pulse};
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
                verbs::join(&place.data, &args, &settings.config.cluster).await?;
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
        node_config::ensure_private_dir(folder)
            .map_err(|error| Failure::new(Exit::Failed, "no folder for the socket").why(error))?;
    }
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        asked.cancel();
    });
    let notify = service_line(&settings);
    let wish = wish(addresses, &settings)?;
    let member = fleet::start(&at.data, &settings, wish).await?;
    let listener = listen(&at.socket).await?;
    let keys = Arc::new(ApiKeys::load(&at.data).map_err(Failure::from)?);
    let network = network(member.as_ref(), &settings, keys.clone()).await?;
    let says = introduce(member.as_ref(), &at);
    let fleet = match &member {
        Some(member) => fleet::routes(member.node.clone(), at.data.clone(), keys),
        None => fleet::no_cluster(),
    };
    let node = Arc::new(Node::in_process(settings));
    let router = router(node.clone(), Some(fleet)).router();
    notify.ready(&says);
    let cluster = member.as_ref().map(|member| &*member.node);
    let stopping = async {
        stop.cancelled().await;
        notify.stopping();
        std::future::pending::<Infallible>().await
    };
    // The watchdog is fed until the last job has ended.
    let remote = remote(network, router.clone(), stop.clone());
    let local = serve(listener, router, &at.socket, stop.clone());
    let served = tokio::select! {
        // The end is told before it can be over.
        biased;
        never = stopping => match never {},
        served = async { tokio::try_join!(local, remote) } => served,
        never = notify.watch(async || pulse(cluster).await) => match never {},
    };
    node.close().await;
    if let Some(member) = &member {
        member.node.stop().await;
    }
    served?;
    complain("stopped");
    Ok(Exit::Done)
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
) -> Result<Option<(Door, Arc<Gate>)>, Failure> {
    let api = &settings.config.api;
    let Some(address) = api.listen else {
        return Ok(None);
    };
    let failed =
        |why: String| Failure::new(Exit::Usage, "the API cannot be served over TCP").why(why);
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
    Ok(Some((door, Arc::new(gate))))
}

async fn remote(
    network: Option<(Door, Arc<Gate>)>,
    router: Router,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    match network {
        Some((door, gate)) => door
            .serve(router, gate, stop)
            .await
            .map_err(ServeError::Tcp),
        None => Ok(()),
    }
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
        let exit = match &error {
            ServeError::AlreadyRunning { .. } => Exit::Usage,
            ServeError::Listen { .. } | ServeError::Tcp(_) => Exit::Failed,
        };
        Failure::new(exit, "the node cannot run").why(error)
    }
}
