//! One machine's calendar jumps in the middle of a run, in half of the cases a leader's. Only
//! certificates look at it: nine minutes behind and an hour ahead they bear, and nobody notices. An
//! hour behind, the machine takes every certificate for one of the future: it drops its links and
//! stands apart, the others go on, and it is back once its calendar is right.

use super::plan::{self, victim};
use super::{happened, settle};
use crate::world::{Broken, Report, World};
use rand::seq::SliceRandom;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let drifts = plan::drifts(&mut world);
    world.run_for(WORK)?;
    let before = expired(&world);
    let mut jumps = [NINE_MINUTES_BEHIND, HOUR_AHEAD, HOUR_BEHIND];
    jumps.shuffle(&mut world.rng);
    for ms in jumps {
        let i = victim(&mut world);
        if ms == HOUR_BEHIND {
            stands_apart(&mut world, i)?;
        } else {
            is_borne(&mut world, (i, ms))?;
        }
        world.run_for(WORK)?;
    }
    happened(
        &world,
        "a link that a wrong clock cost",
        expired(&world) - before,
    )?;
    if drifts {
        happened(&world, "a clock that drifts", world.strayed())?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

fn jump(world: &World, i: usize, ms: i64) {
    let name = world.machines[i].name();
    world
        .trace
        .event(name, format!("wall clock off by {ms} ms"));
    world.machines[i].set_clock_offset(ms);
}

/// No link goes, and all see all.
fn is_borne(world: &mut World, (i, ms): (usize, i64)) -> Result<(), Broken> {
    let before = expired(world);
    jump(world, i, ms);
    world.run_for(HOLD)?;
    world.run_until((BORNE, CUT_OFF), |world| world.all_alive())?;
    let cost = expired(world) - before;
    jump(world, i, 0);
    if cost == 0 {
        return Ok(());
    }
    Err(world.broken(BORNE, format!("it cost {cost} links")))
}

fn stands_apart(world: &mut World, i: usize) -> Result<(), Broken> {
    jump(world, i, HOUR_BEHIND);
    world.run_until(("a clock an hour behind is cut off", CUT_OFF), |world| {
        let links = world.machines[i].node().map(|node| node.links().len());
        match links {
            Some(0) => Ok(()),
            other => Err(format!("n{} has {other:?} links", i + 1)),
        }
    })?;
    world.run_until(("the others go on", BACK), |world| match world.leader() {
        Some(leader) if leader != i => Ok(()),
        Some(_) => Err("whose clock is wrong leads".to_owned()),
        None => Err("nobody leads".to_owned()),
    })?;
    world.run_for(HOLD)?;
    jump(world, i, 0);
    world.run_until(("whose clock is right again is back", BACK), |world| {
        world.all_alive()
    })
}

/// Links that were closed because a certificate had ended, or not begun.
fn expired(world: &World) -> u64 {
    let nodes = world.machines.iter().filter_map(|machine| machine.node());
    nodes
        .map(|node| node.transport_metrics().links_expired)
        .sum()
}

const BORNE: &str = "a clock within the leeway changes nothing";
const NINE_MINUTES_BEHIND: i64 = -540_000;
const HOUR_AHEAD: i64 = 3_600_000;
const HOUR_BEHIND: i64 = -HOUR_AHEAD;
const WORK: Duration = Duration::from_secs(2);
const HOLD: Duration = Duration::from_secs(3);
const CUT_OFF: Duration = Duration::from_secs(5);
const BACK: Duration = Duration::from_secs(30);
