//! Everything at once, but never so much for so long that nobody could go on.

use super::cuts::{between, sides};
use super::weather::Weather;
use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let weather = Weather::begin(&mut world);
    let drifts = world.rng.random_bool(0.5) && plan::drifts(&mut world);
    let mut drawn = Drawn::default();
    let end = world.now() + TROUBLE;
    while world.now() < end {
        let calm = world.rng.random_range(100..2500);
        world.run_for(Duration::from_millis(calm))?;
        let length = Duration::from_millis(world.rng.random_range(200..5000));
        drawn.hurt(&mut world, length)?;
    }
    weather.happened(&world)?;
    drawn.happened(&world)?;
    if drifts {
        happened(&world, "a clock that drifts", world.strayed())?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

/// What was drawn, so that it can be shown to have happened.
#[derive(Default)]
struct Drawn {
    /// How long the network was parted, all cuts together.
    parted: Duration,
    kills: u64,
    sleeps: u64,
    /// Machines whose wall clocks are far ahead.
    ahead: BTreeSet<usize>,
}

impl Drawn {
    fn hurt(&mut self, world: &mut World, length: Duration) -> Result<(), Broken> {
        match world.rng.random_range(0..10) {
            0..2 => self.partition(world, length),
            2 => self.one_way(world, length),
            3 => bridge(world, length),
            4 => ring(world, length),
            5 => flap(world),
            6 if world.rng.random_bool(0.5) => {
                self.skew(world);
                Ok(())
            }
            6 => self.stand_still(world, length),
            _ => self.kill(world, length),
        }
    }

    fn happened(&self, world: &World) -> Result<(), Broken> {
        let parted = self.parted > NOTICED;
        for (what, drawn, times) in [
            (
                "a blocked datagram",
                parted,
                world.fabric.counters().blocked,
            ),
            ("a kill", self.kills > 0, world.crashes),
            ("a pause", self.sleeps > 0, world.pauses),
        ] {
            if drawn {
                happened(world, what, times)?;
            }
        }
        Ok(())
    }

    /// Cuts the cluster in two, in both directions.
    fn partition(&mut self, world: &mut World, length: Duration) -> Result<(), Broken> {
        let all = world.machines.len();
        let sides = sides(world, all);
        world.trace.event("world", format!("partition {sides:?}"));
        between(world, |a, b| sides[a] != sides[b]);
        self.parted += length;
        world.run_for(length)?;
        world.fabric.heal();
        Ok(())
    }

    /// One side hears the other and cannot answer.
    fn one_way(&mut self, world: &mut World, length: Duration) -> Result<(), Broken> {
        let all = world.machines.len();
        let sides = sides(world, all);
        world
            .trace
            .event("world", format!("one-way partition {sides:?}"));
        between(world, |a, b| sides[a] && !sides[b]);
        self.parted += length;
        world.run_for(length)?;
        world.fabric.heal();
        Ok(())
    }

    /// One machine sleeps through what happens next.
    fn stand_still(&mut self, world: &mut World, length: Duration) -> Result<(), Broken> {
        if let Some(i) = world.any_up() {
            world.pause(i, length);
            self.sleeps += 1;
        }
        world.run_for(length / 2)
    }

    /// A wall clock jumps, as far as certificates bear it: behind those who made them by ten
    /// minutes, ahead by what is left of a day. Nothing else looks at it while a process runs.
    fn skew(&mut self, world: &mut World) {
        let i = world.rng.random_range(0..world.machines.len());
        let ms = if world.rng.random_bool(0.4) {
            HOUR_MS
        } else {
            world.rng.random_range(-BEHIND_MS..BEHIND_MS)
        };
        world.trace.event(
            world.machines[i].name(),
            format!("wall clock off by {ms} ms"),
        );
        world.machines[i].set_clock_offset(ms);
        if ms > STAMPS_MS {
            self.ahead.insert(i);
        } else {
            self.ahead.remove(&i);
        }
    }

    /// Kills a machine, or two where a majority is left, and starts them again.
    fn kill(&mut self, world: &mut World, length: Duration) -> Result<(), Broken> {
        let most = (world.machines.len() - 1) / 2;
        let count = world.rng.random_range(1..=most);
        for _ in 0..count {
            let Some(i) = world.any_up() else {
                break;
            };
            let power_cut = world.rng.random_bool(0.5);
            world.crash(i, power_cut);
            self.kills += 1;
            // Its calendar is set before it starts: what a node records that starts a minute or
            // more ahead has to be said again once it has heard two peers (see docs/faults.md),
            // which the store's own simulator shows.
            if self.ahead.remove(&i) {
                world.machines[i].set_clock_offset(0);
            }
        }
        world.run_for(length)?;
        for i in 0..world.machines.len() {
            world.boot(i);
        }
        Ok(())
    }
}

/// Two halves that only one machine can reach both of.
fn bridge(world: &mut World, length: Duration) -> Result<(), Broken> {
    let all = world.machines.len();
    let sides = sides(world, all);
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

/// Simulated time with faults.
const TROUBLE: Duration = Duration::from_secs(20);
const FLAPS: u32 = 4;
/// Longer than dials pause at the most when a link is down already.
const NOTICED: Duration = Duration::from_secs(5);
const HOUR_MS: i64 = 3_600_000;
/// Within the leeway of certificates.
const BEHIND_MS: i64 = 540_000;
/// How far ahead the replicated store takes a stamp.
const STAMPS_MS: i64 = 60_000;
