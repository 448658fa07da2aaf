//! One node speaks the wire's version before ours, or the one after it, as in the middle of an
//! upgrade: all goes on as usual, through loss and restarts. A machine two versions away is told so
//! and does not get in.

use super::weather::Weather;
use super::{plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    let mut rng = plan::rng(!seed);
    let neighbour = rng.random_range(0..spec.nodes);
    let version = [wire::VERSION - 1, wire::VERSION + 1][rng.random_range(0..2)];
    spec.versions.insert(neighbour, version);
    // Too far from ours and from the neighbour's, and the last to come.
    let outsider = spec.nodes;
    let strange = wire::VERSION.max(version) + 2;
    spec.versions.insert(outsider, strange);
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
        world.crash(i, true);
        world.run_for(DARK)?;
        world.boot(i);
    }
    world.run_until(("the others know what a node speaks", BACK), |world| {
        speaks(world, (neighbour, version))
    })?;
    is_refused(&mut world, outsider)?;
    weather.happened(&world)?;
    settle(&mut world)?;
    Ok(world.report())
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

fn is_refused(world: &mut World, outsider: usize) -> Result<(), Broken> {
    let token = world.token(1)?;
    world.machines[outsider].give_token(&token);
    let told = |world: &mut World| {
        let told = world.machines[outsider].was_told_version();
        told.then_some(())
            .ok_or_else(|| "it hears nothing".to_owned())
    };
    world.run_until(("a strange version is told", TOLD), told)?;
    if world.machines[outsider].node().is_some() {
        let what = "it got in".to_owned();
        return Err(world.broken("two versions apart is too far", what));
    }
    Ok(())
}

const RESTARTS: u32 = 3;
const DARK: Duration = Duration::from_millis(300);
const BACK: Duration = Duration::from_secs(30);
const TOLD: Duration = Duration::from_secs(60);
