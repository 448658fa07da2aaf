//! The smoke set: 204 seeds over all worlds, each in a process of its own, and one seed of every
//! world twice. A seed that fails is printed with the command that replays it.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Seeds of each world. Those of 3, 5 and 7 nodes come about as 3 : 2 : 1.
const SMOKE: &[(&str, u64)] = &[
    ("alone", 10),
    ("blobs", 10),
    ("calm", 12),
    ("chaos", 24),
    ("clocks", 10),
    ("disks", 10),
    ("fences", 10),
    ("images", 12),
    ("joins", 10),
    ("moves", 10),
    ("pauses", 10),
    ("power", 24),
    ("revoked", 10),
    ("rot", 12),
    ("strangers", 10),
    ("tokens", 10),
    ("versions", 10),
];

/// Simulations at a time.
const LANES: usize = 2;

/// The seed of each world that is run twice.
const TWICE: u64 = 1;

struct Ran {
    ok: bool,
    out: String,
}

fn seed(world: &str, seed: u64, flags: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_seed"))
        .arg(world)
        .arg(seed.to_string())
        .args(flags)
        .output()
        .expect("the seed program runs");
    let err = String::from_utf8_lossy(&output.stderr);
    Ran {
        ok: output.status.success(),
        out: format!("{}{err}", String::from_utf8_lossy(&output.stdout)),
    }
}

/// Checks some of each, [`LANES`] at a time; what was found wrong.
fn in_lanes<T: Sync>(all: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = check(one) {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(why);
                    }
                }
            });
        }
    });
    failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_world_is_in_the_smoke_set() {
    let mut worlds: Vec<&str> = sim::worlds::WORLDS.iter().map(|world| world.name).collect();
    worlds.sort_unstable();
    let smoke: Vec<&str> = SMOKE.iter().map(|(world, _)| *world).collect();
    assert_eq!(worlds, smoke);
}

#[test]
fn every_seed_of_the_smoke_set_holds() {
    let all: Vec<(&str, u64)> = SMOKE
        .iter()
        .flat_map(|(world, seeds)| (1..=*seeds).map(move |s| (*world, s)))
        .collect();
    assert!(all.len() >= 200, "{} seeds", all.len());
    let failures = in_lanes(&all, |(world, number)| {
        let ran = seed(world, *number, &["--quiet"]);
        if ran.ok {
            return Ok(());
        }
        Err(format!("{world} {number}: {}", ran.out))
    });
    assert!(
        failures.is_empty(),
        "{} seeds failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let failures = in_lanes(SMOKE, |(world, _)| {
        let run = || seed(world, TWICE, &["--hash"]);
        let (first, second) = (run(), run());
        if !first.ok || first.out.lines().count() <= 20 {
            return Err(format!("{world} {TWICE}: {}", first.out));
        }
        if first.out == second.out {
            return Ok(());
        }
        let (lines, again) = (first.out.lines(), second.out.lines());
        let apart = lines.zip(again).find(|(one, other)| one != other);
        Err(format!("{world} {TWICE} has two histories: {apart:?}"))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn another_seed_gives_another_history() {
    let (first, second) = (seed("chaos", 1, &["--hash"]), seed("chaos", 2, &["--hash"]));
    assert_ne!(first.out.lines().last(), second.out.lines().last());
}
