//! Strong eventual consistency of the replicated store (Shapiro et al., "Conflict-free Replicated
//! Data Types", 2011): once the links work, all nodes know the same, and whatever a client was told
//! is written can be read everywhere.

use crate::world::World;

pub fn stores_are_equal(world: &World) -> Result<(), String> {
    let mut first: Option<(&str, u64)> = None;
    let nodes = world.present_nodes()?;
    for (name, node) in &nodes {
        let known = node.known();
        let missing = nodes
            .iter()
            .find(|(_, other)| !known.facts.contains_key(&other.id()));
        if let Some((other, _)) = missing {
            return Err(format!("{name} knows no facts of {other}"));
        }
        let (other, root) = *first.get_or_insert((*name, known.root));
        if root != known.root {
            return Err(format!("{other} and {name} know different things"));
        }
    }
    Ok(())
}
