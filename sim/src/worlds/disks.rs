//! One machine's disk at a time is slow, fails, cannot be read, or fills up, in half of the cases a
//! leader's. A node whose disk fails ends its process and starts again; one whose disk is full is
//! read-only and says so, and comes back when there is room; nothing acknowledged is lost.

use super::plan::{self, victim};
use super::{happened, settle};
use crate::disk::DiskRates;
use crate::world::{Broken, Report, World};
use raft::ProposeError;
use raft::ledger::Command;
use rand::Rng;
use rand::seq::SliceRandom;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let mut faults: [Trouble; 5] = [slow, failing, unreadable, full, all_full];
    faults.shuffle(&mut world.rng);
    for fault in faults {
        fault(&mut world)?;
        world.run_until(("a disk that works again is used", BACK), |world| {
            world.all_alive()
        })?;
    }
    let report = world.report();
    for (what, times) in [
        ("a slow sync", report.disks.slow),
        ("an error of a disk", report.disks.errors),
        ("an error while a disk is read", report.disks.read_errors),
        ("a process that ends because its disk failed", report.aborts),
        ("a full disk", report.disks.full),
    ] {
        happened(&world, what, times)?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

fn slow(world: &mut World) -> Result<(), Broken> {
    let i = victim(world);
    let ms = world.rng.random_range(20..500);
    let name = world.machines[i].name();
    let what = format!("disk is slow: {ms} ms for a sync");
    world.trace.event(name, what);
    let disk = world.machines[i].disk().clone();
    disk.set_rates(DiskRates {
        sync_time: Duration::from_millis(ms),
        ..DiskRates::default()
    });
    let work = world.rng.random_range(2_000..5_000);
    world.run_for(Duration::from_millis(work))?;
    if world.rng.random_bool(0.5) {
        // In the middle of what it still writes.
        world.crash(i, true);
        world.boot(i);
        world.run_for(DARK)?;
    }
    disk.set_rates(DiskRates::default());
    Ok(())
}

/// Fails until the process has ended: by its log's writer, or by actors that failed too often. The
/// machine loses power in between, as one with such a disk may.
fn failing(world: &mut World) -> Result<(), Broken> {
    let i = victim(world);
    world.trace.event(world.machines[i].name(), "disk fails");
    let disk = world.machines[i].disk().clone();
    let write_error = world.rng.random_range(0.01..0.05);
    let before = world.machines[i].aborts();
    let end = world.now() + BACK;
    while world.machines[i].aborts() == before && world.now() < end {
        disk.set_rates(DiskRates {
            write_error,
            ..DiskRates::default()
        });
        world.run_for(FAILS)?;
        disk.set_rates(DiskRates::default());
        world.crash(i, true);
        world.boot(i);
        world.run_for(DARK)?;
    }
    Ok(())
}

/// Nothing, or next to nothing, can be read while the machine starts. That is no empty disk: its
/// node neither joins nor founds anything, and is the same one once it can be read.
fn unreadable(world: &mut World) -> Result<(), Broken> {
    let i = victim(world);
    let id = world.machines[i].node().map(|node| node.id());
    world
        .trace
        .event(world.machines[i].name(), "disk cannot be read");
    world.crash(i, true);
    let disk = world.machines[i].disk().clone();
    disk.set_rates(DiskRates {
        read_error: [0.7, 1.0][world.rng.random_range(0..2)],
        ..DiskRates::default()
    });
    world.boot(i);
    let work = world.rng.random_range(1_000..4_000);
    world.run_for(Duration::from_millis(work))?;
    disk.set_rates(DiskRates::default());
    world.run_until(("who could not read is the same one", BACK), |world| {
        let now = world.machines[i].node().map(|node| node.id());
        (now.is_some() && now == id)
            .then_some(())
            .ok_or_else(|| format!("{now:?}, not {id:?}"))
    })
}

/// The others go on, with another leader if need be.
fn full(world: &mut World) -> Result<(), Broken> {
    let i = victim(world);
    let room = world.rng.random_range(0..4_000);
    fill(world, i, room);
    world.run_until((NAMED, BACK), |world| is_full(world, i))?;
    let hold = world.rng.random_range(500..3_000);
    world.run_for(Duration::from_millis(hold))?;
    world.run_until(("the others go on", BACK), |world| match world.leader() {
        Some(leader) if leader != i => Ok(()),
        Some(_) => Err("whose disk is full leads".to_owned()),
        None => Err("nobody leads".to_owned()),
    })?;
    make_room(world, i)
}

/// Nobody can promise anything, and everybody can still be asked.
fn all_full(world: &mut World) -> Result<(), Broken> {
    // New voters fetch the issuer: a file that takes another's place afterwards leaves room.
    world.run_for(FETCHED)?;
    let all = world.machines.len();
    // One entry fills them all. With room anywhere nobody need find the others full.
    for i in 0..all {
        fill(world, i, 0);
    }
    for i in 0..all {
        world.run_until((NAMED, BACK), |world| is_full(world, i))?;
    }
    let refused = world.on_any_node(|node| async move {
        let mut last = String::new();
        for _ in 0..TRIES {
            let note = Command::Note {
                what: "while no disk has room".to_owned(),
            };
            match node.submit("world", note).await {
                Err(ProposeError::DiskFull) => {
                    node.barrier().await.map_err(|error| error.to_string())?;
                    return Ok(());
                }
                Err(error) => last = error.to_string(),
                Ok(_) => last = "it was committed".to_owned(),
            }
        }
        Err(last)
    });
    refused?;
    (0..all).try_for_each(|i| make_room(world, i))
}

/// Leaves so much room, for the clients to fill.
fn fill(world: &World, i: usize, room: u64) {
    let disk = world.machines[i].disk();
    world.trace.event(world.machines[i].name(), "disk fills up");
    disk.set_rates(DiskRates {
        capacity: Some(disk.used() + room),
        ..DiskRates::default()
    });
}

fn is_full(world: &World, i: usize) -> Result<(), String> {
    let raft = world.machines[i].node().map(|node| node.raft());
    if raft.is_some_and(|raft| raft.full) {
        return Ok(());
    }
    Err(format!("n{} has room", i + 1))
}

fn make_room(world: &mut World, i: usize) -> Result<(), Broken> {
    world.trace.event(world.machines[i].name(), "disk has room");
    world.machines[i].disk().set_rates(DiskRates::default());
    world.run_until(("who has room writes again", BACK), |world| {
        match is_full(world, i) {
            Ok(()) => Err(format!("n{} is read-only", i + 1)),
            Err(_) => Ok(()),
        }
    })
}

const NAMED: &str = "a full disk is named";
const FAILS: Duration = Duration::from_secs(1);
const DARK: Duration = Duration::from_millis(500);
const BACK: Duration = Duration::from_secs(30);
/// Whom the asked one takes for the leader may not lead any more.
const TRIES: u32 = 20;

/// One kind of fault, from its beginning to its end.
type Trouble = fn(&mut World) -> Result<(), Broken>;
/// For new voters to have all that they are given.
const FETCHED: Duration = Duration::from_secs(2);
