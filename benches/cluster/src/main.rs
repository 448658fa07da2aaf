//! `cluster-bench`: prints the cluster's figures beside its peers', each with what it was to reach,
//! whether it did, and the command that measures it again. Owns the order, the signals and the exit
//! code. Whatever it starts is gone when it ends, also by Ctrl-C.

mod cli;
mod figure;
mod fleet;
mod http;
mod load;
mod machine;
mod peer;
mod process;
mod real;
mod role;
mod row;
mod show;
mod stats;

use anyhow::{Context, Result, bail};
use clap::Parser;
use cli::{Cli, Role};
use figure::{Bench, FIGURES, Figure};
use show::JsonLine;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<ExitCode> {
    let mut cli = Cli::parse();
    match cli.role.take() {
        Some(role) => play(role).map(|()| ExitCode::SUCCESS),
        None if cli.list => {
            for figure in FIGURES {
                print(&format!("{:<14} {}\n", figure.name, figure.about));
            }
            Ok(ExitCode::SUCCESS)
        }
        None => alone()?.block_on(async {
            // A figure that is dropped half-way takes its processes and folders with it.
            tokio::select! {
                code = measure(&cli) => code,
                name = asked_to_stop() => {
                    complain(&format!("stopped by {}; everything that ran is gone", name?));
                    Ok(ExitCode::from(130))
                }
            }
        }),
    }
}

fn play(role: Role) -> Result<()> {
    match role {
        // As `rlm-node` runs.
        Role::Node(args) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(role::node::serve(args)),
        Role::Echo => alone()?.block_on(role::echo::serve()),
        Role::Datagrams => alone()?.block_on(role::datagram::serve()),
        Role::NatsEcho { port } => alone()?.block_on(async {
            tokio::select! {
                ended = peer::nats::respond(port, || role::tell("ready")) => ended,
                _ = tokio::task::spawn_blocking(|| std::io::stdin().lines().count()) => Ok(()),
            }
        }),
        Role::Burn { seconds } => {
            role::burn::run(Duration::from_secs(seconds));
            Ok(())
        }
        Role::Pure(pure) => {
            role::tell(&pure.run()?);
            Ok(())
        }
    }
}

/// One thread is enough for a client, and leaves the processors to those who are measured. It is
/// also the thread by whose end the kernel ends the children.
fn alone() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

async fn measure(cli: &Cli) -> Result<ExitCode> {
    let chosen = choose(&cli.only)?;
    let me = std::env::current_exe().context("this program has no path")?;
    let beside = me.parent().map_or_else(PathBuf::new, Path::to_owned);
    let disk = cli.disk.clone().unwrap_or_else(std::env::temp_dir);
    // Short paths, since a Unix socket's has a bound.
    let disk = TempDir::with_prefix_in("rlm-bench-", disk)?;
    let shm = TempDir::with_prefix_in("rlm-bench-", "/dev/shm")
        .context("a folder in memory: is /dev/shm there?")?;
    let bench = Bench {
        facts: machine::Facts::look(disk.path(), shm.path())?,
        disk: disk.path().to_owned(),
        shm: shm.path().to_owned(),
        programs: cli.programs.clone().unwrap_or(beside),
        me,
        quick: cli.quick,
    };
    if cli.json {
        json(&JsonLine::Machine(&bench.facts))?;
    } else {
        print(&format!("{}\n{}", bench.facts.text(), show::heading()));
    }
    for peer in ["etcd", "redis-server", "nats-server"] {
        if process::find(peer).is_none() {
            complain(&format!(
                "{peer} is not installed: its figures are left out"
            ));
        }
    }
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for figure in chosen {
        complain(&format!("measuring {}: {}", figure.name, figure.about));
        match (figure.measure)(&bench).await {
            Ok(more) => {
                for row in more {
                    if cli.json {
                        json(&JsonLine::Row(&row))?;
                    } else {
                        print(&show::text(&row));
                    }
                    rows.push(row);
                }
            }
            Err(error) => {
                let why = format!("{error:#}");
                complain(&format!("{}: {why}", figure.name));
                if cli.json {
                    let figure = figure.name;
                    json(&JsonLine::Failed { figure, why })?;
                }
                failed.push(figure.name.to_owned());
            }
        }
    }
    if !cli.json {
        print(&format!("\n{}", show::verdict(&rows, &failed)));
        print(&format!("load at the end: {:.2}\n", machine::load()));
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All of them when none is named.
fn choose(only: &[String]) -> Result<Vec<&'static Figure>> {
    for name in only {
        if !FIGURES.iter().any(|figure| figure.name == name) {
            bail!("there is no figure `{name}`; --list names them");
        }
    }
    let wanted = |figure: &&Figure| only.is_empty() || only.iter().any(|name| name == figure.name);
    Ok(FIGURES.iter().filter(wanted).collect())
}

async fn asked_to_stop() -> Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}

fn json(line: &JsonLine<'_>) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string(line)?));
    Ok(())
}

/// Figures go to standard output; a reader that went away ends the run by SIGPIPE's error.
#[expect(clippy::print_stdout, reason = "the program's output")]
fn print(text: &str) {
    print!("{text}");
    std::io::stdout().flush().ok();
}

/// Talk goes to standard error.
#[expect(
    clippy::print_stderr,
    reason = "what the program says beside its output"
)]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn figures_are_chosen_by_name() {
        assert_eq!(choose(&[]).unwrap().len(), FIGURES.len());
        let one = choose(&["ping".to_owned()]).unwrap();
        assert_eq!((one.len(), one[0].name), (1, "ping"));
        let unknown = choose(&["pong".to_owned()])
            .err()
            .map(|error| error.to_string());
        assert!(unknown.is_some_and(|said| said.contains("--list")));
    }

    #[test]
    fn names_are_told_apart() {
        let names: BTreeSet<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(names.len(), FIGURES.len());
    }
}
