//! A removed member keeps its disk, its key and a certificate that has hours left. It comes
//! back, and nobody listens: what its clients ask for is not done.

use super::members::dismiss;
use super::{happened, plan, settle};
use crate::invariants::nothing_came_from;
use crate::world::{Broken, Report, World};
use raft::ledger::{Command, State};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let last = spec.nodes - 1;
    let Some(gone) = world.machines[last].node().map(|node| node.id()) else {
        return Err(world.broken("the cluster assembles", "the last node is down".to_owned()));
    };
    world.on_founder(move |node| async move {
        let removed = node.remove("world", gone, ("test", PATIENCE)).await;
        removed.map_err(|error| error.to_string())
    })?;
    let removed_at = world.now();
    world.run_until(("revocation closes links within 5 s", CUT_OFF), |world| {
        no_links(world, last)
    })?;
    world.trace.event(
        "world",
        format!("cut off after {:?}", world.now() - removed_at),
    );
    world.run_until(("every member is told within 5 s", CUT_OFF), |world| {
        all_told(world, last)
    })?;
    let cut_off = ledger(&mut world)?;
    let refused = refusals(&world, last);
    world.crash(last, false);
    world.boot(last);
    world.run_for(AFTERWARDS)?;
    let refused = refusals(&world, last) - refused;
    happened(&world, "an attempt of the removed node", refused)?;
    no_links(&mut world, last)
        .map_err(|what| world.broken("no call of a revoked peer is served", what))?;
    let now = ledger(&mut world)?;
    nothing_came_from(world.machines[last].name(), &cut_off, &now)
        .map_err(|(invariant, what)| world.broken(invariant, what))?;
    if now.members.live.contains_key(&gone) {
        let what = "it is a member again".to_owned();
        return Err(world.broken("an id is never used twice", what));
    }
    dismiss(&mut world, last);
    settle(&mut world)?;
    Ok(world.report())
}

/// As it is when all has been applied that anybody had proposed until now.
fn ledger(world: &mut World) -> Result<Arc<State>, Broken> {
    world.on_founder(|node| async move {
        let note = Command::Note {
            what: "after all before".to_owned(),
        };
        let noted = node.submit("world", note).await;
        noted.map_err(|error| error.to_string())?;
        Ok(node.state())
    })
}

/// All but the leader, who tells it, whatever their logs say.
fn all_told(world: &World, gone: usize) -> Result<(), String> {
    let lines = world.trace.lines();
    let leader = world.leader();
    for (i, machine) in world.machines.iter().enumerate() {
        let name = machine.name();
        let told = lines
            .iter()
            .any(|line| line.contains("told by ") && line.split_whitespace().nth(1) == Some(name));
        if i != gone && Some(i) != leader && !told {
            return Err(format!("{name} was not told"));
        }
    }
    Ok(())
}

fn no_links(world: &mut World, gone: usize) -> Result<(), String> {
    let id = world.machines[gone].node().map(|node| node.id());
    for (i, machine) in world.machines.iter().enumerate() {
        let Some(node) = machine.node() else {
            continue;
        };
        if i != gone && node.links().iter().any(|link| Some(link.peer) == id) {
            return Err(format!("{} has a link to the removed node", machine.name()));
        }
    }
    Ok(())
}

/// Handshakes that the others turned away.
fn refusals(world: &World, gone: usize) -> u64 {
    let others = world
        .machines
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != gone);
    others
        .filter_map(|(_, machine)| machine.node())
        .map(|node| node.transport_metrics().handshakes_failed)
        .sum()
}

const WORK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(20);
const CUT_OFF: Duration = Duration::from_secs(5);
const AFTERWARDS: Duration = Duration::from_secs(10);
