//! State machine safety and what follows from log matching and leader completeness: whoever has
//! applied an index has the same state there, for ever, across crashes too (Raft, figure 3; the
//! comparison by hash is etcd's `corruption` check). Within one life `applied` and the term
//! never go back.

use super::Breach;
use crate::host::Machine;
use base::{ContentHash, NodeId};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct History {
    /// The state's hash after each index that somebody was seen at.
    hashes: BTreeMap<u64, (ContentHash, NodeId)>,
    /// Boot, applied index and term of each machine when last seen.
    seen: BTreeMap<String, (u64, u64, u64)>,
}

impl History {
    pub(super) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        for machine in machines {
            let Some(node) = machine.node() else {
                continue;
            };
            let state = node.state();
            let Some(applied) = state.applied else {
                continue;
            };
            let now = (machine.boots(), applied.index, node.raft().term);
            let before = self.seen.insert(machine.name().to_owned(), now);
            if before == Some(now) {
                continue;
            }
            if let Some((boot, index, term)) = before
                && boot == now.0
                && (now.1 < index || now.2 < term)
            {
                let name = machine.name();
                let what = format!("{name} went from {index} in term {term} back to {now:?}");
                return Err(("applied and term never go back", what));
            }
            let hash = state.hash();
            let (first, who) = *self
                .hashes
                .entry(applied.index)
                .or_insert((hash, node.id()));
            if first != hash {
                let what = format!(
                    "at entry {} {} and {} have different states",
                    applied.index,
                    who.short(),
                    node.id().short()
                );
                return Err(("state machine safety", what));
            }
        }
        Ok(())
    }
}
