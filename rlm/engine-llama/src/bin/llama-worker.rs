//! The child process alone, for this crate's tests and bench; products call `worker_main` from
//! their own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    engine_llama::worker_main()
}
