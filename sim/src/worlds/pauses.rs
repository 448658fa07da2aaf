//! Machines stand still for 0.1 to 60 s, as under SIGSTOP or on a suspended host, leaders above
//! all, while their clocks drift. A leader that wakes up deposed must neither commit nor serve a
//! read, and whoever slept must blame itself for the silence, not the others.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    // A minute of many nodes costs more than it shows.
    spec.nodes = spec.nodes.min(5);
    spec.voters = spec.voters.min(5);
    spec.clients = 1;
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let drifts = plan::drifts(&mut world);
    world.run_for(WORK)?;
    let mut deposed = 0;
    for span in spans(&mut world) {
        deposed += u64::from(leader_sleeps(&mut world, span)?);
        others_sleep(&mut world)?;
    }
    happened(&world, "a machine that stands still", world.pauses)?;
    happened(&world, "a leader that wakes up deposed", deposed)?;
    if drifts {
        happened(&world, "a clock that drifts", world.strayed())?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

/// How long leaders sleep: one in four seeds has a long pause, the others have several short ones.
fn spans(world: &mut World) -> Vec<Duration> {
    if world.rng.random_bool(0.25) {
        return vec![Duration::from_millis(
            world.rng.random_range(10_000..60_000),
        )];
    }
    (0..SLEEPS)
        .map(|turn| {
            // The first one is long enough to be deposed in.
            let least = if turn == 0 { 3_000 } else { 100 };
            Duration::from_millis(world.rng.random_range(least..5_000))
        })
        .collect()
}

/// Whether it woke up in a term in which another leads, and still believed to lead.
fn leader_sleeps(world: &mut World, span: Duration) -> Result<bool, Broken> {
    world.run_until(("somebody leads again", BACK), |world| {
        world.leader().map(drop).ok_or_else(|| "nobody".to_owned())
    })?;
    let Some(leader) = world.leader() else {
        return Ok(false);
    };
    world.pause(leader, span);
    world.run_for(span.saturating_sub(LAST))?;
    let before = world.machines[leader].node().map(|node| node.raft());
    let believes = before.is_some_and(|raft| {
        let id = world.machines[leader].node().map(|node| node.id());
        raft.leader == id
    });
    let deposed = believes && world.leader().is_some_and(|now| now != leader);
    world.run_for(LAST + WORK)?;
    Ok(deposed)
}

/// A follower or two at a time, as many as leave a majority, each for a moment of its own.
fn others_sleep(world: &mut World) -> Result<(), Broken> {
    let most = (world.machines.len() - 1) / 2;
    for _ in 0..world.rng.random_range(0..=most) {
        let Some(i) = world.any_up() else {
            break;
        };
        let span = Duration::from_millis(world.rng.random_range(100..2_000));
        world.pause(i, span);
    }
    world.run_for(WORK)
}

const SLEEPS: u32 = 3;
const WORK: Duration = Duration::from_secs(1);
/// How long before the end of a pause the others are looked at.
const LAST: Duration = Duration::from_millis(20);
const BACK: Duration = Duration::from_secs(30);
