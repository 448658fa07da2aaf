//! One node hears nobody, or nobody hears it. It must doubt itself, not the others: who sees more
//! than a third of its peers gone acts on none of them (GPUStack #5935).

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use membership::{Liveness, act_at_once};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    for _ in 0..ROUNDS {
        let alone = world.rng.random_range(0..spec.nodes);
        let (deaf, mute) =
            [(true, true), (true, false), (false, true)][world.rng.random_range(0..3)];
        let name = world.machines[alone].name();
        world
            .trace
            .event(name, format!("is cut off: deaf {deaf}, mute {mute}"));
        for other in (0..spec.nodes).filter(|other| *other != alone) {
            if deaf {
                world.block(other, alone);
            }
            if mute {
                world.block(alone, other);
            }
        }
        let end = world.now() + CUT_OFF;
        while world.now() < end {
            world.run_for(LOOK)?;
            blames_few(&world, alone)?;
        }
        world.fabric.heal();
        world.run_until(("a node that was cut off is back", BACK), |world| {
            world.all_alive()
        })?;
    }
    happened(
        &world,
        "a blocked datagram",
        world.fabric.counters().blocked,
    )?;
    settle(&mut world)?;
    Ok(world.report())
}

fn blames_few(world: &World, alone: usize) -> Result<(), Broken> {
    let Some(node) = world.machines[alone].node() else {
        return Ok(());
    };
    let view = node.membership();
    let dead = view
        .peers
        .iter()
        .filter(|peer| peer.liveness == Liveness::Dead)
        .count();
    if dead <= act_at_once(view.peers.len()) {
        return Ok(());
    }
    let what = format!("it declared {dead} of {} peers dead", view.peers.len());
    Err(world.broken("who is alone blames itself", what))
}

const WORK: Duration = Duration::from_secs(2);
const ROUNDS: u32 = 3;
const CUT_OFF: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(50);
const BACK: Duration = Duration::from_secs(30);
