//! Power cuts of the whole cluster: what was acknowledged must come from the disks alone. Disks
//! fail and are slow in between, so that a cut falls into a sync and tears what it was to write.

use super::{happened, plan, settle};
use crate::disk::DiskRates;
use crate::world::{Broken, Report, World};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let (mut failed, mut together) = (0, 0);
    for cut in 0..CUTS {
        let failing = draw_disks(&mut world, cut + 1 == CUTS && failed == 0);
        failed += failing.len();
        let work = world.rng.random_range(500..5000);
        world.run_for(Duration::from_millis(work))?;
        world.run_until(("a failing disk fails", FAILS), |world| {
            has_failed(world, &failing)
        })?;
        // One falls wherever it does.
        if cut != ANYWHERE {
            in_a_sync(&mut world)?;
        }
        together += u64::from((0..world.machines.len()).all(|i| world.is_up(i)));
        for i in 0..world.machines.len() {
            world.crash(i, true);
        }
        let dark = world.rng.random_range(10..500);
        world.run_for(Duration::from_millis(dark))?;
        for machine in &world.machines {
            machine.disk().set_rates(DiskRates::default());
        }
        for i in 0..world.machines.len() {
            world.boot(i);
        }
        world.run_until(("the cluster restarts within 30 s", RESTART), |world| {
            world.all_alive()
        })?;
    }
    let disks = world.report().disks;
    for (what, times) in [
        ("a power cut of all at once", together),
        ("a slow sync", disks.slow),
        ("a sync that a cut came before the end of", disks.cut_short),
        ("a torn write", disks.torn),
        ("a byte that was written and not synced", disks.lost_bytes),
        ("an error of a disk", disks.errors),
    ] {
        happened(&world, what, times)?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

/// The machines whose disks are to fail, each with its number of errors so far.
fn draw_disks(world: &mut World, at_least_one: bool) -> Vec<(usize, u64)> {
    let mut failing = Vec::new();
    let one = world.rng.random_range(0..world.machines.len());
    for i in 0..world.machines.len() {
        let fails = world.rng.random_bool(0.2) || (at_least_one && i == one);
        let rates = DiskRates {
            write_error: if fails { 0.01 } else { 0.0 },
            // Long enough for a cut to fall into it.
            sync_time: Duration::from_millis(world.rng.random_range(2..20)),
            ..DiskRates::default()
        };
        let disk = world.machines[i].disk();
        disk.set_rates(rates);
        if fails {
            failing.push((i, disk.counters().errors));
        }
    }
    failing
}

fn has_failed(world: &World, failing: &[(usize, u64)]) -> Result<(), String> {
    for (i, before) in failing {
        if world.machines[*i].disk().counters().errors == *before {
            return Err(format!("the disk of n{} works", i + 1));
        }
    }
    Ok(())
}

/// Goes on until some disk is in the middle of a sync.
fn in_a_sync(world: &mut World) -> Result<(), Broken> {
    let end = world.now() + FAILS;
    while !a_disk_syncs(world) {
        if world.now() >= end {
            return Err(world.broken("the cluster works", "no disk syncs".to_owned()));
        }
        world.step()?;
    }
    Ok(())
}

fn a_disk_syncs(world: &World) -> bool {
    let mut disks = world.machines.iter().map(|machine| machine.disk());
    disks.any(|disk| disk.syncs_under_way() > 0)
}

const CUTS: u32 = 3;
/// Of the cuts, the one that waits for nothing.
const ANYWHERE: u32 = 1;
const RESTART: Duration = Duration::from_secs(30);
const FAILS: Duration = Duration::from_secs(30);
