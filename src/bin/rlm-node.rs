//! `rlm-node`: the daemon's program. Parses, runs one verb, turns its result into an exit code.

use rlm_node::{ctl, daemon};
use std::process::ExitCode;

fn main() -> ExitCode {
    match ctl::parse() {
        Ok(cli) => daemon::main(cli),
        Err(code) => code,
    }
}
