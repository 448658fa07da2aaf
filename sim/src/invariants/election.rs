//! Election safety: at most one leader in a term (Ongaro and Ousterhout, "In Search of an
//! Understandable Consensus Algorithm", figure 3).

use super::Breach;
use crate::host::Machine;
use base::NodeId;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Elections {
    leaders: BTreeMap<u64, NodeId>,
}

impl Elections {
    pub(super) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        for machine in machines {
            let Some(node) = machine.node() else {
                continue;
            };
            let raft = node.raft();
            if raft.leader != Some(node.id()) {
                continue;
            }
            let first = *self.leaders.entry(raft.term).or_insert(node.id());
            if first != node.id() {
                let what = format!(
                    "{} and {} both lead term {}",
                    first.short(),
                    node.id().short(),
                    raft.term
                );
                return Err(("election safety", what));
            }
        }
        Ok(())
    }

    pub(super) fn terms(&self) -> u64 {
        self.leaders.len() as u64
    }
}
