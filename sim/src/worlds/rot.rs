//! Disks that lie or are lost, on a minority: bits flip at rest, a disk comes back from an old
//! image, another one comes back empty. The node that finds damage stops voting, repairs from the
//! others and counts again. One whose disk went back in time is told so and takes no part any more:
//! it would break its word. It is taken out, as is one that lost everything, and a new one joins in
//! its place. Nothing acknowledged is lost and nothing damaged spreads.

use super::members::{FOUNDER, are_gone, replace};
use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use base::NodeId;
use raft::Standing;
use rand::Rng;
use rand::seq::SliceRandom;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let mut story = Story::default();
    let mut faults: [Trouble; 4] = [Story::flips, Story::flips, Story::restored, Story::wiped];
    faults.shuffle(&mut world.rng);
    for fault in faults {
        fault(&mut story, &mut world)?;
    }
    for (what, times) in [
        ("a flipped bit", story.flips),
        ("a disk that went back in time", story.restored),
        ("a disk that was lost", story.wiped),
    ] {
        happened(&world, what, times)?;
    }
    settle(&mut world)?;
    are_gone(&world, &story.gone)?;
    Ok(world.report())
}

/// Bits flip in snapshots, which are made often enough for a restart to need one.
pub(super) fn images(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    spec.settings.raft.snapshot_every = 50;
    spec.settings.raft.keep_behind = 10;
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let mut flips = 0;
    for _ in 0..ROUNDS {
        flips += flip(&mut world, (SNAPSHOT, 0))?;
    }
    happened(&world, "a flipped bit", flips)?;
    settle(&mut world)?;
    Ok(world.report())
}

#[derive(Default)]
struct Story {
    flips: u64,
    restored: u64,
    wiped: u64,
    gone: Vec<NodeId>,
}

impl Story {
    fn flips(&mut self, world: &mut World) -> Result<(), Broken> {
        self.flips += flip(world, (LOG, LAST_BATCH))?;
        Ok(())
    }

    /// An administrator restores a backup that is some seconds old.
    fn restored(&mut self, world: &mut World) -> Result<(), Broken> {
        world.run_until(("somebody leads", BACK), |world| {
            world.leader().map(drop).ok_or_else(|| "nobody".to_owned())
        })?;
        // One that followed: a leader's own word is nobody's to remember.
        let leader = world.leader();
        let (i, id) = voter(world, leader)?;
        let image = world.machines[i].disk().image();
        let then = applied(world, i);
        world.run_until(("the cluster works", BACK), |world| {
            let more = applied(world, i).saturating_sub(then);
            (more > NEWER)
                .then_some(())
                .ok_or_else(|| format!("{more} entries"))
        })?;
        // So that the leader has heard what was acknowledged last.
        world.run_for(NEXT_BATCH)?;
        world.crash(i, true);
        world.machines[i].disk().restore(&image);
        world
            .trace
            .event(world.machines[i].name(), "its disk is an old one");
        dark(world)?;
        world.boot(i);
        world.run_until(("an old disk is told so", REPAIR), |world| {
            went_back(world, i)
        })?;
        self.restored += 1;
        world.crash(i, false);
        self.gone.push(id);
        replace(world, i, id)?;
        world.run_for(NEXT_BATCH)
    }

    /// Nothing is left, not even the node's name for itself.
    fn wiped(&mut self, world: &mut World) -> Result<(), Broken> {
        let (i, id) = voter(world, None)?;
        world.crash(i, true);
        world.machines[i].disk().wipe();
        world
            .trace
            .event(world.machines[i].name(), "its disk is lost");
        dark(world)?;
        world.run_until(("the others go on", BACK), |world| {
            world.leader().map(drop).ok_or_else(|| "nobody".to_owned())
        })?;
        self.wiped += 1;
        self.gone.push(id);
        replace(world, i, id)?;
        world.run_for(NEXT_BATCH)
    }
}

/// A voter but the founder, which the world's own calls go through, and but one other.
fn voter(world: &mut World, but: Option<usize>) -> Result<(usize, NodeId), Broken> {
    let founder = world.machines[FOUNDER].node();
    let voters = founder.map(|node| node.raft().voters).unwrap_or_default();
    let machines = world.machines.iter().enumerate();
    let able: Vec<(usize, NodeId)> = machines
        .filter(|(i, _)| *i != FOUNDER && Some(*i) != but)
        .filter_map(|(i, machine)| Some((i, machine.node()?.id())))
        .filter(|(_, id)| voters.contains(id))
        .collect();
    if able.is_empty() {
        return Err(world.broken("there is a voter to hurt", format!("of {voters:?}")));
    }
    Ok(able[world.rng.random_range(0..able.len())])
}

fn applied(world: &World, i: usize) -> u64 {
    let node = world.machines[i].node();
    node.and_then(|node| node.raft().applied).unwrap_or(0)
}

fn went_back(world: &World, i: usize) -> Result<(), String> {
    let fault = world.machines[i].node().and_then(|node| node.raft().fault);
    match fault {
        Some(fault) if fault.contains(WENT_BACK) => Ok(()),
        other => Err(format!("n{}: {other:?}", i + 1)),
    }
}

/// Some bits flip in one machine's files; how many. Waits until its vote counts again.
fn flip(world: &mut World, (part, spare): (&str, usize)) -> Result<u64, Broken> {
    let mut flips = 0;
    let i = world.rng.random_range(0..world.machines.len());
    world.crash(i, true);
    let disk = world.machines[i].disk().clone();
    for _ in 0..world.rng.random_range(1..4) {
        flips += u64::from(disk.flip_bit_before(part, spare));
    }
    world.trace.event(world.machines[i].name(), "bits flip");
    dark(world)?;
    world.boot(i);
    // Before it counts again another damage would be one of two, and two are no minority of
    // three.
    world.run_until(("a damaged node repairs", REPAIR), |world| {
        world.all_alive()?;
        all_sound(world)
    })?;
    // A repair ends with one large batch, which is not to be the last one of the log.
    world.run_for(NEXT_BATCH)?;
    Ok(flips)
}

fn dark(world: &mut World) -> Result<(), Broken> {
    let ms = world.rng.random_range(100..2000);
    world.run_for(Duration::from_millis(ms))
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
/// Bytes at the end of a log that no flip hits. Damage in the very last batch looks like a torn
/// tail: its node is told so by the others and must be removed, as one with an old disk.
const LAST_BATCH: usize = 4 << 10;
const SNAPSHOT: &str = "raft/snapshot.";
/// Of the fault's text ([`raft::Fault::RolledBack`]), which is all that a node's view has of it.
const WENT_BACK: &str = "went back in time";
const WORK: Duration = Duration::from_secs(3);
const NEXT_BATCH: Duration = Duration::from_millis(500);
const ROUNDS: u32 = 3;
const REPAIR: Duration = Duration::from_secs(30);
const BACK: Duration = Duration::from_secs(30);
/// Entries that an image lacks: more than could have been on their way when it was made.
const NEWER: u64 = 40;

/// One kind of fault, from its beginning to its end.
type Trouble = fn(&mut Story, &mut World) -> Result<(), Broken>;
