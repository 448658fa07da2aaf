//! Everything at once, but never so much for so long that nobody could go on.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let rates = plan::rates(&mut world.rng);
    world.trace.event("world", format!("{rates:?}"));
    world.fabric.set_rates(rates);
    let drifts = world.rng.random_bool(0.5) && plan::drifts(&mut world);
    let mut faults = 0;
    let end = world.now() + TROUBLE;
    while world.now() < end {
        let calm = world.rng.random_range(100..2500);
        world.run_for(Duration::from_millis(calm))?;
        let length = Duration::from_millis(world.rng.random_range(200..5000));
        match world.rng.random_range(0..10) {
            0..2 => partition(&mut world, length)?,
            2 => one_way(&mut world, length)?,
            3 => bridge(&mut world, length)?,
            4 => ring(&mut world, length)?,
            5 => flap(&mut world)?,
            6 if world.rng.random_bool(0.5) => skew(&mut world),
            6 => stand_still(&mut world, length)?,
            _ => kill(&mut world, length)?,
        }
        faults += 1;
    }
    happened(&world, "any fault", faults)?;
    let counters = world.fabric.counters();
    if rates.loss > 0.0 {
        happened(&world, "a lost datagram", counters.lost)?;
    }
    if drifts {
        happened(&world, "a clock that drifts", world.strayed())?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

/// Cuts the cluster in two, in both directions.
fn partition(world: &mut World, length: Duration) -> Result<(), Broken> {
    let sides: Vec<bool> = sides(world);
    world.trace.event("world", format!("partition {sides:?}"));
    between(world, |a, b| sides[a] != sides[b]);
    world.run_for(length)?;
    world.fabric.heal();
    Ok(())
}

/// One side hears the other and cannot answer.
fn one_way(world: &mut World, length: Duration) -> Result<(), Broken> {
    let sides: Vec<bool> = sides(world);
    world
        .trace
        .event("world", format!("one-way partition {sides:?}"));
    between(world, |a, b| sides[a] && !sides[b]);
    world.run_for(length)?;
    world.fabric.heal();
    Ok(())
}

/// Two halves that only one machine can reach both of.
fn bridge(world: &mut World, length: Duration) -> Result<(), Broken> {
    let sides: Vec<bool> = sides(world);
    let bridge = world.rng.random_range(0..sides.len());
    world
        .trace
        .event("world", format!("bridge n{} between {sides:?}", bridge + 1));
    between(world, |a, b| {
        a != bridge && b != bridge && sides[a] != sides[b]
    });
    world.run_for(length)?;
    world.fabric.heal();
    Ok(())
}

/// Everybody reaches only its two neighbours.
fn ring(world: &mut World, length: Duration) -> Result<(), Broken> {
    let all = world.machines.len();
    world.trace.event("world", "ring");
    between(world, |a, b| a.abs_diff(b) != 1 && a.abs_diff(b) != all - 1);
    world.run_for(length)?;
    world.fabric.heal();
    Ok(())
}

/// One link comes and goes.
fn flap(world: &mut World) -> Result<(), Broken> {
    let all = world.machines.len();
    let a = world.rng.random_range(0..all);
    let b = (a + world.rng.random_range(1..all)) % all;
    world
        .trace
        .event("world", format!("the link n{}-n{} flaps", a + 1, b + 1));
    for _ in 0..FLAPS {
        between(world, |from, to| {
            (from, to) == (a, b) || (from, to) == (b, a)
        });
        let down = world.rng.random_range(100..800);
        world.run_for(Duration::from_millis(down))?;
        world.fabric.heal();
        let up = world.rng.random_range(100..800);
        world.run_for(Duration::from_millis(up))?;
    }
    Ok(())
}

/// One machine sleeps through what happens next.
fn stand_still(world: &mut World, length: Duration) -> Result<(), Broken> {
    if let Some(i) = world.any_up() {
        world.pause(i, length);
    }
    world.run_for(length / 2)
}

/// A wall clock jumps. Nothing but certificates looks at it.
fn skew(world: &mut World) {
    let i = world.rng.random_range(0..world.machines.len());
    // Within the leeway of certificates; more is a matter of its own world.
    let ms = world.rng.random_range(-300_000..300_000);
    world.trace.event(
        world.machines[i].name(),
        format!("wall clock off by {ms} ms"),
    );
    world.machines[i].set_clock_offset(ms);
}

/// Kills a machine, or two where a majority is left, and starts them again.
fn kill(world: &mut World, length: Duration) -> Result<(), Broken> {
    let most = (world.machines.len() - 1) / 2;
    let count = world.rng.random_range(1..=most);
    for _ in 0..count {
        let Some(i) = world.any_up() else {
            break;
        };
        let power_cut = world.rng.random_bool(0.5);
        world.crash(i, power_cut);
    }
    world.run_for(length)?;
    for i in 0..world.machines.len() {
        world.boot(i);
    }
    Ok(())
}

fn sides(world: &mut World) -> Vec<bool> {
    let all = world.machines.len();
    if world.rng.random_bool(0.5) {
        let alone = world.rng.random_range(0..all);
        return (0..all).map(|i| i == alone).collect();
    }
    (0..all).map(|_| world.rng.random_bool(0.5)).collect()
}

/// Blocks each ordered pair that `cut` names.
fn between(world: &mut World, cut: impl Fn(usize, usize) -> bool) {
    let all = world.machines.len();
    for from in 0..all {
        for to in 0..all {
            if from != to && cut(from, to) {
                world.block(from, to);
            }
        }
    }
}

/// Simulated time with faults.
const TROUBLE: Duration = Duration::from_secs(20);
const FLAPS: u32 = 4;
