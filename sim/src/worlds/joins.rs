//! The cluster changes under load and loss: voters are promoted, demoted and promoted again, two
//! machines join at once while the members are parted, a member is removed while it is cut off from
//! another one.

use super::cuts::{between, sides};
use super::members::{are_gone, ask_to_remove, dismiss, remove};
use super::weather::Weather;
use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use base::NodeId;
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    let first = spec.nodes.min(5);
    spec.voters = spec.voters.min(first);
    spec.nodes = first + NEWCOMERS;
    spec.later = NEWCOMERS;
    let mut world = World::new(&spec);
    // One voter at first: each promotion happens under load and loss.
    world.assemble(1)?;
    let weather = Weather::begin(&mut world);
    let mut changes = 0;
    for i in 1..spec.voters {
        changes += u64::from(change(&mut world, i, true)?);
    }
    for _ in 0..CHURN {
        let i = world.rng.random_range(1..first);
        let promote = world.rng.random_bool(0.6);
        if world.rng.random_bool(0.3) {
            part(&mut world, (i, first));
        }
        changes += u64::from(change(&mut world, i, promote)?);
        world.fabric.heal();
    }
    let before = world.fabric.counters().blocked;
    come(&mut world, first)?;
    let blocked = world.fabric.counters().blocked - before;
    let gone = go(&mut world, first)?;
    weather.happened(&world)?;
    for (what, times) in [
        ("a change of the voters", changes),
        ("a blocked datagram while machines join", blocked),
    ] {
        happened(&world, what, times)?;
    }
    settle(&mut world)?;
    are_gone(&world, &[gone])?;
    Ok(world.report())
}

/// Asks for a change; one that does not come within its time may still come, and breaks nothing.
fn change(world: &mut World, i: usize, promote: bool) -> Result<bool, Broken> {
    let Some(target) = world.machines[i].node().map(|node| node.id()) else {
        return Ok(false);
    };
    let verb = if promote { "promote" } else { "demote" };
    world.trace.event("world", format!("{verb} n{}", i + 1));
    let done = world.on_founder(move |node| async move {
        let outcome = if promote {
            node.promote("world", target, PATIENCE).await
        } else {
            node.demote("world", target, PATIENCE).await
        };
        Ok(outcome.is_ok())
    })?;
    Ok(done)
}

/// Parts a machine from another one of the first.
fn part(world: &mut World, (i, first): (usize, usize)) {
    let other = (i + world.rng.random_range(1..first)) % first;
    world.block(other, i);
    world.block(i, other);
}

/// All newcomers knock at once, while the members are in two parts and each newcomer is with one
/// of them. Once the parts are one again everybody gets in, each by one use of the token.
fn come(world: &mut World, first: usize) -> Result<(), Broken> {
    let uses = u32::try_from(NEWCOMERS).unwrap_or(u32::MAX);
    let token = world.token(uses)?;
    let mut sides = sides(world, first);
    for _ in 0..NEWCOMERS {
        let side = world.rng.random_bool(0.5);
        sides.push(side);
    }
    world
        .trace
        .event("world", format!("joins in a partition {sides:?}"));
    for i in first..first + NEWCOMERS {
        world.admit_with(i, &token);
    }
    between(world, |a, b| sides[a] != sides[b]);
    let parted = world.rng.random_range(1_500..4_000);
    world.run_for(Duration::from_millis(parted))?;
    world.fabric.heal();
    world.run_until(("newcomers get in", ENTER), |world| {
        let members = world.members();
        let outside = (first..first + NEWCOMERS).find(|i| world.machines[*i].node().is_none());
        match outside {
            Some(i) => Err(format!("n{} is outside", i + 1)),
            None if members != first + NEWCOMERS => Err(format!("{members} members")),
            None => Ok(()),
        }
    })
}

/// A member is removed, at first while it and another one do not hear each other.
fn go(world: &mut World, first: usize) -> Result<NodeId, Broken> {
    let i = world.rng.random_range(1..first);
    let Some(gone) = world.machines[i].node().map(|node| node.id()) else {
        return Err(world.broken("a member can be removed", format!("n{} is down", i + 1)));
    };
    world.trace.event(world.machines[i].name(), "is removed");
    part(world, (i, first));
    let asked = ask_to_remove(world, gone)?;
    world.fabric.heal();
    if asked.is_err() {
        remove(world, gone)?;
    }
    dismiss(world, i);
    Ok(gone)
}

const NEWCOMERS: usize = 2;
const CHURN: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(8);
/// A join that an election or a partition cut short is tried again within seconds.
const ENTER: Duration = Duration::from_secs(60);
