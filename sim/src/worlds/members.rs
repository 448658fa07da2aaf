//! Changes of who is a member, for the worlds that make them: nodes are taken out, and machines
//! whose nodes are lost begin anew.

use crate::world::{Broken, World};
use base::NodeId;
use std::time::Duration;

/// Takes a node out of the cluster; asks again while the answer is lost.
pub(super) fn remove(world: &mut World, gone: NodeId) -> Result<(), Broken> {
    let mut why = String::new();
    for _ in 0..TRIES {
        match ask_to_remove(world, gone)? {
            // The answer may have been lost, and not what was asked for.
            Err(error) if !is_retired(world, gone) => why = error,
            Ok(()) | Err(_) => return Ok(()),
        }
    }
    Err(world.broken("a member can be removed", why))
}

/// Once; it may have been done although the answer is an error.
pub(super) fn ask_to_remove(world: &mut World, gone: NodeId) -> Result<Result<(), String>, Broken> {
    world.on_founder(move |node| async move {
        let removed = node.remove("world", gone, ("it is lost", PATIENCE)).await;
        Ok(removed.map_err(|error| error.to_string()))
    })
}

pub(super) fn is_retired(world: &World, gone: NodeId) -> bool {
    let founder = world.machines[FOUNDER].node();
    founder.is_some_and(|node| node.state().members.retired.contains_key(&gone))
}

/// A machine whose process has ended and whose node is lost: the node is taken out, the disk is
/// emptied, and a new node joins and votes in its place.
pub(super) fn replace(world: &mut World, i: usize, lost: NodeId) -> Result<(), Broken> {
    remove(world, lost)?;
    forget_records(world, i);
    world.machines[i].disk().wipe();
    world.admit(i)?;
    world.boot(i);
    world.run_until(("who begins anew gets in", ENTER), |world| {
        let inside = member(world, i).map(drop);
        inside.ok_or_else(|| "it is outside".to_owned())
    })?;
    let new = member(world, i);
    let Some(new) = new.filter(|new| *new != lost) else {
        let what = format!("{new:?} took the place of {lost:?}");
        return Err(world.broken("an id is never used twice", what));
    };
    world.on_founder(move |founder| async move {
        let promoted = founder.promote("world", new, ENTER).await;
        promoted.map_err(|error| error.to_string())
    })?;
    world.run_until(("who begins anew is one of all", ENTER), |world| {
        world.all_alive()
    })
}

/// A machine's node, where it runs and the founder's ledger has it.
fn member(world: &World, i: usize) -> Option<NodeId> {
    let id = world.machines[i].node()?.id();
    let ledger = world.machines[FOUNDER].node()?.state();
    ledger.members.live.contains_key(&id).then_some(id)
}

/// Its process ends, and its disk goes with it.
pub(super) fn dismiss(world: &mut World, i: usize) {
    world.dismiss(i);
    forget_records(world, i);
}

/// What the clients of a removed node recorded is not missed: a record is answered when it is on
/// one disk, so that of the last moment may be on no other, and what a removed node said is void.
fn forget_records(world: &mut World, i: usize) {
    let ours = format!("{}.", world.machines[i].name());
    let mut told = world.oracle.told();
    told.records
        .retain(|key, _| !key.starts_with(ours.as_bytes()));
}

/// Asked of every ledger, after all have applied the same.
pub(super) fn are_gone(world: &World, all: &[NodeId]) -> Result<(), Broken> {
    let broken = |what| world.broken("who left is no member", what);
    for (name, node) in world.present_nodes().map_err(broken)? {
        let state = node.state();
        for gone in all {
            let member = state.members.live.contains_key(gone);
            if member || !state.members.retired.contains_key(gone) {
                let what = format!("{name} has {} as a member", gone.short());
                return Err(world.broken("who left is no member", what));
            }
        }
    }
    Ok(())
}

/// The world's own calls go through it.
pub(super) const FOUNDER: usize = 0;
const PATIENCE: Duration = Duration::from_secs(8);
const ENTER: Duration = Duration::from_secs(30);
/// A call whose answer was lost is made again.
const TRIES: u32 = 5;
