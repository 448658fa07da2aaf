//! `rlm-ctl`: the command line. Parses, runs one command, turns its result into an exit code.

use rlm_node::ctl;
use std::process::ExitCode;

fn main() -> ExitCode {
    match ctl::parse() {
        Ok(cli) => ctl::main(cli),
        Err(code) => code,
    }
}
