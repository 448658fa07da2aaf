//! Runs one seed of one world: `seed WORLD SEED [--hash] [--quiet]`, or `seed --list`.
//! Prints each event with its virtual time; the last line is the verdict, or the trace's hash.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program's output"
)]

use sim::entropy::isolated;
use sim::worlds::{WORLDS, WorldKind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| words.iter().any(|word| word == name);
    if flag("--list") {
        for world in WORLDS {
            println!("{:<9} {}", world.name, world.about);
        }
        return ExitCode::SUCCESS;
    }
    let plain: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let [world, seed] = plain[..] else {
        eprintln!("usage: seed WORLD SEED [--hash] [--quiet] | --list");
        return ExitCode::from(2);
    };
    let (Some(world), Ok(seed)) = (WorldKind::of(world), seed.parse::<u64>()) else {
        eprintln!("no such world, or the seed is no number; `seed --list` names the worlds");
        return ExitCode::from(2);
    };
    let (hash, echo) = (flag("--hash"), !flag("--quiet"));
    match isolated(seed, move || world.run(seed, echo)) {
        Ok(report) => {
            if hash {
                println!("{:016x}", report.summary.hash);
            } else {
                println!("ok {report:?}");
            }
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!(
                "BROKEN {} at {:?}: {}",
                broken.invariant, broken.at, broken.what
            );
            println!(
                "replay: cargo run -p sim --bin seed -- {} {seed}",
                world.name
            );
            ExitCode::FAILURE
        }
    }
}
