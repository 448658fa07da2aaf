//! A cluster in the middle of an upgrade: one node speaks the wire's version after ours, or its
//! founder still the one before, and all goes on as usual, through loss and restarts. Then the
//! others follow, one after the other, and the cluster's version is raised. A machine two versions
//! away does not get in; nor does one of the version that was left behind, whether it is new or a
//! member that comes back with its old program.

use super::weather::Weather;
use super::{plan, settle};
use crate::world::{Broken, Report, World};
use raft::Fault;
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    let mut rng = plan::rng(!seed);
    // A cluster begins at its founder's version and takes nobody below it.
    let follower = rng.random_range(1..spec.nodes);
    let (neighbour, version) =
        [(0, wire::VERSION - 1), (follower, wire::VERSION + 1)][rng.random_range(0..2)];
    spec.versions.insert(neighbour, version);
    let newest = wire::VERSION.max(version);
    // Too far from ours and from the neighbour's, and the last to come.
    let outsider = spec.nodes;
    spec.versions.insert(outsider, newest + 2);
    spec.nodes += 1;
    spec.later = 1;
    let mut world = World::new(&spec);
    let what = format!("speaks version {version}");
    world.trace.event(world.machines[neighbour].name(), what);
    world.assemble(spec.voters)?;
    let weather = Weather::begin(&mut world);
    for _ in 0..RESTARTS {
        let work = world.rng.random_range(500..2_000);
        world.run_for(Duration::from_millis(work))?;
        let i = if world.rng.random_bool(0.5) {
            neighbour
        } else {
            world.rng.random_range(0..outsider)
        };
        restart(&mut world, i)?;
    }
    world.run_until(("the others know what a node speaks", BACK), |world| {
        speaks(world, (neighbour, version))
    })?;
    let token = world.token(1)?;
    world.machines[outsider].give_token(&token);
    stays_out(&mut world, outsider)?;
    weather.happened(&world)?;
    upgrade(&mut world, newest)?;
    reinstall(&mut world, outsider, newest - 1)?;
    stays_out(&mut world, outsider)?;
    // It would ask on, and each no is an entry of the log.
    world.crash(outsider, false);
    goes_back(&mut world, newest)?;
    settle(&mut world)?;
    Ok(world.report())
}

fn restart(world: &mut World, i: usize) -> Result<(), Broken> {
    world.crash(i, true);
    world.run_for(DARK)?;
    world.boot(i);
    Ok(())
}

/// The machine comes back with another program.
fn reinstall(world: &mut World, i: usize, version: u16) -> Result<(), Broken> {
    world.crash(i, true);
    world.machines[i].take_unfit();
    world.machines[i].install(version);
    restart(world, i)
}

/// Which version the neighbour speaks is in its own facts, and in everybody's ledger.
fn speaks(world: &World, (neighbour, version): (usize, u16)) -> Result<(), String> {
    let nodes = world.present_nodes()?;
    let id = nodes[neighbour].1.id();
    for (name, node) in &nodes {
        let (known, state) = (node.known(), node.state());
        let facts = known.facts.get(&id).map(|facts| facts.wire_version);
        let member = state.members.live.get(&id).map(|member| member.version);
        if facts != Some(version) || member != Some(version) {
            return Err(format!("{name} thinks it speaks {facts:?} or {member:?}"));
        }
    }
    Ok(())
}

/// It asks to join, and is told that its version does not go with the cluster's.
fn stays_out(world: &mut World, outsider: usize) -> Result<(), Broken> {
    let is_in = |world: &World| world.machines[outsider].node().is_some();
    let answered = |world: &mut World| {
        let told = world.machines[outsider].take_unfit();
        let answered = told || is_in(world);
        answered
            .then_some(())
            .ok_or_else(|| "it hears nothing".to_owned())
    };
    world.run_until(("a strange version is told", TOLD), answered)?;
    if is_in(world) {
        let what = "it got in".to_owned();
        return Err(world.broken("a version that does not fit stays out", what));
    }
    Ok(())
}

/// One machine after the other; then the cluster's version follows.
fn upgrade(world: &mut World, newest: u16) -> Result<(), Broken> {
    let members: Vec<usize> = world.present().collect();
    for i in members {
        if world.machines[i].speaks() < newest {
            reinstall(world, i, newest)?;
        }
    }
    world.run_until(("the version is raised once all speak it", BACK), |world| {
        for (name, node) in world.present_nodes()? {
            let version = node.state().version;
            if version != newest {
                return Err(format!("{name} is at version {version}"));
            }
        }
        Ok(())
    })
}

/// A member comes back with the program of before: its own log stops it. With the new one it is a
/// member as it was.
fn goes_back(world: &mut World, newest: u16) -> Result<(), Broken> {
    let members: Vec<usize> = world.present().collect();
    let i = members[world.rng.random_range(0..members.len())];
    reinstall(world, i, newest - 1)?;
    let limit = ("a program older than its cluster takes no part", TOLD);
    world.run_until(limit, |world| {
        let machine = &world.machines[i];
        let fault = machine.node().and_then(|node| node.fault());
        let stopped = matches!(fault, Some(Fault::Outgrown { .. }));
        let told = machine.take_unfit() || stopped;
        told.then_some(()).ok_or_else(|| "it takes part".to_owned())
    })?;
    reinstall(world, i, newest)
}

const RESTARTS: u32 = 2;
const DARK: Duration = Duration::from_millis(300);
const BACK: Duration = Duration::from_secs(60);
const TOLD: Duration = Duration::from_secs(60);
