//! Judges what the ledger does to each entry, by books of its own: what it was told, not what the
//! ledger made of it. One file for the books of each part.

mod jobs;
mod members;
mod models;

use super::report::{Breach, hold};
use crate::ledger::{Command, Outcome, Rejection, Stamped, State};
use crate::types::Applied;
use base::Time;
use jobs::JobBooks;
use members::MemberBooks;
use models::ModelBooks;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Oracle {
    now: Time,
    settings: BTreeMap<String, String>,
    jobs: JobBooks,
    members: MemberBooks,
    models: ModelBooks,
}

impl Oracle {
    /// An entry was applied, and gave this state.
    pub(super) fn follow(
        &mut self,
        stamped: &Stamped,
        applied: &Applied,
        state: &State,
    ) -> Result<(), Breach> {
        let (command, result) = (&stamped.command, &applied.result);
        self.now = self.now.max(stamped.at);
        let moved = state.now == self.now && state.applied == Some(applied.point);
        hold("time and place go on", moved, || {
            format!("{:?} at {}: {stamped:?}", state.applied, state.now)
        })?;
        self.jobs.follow(command, result, &state.jobs)?;
        self.members.follow(command, result, state)?;
        self.models.follow(command, result, &state.models)?;
        self.settings(command, result, state)?;
        let refused = matches!(command, Command::SnapshotTaken { .. }) && result.is_err();
        hold("an image's hash is the cluster's", !refused, || {
            format!("{command:?} gave {result:?}")
        })
    }

    /// All that is too much to look at after each entry.
    pub(super) fn check(&self, state: &State) -> Result<(), Breach> {
        self.jobs.check(&state.jobs)?;
        self.members.check(state)?;
        let broken = state.audit.broken();
        hold("the audit log is one chain", broken.is_none(), || {
            format!("broken at {broken:?}")
        })?;
        let (audit, images) = (state.audit.records.len(), state.snapshots.len());
        let fits = audit <= AUDIT && images <= SNAPSHOTS;
        hold("what is kept is bounded", fits, || {
            format!("{audit} audit records, {images} hashes of snapshots")
        })
    }

    /// Jobs that came again after their owner had forgotten them.
    pub(super) fn revived(&self) -> u64 {
        self.jobs.revived()
    }

    fn settings(
        &mut self,
        command: &Command,
        result: &Result<Outcome, Rejection>,
        state: &State,
    ) -> Result<(), Breach> {
        if let (Command::Set { name, value }, Ok(_)) = (command, result) {
            match value {
                Some(value) => self.settings.insert(name.clone(), value.clone()),
                None => self.settings.remove(name),
            };
        }
        let same = self.settings == *state.settings;
        hold("settings are what was set last", same, || {
            format!("{:?}, and not {:?}", state.settings, self.settings)
        })
    }
}

/// Audit records that the ledger keeps.
const AUDIT: usize = 4096;
/// Hashes of snapshots that the ledger keeps.
const SNAPSHOTS: usize = 8;
