//! `rlm-node`: one machine's node as a process of its own. Its models stay loaded and its prompt
//! prefixes warm between jobs.

use crate::api::{ServeError, serve};
use crate::ctl::{Failure, complain};
use crate::exit::Exit;
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::asked_to_stop;
use clap::{Parser, Subcommand};
use engine::CancellationToken;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs jobs on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "rlm-node",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Read this configuration file instead of the usual places
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve jobs until a signal ends it; `rlm-ctl submit` finds it by itself
    Run,
    /// Holds one model; started by the engine itself
    #[command(hide = true)]
    EngineWorker,
}

pub fn main(cli: Cli) -> ExitCode {
    match cli.command {
        Command::EngineWorker => engine_llama::worker_main(),
        Command::Run => match run(cli.config) {
            Ok(exit) => exit.into(),
            Err(failure) => {
                complain(&failure.to_string());
                failure.exit.into()
            }
        },
    }
}

fn run(config: Option<PathBuf>) -> Result<Exit, Failure> {
    let settings = Settings::load(config.as_deref())?;
    for warning in settings.warnings() {
        complain(&format!("warning: {warning}"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "the runtime cannot start").why(error))?;
    runtime.block_on(async {
        let socket = settings.socket();
        node_config::ensure_private_dir(&settings.dirs.runtime)
            .map_err(|error| Failure::new(Exit::Failed, "no folder for the socket").why(error))?;
        let stop = CancellationToken::new();
        let asked = stop.clone();
        tokio::spawn(async move {
            asked_to_stop().await;
            asked.cancel();
        });
        complain(&format!("listening on {}", socket.display()));
        let node = Arc::new(Node::in_process(settings));
        serve(node, &socket, stop).await.map_err(|error| {
            let exit = match &error {
                ServeError::AlreadyRunning { .. } => Exit::Usage,
                ServeError::Listen { .. } => Exit::Failed,
            };
            Failure::new(exit, "the node cannot run").why(error)
        })?;
        complain("stopped");
        Ok(Exit::Done)
    })
}
