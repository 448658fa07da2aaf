//! `rlm-ctl`: from parsed words to calls, and from results to text. Holds no power of its own: what
//! it does, it does through the same functions that a node offers.

mod args;
mod config;
mod failure;
mod fleet;
mod model;
mod submit;
mod trace;

pub use args::{Cli, Command, ConfigCommand, ModelCommand, Output, SubmitArgs, TraceCommand};
pub use failure::Failure;
pub use fleet::{
    AddArgs, AuditArgs, CaCommand, ChangeArgs, KeyCommand, ListOutput, NodeCommand, NodesArgs,
    PromoteArgs, RegistryCommand, RemoveArgs, SOCKET as NODE_SOCKET, SettingsArgs, StatusArgs,
    TokenCommand, Where,
};

use crate::codes::ErrorCode;
use crate::exit::Exit;
use crate::settings::Settings;
use clap::Parser;
use clap::error::ErrorKind;
use node_config::Environment;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How long the end of a job waits for its tasks, which are told to end at once.
const LEAVING: Duration = Duration::from_millis(500);

/// A program's command line. Where there is none to run, what was asked for, or what is wrong with
/// it, was said, and the error is the code to end with.
pub fn parse<C: Parser>() -> Result<C, ExitCode> {
    C::try_parse().map_err(|error| unparsed(&error))
}

fn unparsed(error: &clap::Error) -> ExitCode {
    let help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if help || !error.use_stderr() {
        // A reader that went away is not a failure of the command.
        drop(error.print());
    } else {
        let styled = error.render();
        let text = if coloured() {
            styled.ansi().to_string()
        } else {
            styled.to_string()
        };
        complain(&failure::coded(text.trim_end(), ErrorCode::Usage));
    }
    if error.use_stderr() {
        Exit::Usage.into()
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs one command. Answers go to standard output, everything else to standard error.
pub fn main(cli: Cli) -> ExitCode {
    if matches!(cli.command, Command::EngineWorker) {
        return engine_llama::worker_main();
    }
    let json = cli.command.wants_json();
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if json {
                print(&format!("{}\n", failure.json()));
            }
            complain(&failure.to_string());
            failure.exit.into()
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "named are the commands that need no cluster; all others are the fleet's"
)]
fn run(cli: Cli) -> Result<Exit, Failure> {
    if let Command::Config(command) = &cli.command {
        return config::run(command, cli.config.as_deref());
    }
    let flags = match &cli.command {
        Command::Submit(args) => submit::settings_of(args),
        _ => Vec::new(),
    };
    let settings = Settings::load(cli.config.as_deref(), flags)?;
    for warning in settings.warnings() {
        complain(&format!("warning: {warning}"));
    }
    let quiet = cli.quiet;
    match cli.command {
        Command::Submit(args) => submitted(submit::run(*args, settings, quiet)),
        Command::Model(command) => runtime()?.block_on(model::run(command, &settings, quiet)),
        Command::Trace(command) => runtime()?.block_on(trace::run(command, &settings)),
        Command::Config(_) | Command::EngineWorker => Ok(Exit::Done),
        other => {
            let reach = cli.place.reach(&settings)?;
            runtime()?.block_on(fleet::run(other, reach))
        }
    }
}

/// Runs a job, and does not wait for what a cancelled one leaves in threads: a context that is
/// copied, Python that is compiled. They end with the process.
fn submitted(job: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(job);
    runtime.shutdown_timeout(LEAVING);
    ended
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, "the runtime cannot start").why(error))
}

/// Writes to standard output. A reader that went away is not a failure of the command.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Whether what goes to standard error may have colours.
pub(crate) fn coloured() -> bool {
    Environment::capture().get("NO_COLOR").is_none() && std::io::stderr().is_terminal()
}

/// Writes a line to standard error, if anybody reads there.
pub(crate) fn complain(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
