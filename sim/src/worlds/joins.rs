//! The cluster changes under load: voters are demoted and promoted again, a member is removed, and
//! links break meanwhile.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    // One voter at first: each promotion happens under load and loss.
    world.assemble(1)?;
    let rates = plan::rates(&mut world.rng);
    world.fabric.set_rates(rates);
    let mut changes = 0;
    for i in 1..spec.voters {
        changes += u64::from(change(&mut world, i, true)?);
    }
    for _ in 0..CHURN {
        let i = world.rng.random_range(1..spec.nodes);
        let promote = world.rng.random_bool(0.6);
        if world.rng.random_bool(0.3) {
            let (cut, other) = (world.rng.random_range(0..spec.nodes), i);
            if cut != other {
                world.block(cut, other);
                world.block(other, cut);
            }
        }
        changes += u64::from(change(&mut world, i, promote)?);
        world.fabric.heal();
    }
    happened(&world, "a change of the voters", changes)?;
    settle(&mut world)?;
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

const CHURN: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(8);
