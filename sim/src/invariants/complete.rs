//! Log matching and leader completeness (Raft, figure 3), as far as they show in what was applied:
//! an index has one term, for ever and on every node, and a later index never an older term. A
//! leader that lacked an entry which was committed under an earlier one would put one of its own
//! term where the lost entry had been, or before it; this is seen also where nobody was looked at
//! while it was at the lost entry itself, which the comparison of states by hash needs.

use super::Breach;
use crate::host::Machine;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Terms {
    /// The term of each index that somebody was seen at, and who it was.
    applied: BTreeMap<u64, (u64, String)>,
}

impl Terms {
    pub(super) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        for machine in machines {
            let applied = machine.node().and_then(|node| node.state().applied);
            if let Some(at) = applied {
                self.see((at.index, at.term), machine.name())?;
            }
        }
        Ok(())
    }

    fn see(&mut self, (index, term): (u64, u64), who: &str) -> Result<(), Breach> {
        if let Some((known, by)) = self.applied.get(&index) {
            if *known == term {
                return Ok(());
            }
            let what = format!("entry {index} is of term {known} on {by} and of {term} on {who}");
            return Err(("log matching", what));
        }
        let before = self.applied.range(..index).next_back();
        let after = self.applied.range(index..).next();
        let older = before.filter(|(_, (known, _))| *known > term);
        let newer = after.filter(|(_, (known, _))| *known < term);
        if let Some((other, (known, by))) = older.or(newer) {
            let what =
                format!("{who} has {index} of term {term}, {by} had {other} of term {known}");
            return Err(("leader completeness", what));
        }
        self.applied.insert(index, (term, who.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
