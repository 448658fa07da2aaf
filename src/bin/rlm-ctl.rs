//! `rlm-ctl`: the command line. Parses, runs one command, turns its result into an exit code.

use clap::Parser;
use rlm_node::ctl::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    ctl::main(Cli::parse())
}
