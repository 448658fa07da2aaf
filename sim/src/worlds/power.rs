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
    for _ in 0..CUTS {
        let failing = draw_disks(&mut world);
        let work = world.rng.random_range(500..5000);
        world.run_for(Duration::from_millis(work))?;
        world.run_until(("a failing disk fails", FAILS), |world| {
            has_failed(world, &failing)
        })?;
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
    happened(&world, "a power cut", world.crashes)?;
    happened(&world, "a slow sync", world.report().disks.slow)?;
    settle(&mut world)?;
    Ok(world.report())
}

/// The machines whose disks are to fail, each with its number of errors so far.
fn draw_disks(world: &mut World) -> Vec<(usize, u64)> {
    let mut failing = Vec::new();
    for i in 0..world.machines.len() {
        let fails = world.rng.random_bool(0.2);
        let rates = DiskRates {
            write_error: if fails { 0.01 } else { 0.0 },
            sync_time: Duration::from_millis(world.rng.random_range(0..20)),
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

const CUTS: u32 = 3;
const RESTART: Duration = Duration::from_secs(30);
const FAILS: Duration = Duration::from_secs(30);
