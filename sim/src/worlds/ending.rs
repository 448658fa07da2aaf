//! The second phase of each seed: all faults end, everybody is up, and what was promised is there.

use crate::disk::DiskRates;
use crate::fabric::Rates;
use crate::invariants::{
    accepted_jobs_are_there, all_was_asked_for, cluster_is_live, jobs_are_linearizable,
    missing_record, models_are_linearizable, queues_are_empty, register_is_linearizable,
    stores_are_equal,
};
use crate::world::{Broken, World};
use raft::ledger::Command;
use std::collections::BTreeSet;
use std::time::Duration;

/// Ends all faults and holds the cluster to its word. It has [`LIVE`] for all of liveness: from the
/// last fault to the last condition.
pub(super) fn settle(world: &mut World) -> Result<(), Broken> {
    end_faults(world);
    let began = world.now();
    let end = began + LIVE;
    by(world, ("the cluster lives again", end), |world| {
        world.all_alive()
    })?;
    commit_one(world)?;
    // Clients stop, so that the last words can be compared.
    world.quiet();
    by(world, ("the cluster is live", end), |world| {
        cluster_is_live(world)
    })?;
    by(world, ("stores converge", end), |world| {
        stores_are_equal(world)
    })?;
    by(world, ("queues are emptied", end), |world| {
        queues_are_empty(world)
    })?;
    let took = world.now() - began;
    if took > LIVE {
        let what = format!("{took:?} after the last fault");
        return Err(world.broken("all is well within 60 s", what));
    }
    world
        .trace
        .event("world", format!("all is well after {took:?}"));
    let records = world.oracle.told().records.clone();
    let missing = world.on_any_node(|node| async move { missing_record(&node, records).await })?;
    if let Some(what) = missing {
        return Err(world.broken("no acknowledged record is lost", what));
    }
    audit(world)
}

fn end_faults(world: &mut World) {
    world.trace.event("world", "all faults end");
    world.wake_all();
    world.fabric.heal();
    world.fabric.set_rates(Rates::default());
    let present: Vec<usize> = world.present().collect();
    for i in present {
        world.machines[i].disk().set_rates(DiskRates::default());
        world.machines[i].set_clock_offset(0);
        world.drift(i, 0);
        world.boot(i);
    }
}

/// What must come true before `end`.
fn by(
    world: &mut World,
    (invariant, end): (&'static str, Duration),
    done: impl FnMut(&mut World) -> Result<(), String>,
) -> Result<(), Broken> {
    let left = end.saturating_sub(world.now());
    world.run_until((invariant, left), done)
}

/// A command whose outcome is unknown is sent again.
fn commit_one(world: &mut World) -> Result<(), Broken> {
    world.on_any_node(|node| async move {
        let mut last = String::new();
        for _ in 0..NOTE_TRIES {
            let note = Command::Note {
                what: "after the last fault".to_owned(),
            };
            match node.submit("world", note).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    })
}

/// Compares what the clients were told until now with a node that has caught up since: the last
/// commands of clients that fall silent commit after the cluster is live.
fn audit(world: &mut World) -> Result<(), Broken> {
    let (told, asked) = (world.oracle.told().clone(), world.now());
    let names = world.present().map(|i| world.machines[i].name().to_owned());
    let names: BTreeSet<String> = names.collect();
    let state = world.on_any_node(|node| async move {
        node.barrier().await.map_err(|error| error.to_string())?;
        Ok(node.state())
    })?;
    accepted_jobs_are_there(&told, &state)
        .and_then(|()| all_was_asked_for(&told, &state, &names))
        .and_then(|()| register_is_linearizable(&told))
        .and_then(|()| jobs_are_linearizable(&told, &state, asked))
        .and_then(|()| models_are_linearizable(&told, &state, asked))
        .map_err(|(invariant, what)| world.broken(invariant, what))
}

/// That a fault which the world is about has happened at all.
pub(super) fn happened(world: &World, what: &str, times: u64) -> Result<(), Broken> {
    if times > 0 {
        return Ok(());
    }
    Err(world.broken("the world's faults happen", format!("not once: {what}")))
}

/// Each try has its own deadline.
const NOTE_TRIES: u32 = 10;
/// Simulated time that a cluster has after the last fault, for everything together.
const LIVE: Duration = Duration::from_secs(60);
