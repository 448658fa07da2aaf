//! `rlm-node`: the daemon's program. Parses, runs one verb, turns its result into an exit code.

use clap::Parser;
use rlm_node::daemon::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main(Cli::parse())
}
