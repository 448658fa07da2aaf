//! Epochs fence (Chubby's sequencers, Burrows 2006; Kleppmann, "How to do distributed locking",
//! 2016): a job's epoch never goes back, within one epoch it has one holder, and an end is an end.
//! Whatever an older holder does late shows nowhere.

use super::Breach;
use crate::host::Machine;
use raft::ledger::{JobRecord, Jobs, State};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Epochs {
    looks: u64,
    /// The furthest state that was seen: its index and its jobs.
    newest: Option<(u64, Arc<Jobs>)>,
}

impl Epochs {
    pub(super) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        self.looks += 1;
        if !self.looks.is_multiple_of(EVERY) {
            return Ok(());
        }
        // Nodes at one index have one state, so that the furthest speaks for all.
        let states = machines
            .iter()
            .filter_map(|machine| Some(machine.node()?.state()));
        match states.max_by_key(|state| index(state)) {
            Some(state) => self.follow(&state),
            None => Ok(()),
        }
    }

    fn follow(&mut self, state: &State) -> Result<(), Breach> {
        let index = index(state);
        if let Some((seen, before)) = &self.newest {
            if index <= *seen {
                return Ok(());
            }
            if !Arc::ptr_eq(before, &state.jobs) {
                compare(before, &state.jobs).map_err(|what| ("epochs fence", what))?;
            }
        }
        self.newest = Some((index, state.jobs.clone()));
        Ok(())
    }
}

fn index(state: &State) -> u64 {
    state.applied.map_or(0, |applied| applied.index)
}

fn compare(before: &Jobs, after: &Jobs) -> Result<(), String> {
    for (job, old) in &before.all {
        let sound = match after.all.get(job) {
            Some(new) => may_follow(old, new),
            // Only what has ended is forgotten.
            None => old.phase.ended(),
        };
        if !sound {
            let new = after.all.get(job);
            return Err(format!("job {job} went from {old:?} to {new:?}"));
        }
    }
    Ok(())
}

fn may_follow(old: &JobRecord, new: &JobRecord) -> bool {
    if old.phase.ended() {
        return old == new;
    }
    let one_holder = match (old.phase.holder(), new.phase.holder()) {
        (Some(before), Some(now)) => before == now,
        (Some(_) | None, None) => true,
        // Whoever is given a job begins an epoch.
        (None, Some(_)) => false,
    };
    new.epoch > old.epoch || (new.epoch == old.epoch && one_holder)
}

/// Of the looks that the watchers get, since each of these goes through all jobs.
const EVERY: u64 = 10;

#[cfg(test)]
mod tests;
