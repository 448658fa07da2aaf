//! Power cuts of the whole cluster: what was acknowledged must come from the disks alone. Disks
//! fail,
//! fill up and are slow in between.

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
        draw_disks(&mut world);
        let work = world.rng.random_range(500..5000);
        world.run_for(Duration::from_millis(work))?;
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
    settle(&mut world)?;
    Ok(world.report())
}

fn draw_disks(world: &mut World) {
    for i in 0..world.machines.len() {
        let rates = DiskRates {
            write_error: if world.rng.random_bool(0.2) {
                0.002
            } else {
                0.0
            },
            sync_time: Duration::from_millis(world.rng.random_range(0..20)),
            ..DiskRates::default()
        };
        world.machines[i].disk().set_rates(rates);
    }
}

const CUTS: u32 = 3;
const RESTART: Duration = Duration::from_secs(30);
