//! Disks that lie, on a minority: bits flip at rest. The node that finds it stops voting, repairs
//! from the others and counts again; nothing acknowledged is lost and nothing damaged spreads.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World, WorldSpec};
use raft::Standing;
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    flip(&plan::spec(seed, echo), LOG)
}

/// The same in snapshots, which are made often enough for a restart to need one.
pub(super) fn images(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    spec.settings.raft.snapshot_every = 50;
    spec.settings.raft.keep_behind = 10;
    flip(&spec, SNAPSHOT)
}

fn flip(spec: &WorldSpec, part: &str) -> Result<Report, Broken> {
    let mut world = World::new(spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let mut flips = 0;
    for _ in 0..ROUNDS {
        let i = world.rng.random_range(0..spec.nodes);
        world.crash(i, true);
        let disk = world.machines[i].disk().clone();
        for _ in 0..world.rng.random_range(1..4) {
            flips += u64::from(disk.flip_bit(part));
        }
        world.trace.event(world.machines[i].name(), "bits flip");
        let dark = world.rng.random_range(100..2000);
        world.run_for(Duration::from_millis(dark))?;
        world.boot(i);
        // Before it counts again another damage would be one of two, and two are no minority of
        // three.
        world.run_until(("a damaged node repairs", REPAIR), |world| {
            world.all_alive()?;
            all_sound(world)
        })?;
        // A repair ends with one large batch. A flip in the very last one before a power cut looks
        // like a torn tail: its node is told so by the others and must be removed, as documented.
        world.run_for(NEXT_BATCH)?;
    }
    happened(&world, "a flipped bit", flips)?;
    settle(&mut world)?;
    Ok(world.report())
}

fn all_sound(world: &World) -> Result<(), String> {
    for machine in &world.machines {
        let standing = machine.node().map(|node| node.raft().standing);
        if standing != Some(Standing::Sound) {
            return Err(format!("{} is {standing:?}", machine.name()));
        }
    }
    Ok(())
}

/// Segments of the Raft log. A vote whose two copies are both damaged is a node that must not come
/// back by itself, which is another story.
const LOG: &str = "raft/log.";
const SNAPSHOT: &str = "raft/snapshot.";
const WORK: Duration = Duration::from_secs(3);
const NEXT_BATCH: Duration = Duration::from_millis(500);
const ROUNDS: u32 = 3;
const REPAIR: Duration = Duration::from_secs(30);
