//! `rlm-node`: one machine's node as a process of its own. Its models stay loaded and its prompt
//! prefixes warm between jobs; with a folder that `init` or `join` made it is a cluster's member.

mod args;
mod verbs;

pub use args::{Cli, Command, InitArgs, JoinArgs, Place};

use crate::api::{ServeError, serve};
use crate::ctl::{Failure, complain};
use crate::exit::Exit;
use crate::fleet::{self, RunningNode};
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use engine::CancellationToken;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub fn main(cli: Cli) -> ExitCode {
    if matches!(cli.command, Command::EngineWorker) {
        return engine_llama::worker_main();
    }
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let settings = Settings::load(cli.config.as_deref())?;
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
                verbs::init(&place.data, &args)?;
                go_on(&args.place, settings, place).await
            }
            Command::Join(args) => {
                verbs::join(&place.data, &args).await?;
                go_on(&args.place, settings, place).await
            }
            Command::Run => run(settings, place).await,
            Command::Leave => verbs::leave(&place.socket).await,
            Command::Doctor { json } => verbs::doctor(&place.socket, json).await,
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
    run(settings, at).await
}

async fn run(settings: Settings, at: At) -> Result<Exit, Failure> {
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
    let models = installed(&settings);
    let member = fleet::start(&at.data, &settings, models).await?;
    match &member {
        Some(RunningNode { record, .. }) => complain(&format!(
            "{} of cluster {} runs at {}; asked at {}",
            record.name,
            record.cluster_name,
            record.listen,
            at.socket.display()
        )),
        None => complain(&format!("listening on {}", at.socket.display())),
    }
    let fleet = member
        .as_ref()
        .map(|member| fleet::routes(member.node.clone(), at.data.clone()));
    let node = Arc::new(Node::in_process(settings));
    let served = serve(node, fleet, &at.socket, stop).await;
    if let Some(member) = &member {
        member.node.stop().await;
    }
    served.map_err(|error| {
        let exit = match &error {
            ServeError::AlreadyRunning { .. } => Exit::Usage,
            ServeError::Listen { .. } => Exit::Failed,
        };
        Failure::new(exit, "the node cannot run").why(error)
    })?;
    complain("stopped");
    Ok(Exit::Done)
}

/// Names of the models on this machine's disk. A store that cannot be read has none to offer.
fn installed(settings: &Settings) -> Vec<String> {
    let Ok(catalog) = crate::engines::catalog(settings) else {
        return Vec::new();
    };
    let store = models::Store::new(&settings.dirs.data);
    let listed = store.list(&catalog).unwrap_or_default();
    listed
        .into_iter()
        .filter(|model| model.installed)
        .map(|model| model.name)
        .collect()
}
