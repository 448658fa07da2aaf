//! Liveness: some time after the last fault everybody is up, agrees on a leader, has applied
//! the same entries, and a new command commits (the second phase of TigerBeetle's simulator).

use crate::world::World;
use std::collections::BTreeSet;

pub fn cluster_is_live(world: &World) -> Result<(), String> {
    world.all_alive()?;
    let mut applied = BTreeSet::new();
    let mut leaders = BTreeSet::new();
    for (_, node) in world.present_nodes()? {
        applied.insert(node.state().applied);
        leaders.insert(node.raft().leader);
    }
    if leaders.len() != 1 {
        return Err(format!("different leaders: {leaders:?}"));
    }
    if applied.len() != 1 {
        return Err(format!("different entries applied: {applied:?}"));
    }
    Ok(())
}
