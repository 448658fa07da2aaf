//! Strong eventual consistency of the replicated store (Shapiro et al., "Conflict-free Replicated
//! Data Types", 2011): once the links work, all nodes know the same, and whatever a client was told
//! is written can be read everywhere.

use crate::world::World;

pub fn stores_are_equal(world: &World) -> Result<(), String> {
    let mut first: Option<(String, u64)> = None;
    for machine in &world.machines {
        let node = machine
            .node()
            .ok_or_else(|| format!("{} is down", machine.name()))?;
        let known = node.known();
        if known.facts.len() != world.machines.len() {
            let (name, facts) = (machine.name(), known.facts.len());
            return Err(format!("{name} knows the facts of {facts} nodes"));
        }
        let (other, root) = first.get_or_insert((machine.name().to_owned(), known.root));
        if *root != known.root {
            return Err(format!(
                "{other} and {} know different things",
                machine.name()
            ));
        }
    }
    Ok(())
}
