//! More machines want to join than the token has uses, all at once: each use lets in one, and the
//! others are kept out however often they ask.

use super::members::dismiss;
use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    let joiners = spec.nodes - 1;
    let uses = world.rng.random_range(1..joiners);
    world.invite(u32::try_from(uses).unwrap_or(u32::MAX))?;
    world.run_until(("a token lets in as many as it says", ENTER), |world| {
        let members = world.members();
        if members > uses {
            Ok(())
        } else {
            Err(format!("{members} members by {uses} uses"))
        }
    })?;
    world.run_for(AFTERWARDS)?;
    let members = world.members();
    if members != uses + 1 {
        let what = format!("{members} members, but {uses} uses and the founder");
        return Err(world.broken("one use of a token lets in one node", what));
    }
    let lines = world.trace.lines();
    let refused = lines.iter().filter(|line| line.contains(" join: ")).count();
    happened(&world, "a refused join", refused as u64)?;
    world.run_until(("who was let in runs", ENTER), |world| {
        let run = world.machines.iter().filter(|m| m.node().is_some()).count();
        (run == members)
            .then_some(())
            .ok_or_else(|| format!("{run} of {members} run"))
    })?;
    // The others are to be no members any more, and the cluster is to be well without them.
    for i in 0..world.machines.len() {
        if world.machines[i].node().is_none() {
            dismiss(&mut world, i);
        }
    }
    settle(&mut world)?;
    Ok(world.report())
}

const ENTER: Duration = Duration::from_secs(60);
/// Time in which those who were too late ask again and again.
const AFTERWARDS: Duration = Duration::from_secs(5);
