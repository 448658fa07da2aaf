//! What must be true of every cluster: one file for each promise, with its source. Some are asked
//! all the time, some at the end.

mod accepted;
mod applied;
mod bounded;
mod complete;
mod converged;
mod election;
mod fenced;
mod linearizable;
mod live;
mod records;
mod unheard;

pub use accepted::accepted_jobs_are_there;
pub use bounded::queues_are_empty;
pub use converged::stores_are_equal;
pub use linearizable::{jobs_are_linearizable, models_are_linearizable, register_is_linearizable};
pub use live::cluster_is_live;
pub use records::missing_record;
pub use unheard::{all_was_asked_for, nothing_came_from};

use crate::host::Machine;

/// Those that are asked all the time, with what they remember.
#[derive(Default)]
pub struct Watchers {
    election: election::Elections,
    applied: applied::History,
    terms: complete::Terms,
    epochs: fenced::Epochs,
    queues: bounded::Queues,
}

/// The promise that was broken, and how.
pub(crate) type Breach = (&'static str, String);

impl Watchers {
    pub(crate) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        self.election.look(machines)?;
        self.applied.look(machines)?;
        self.terms.look(machines)?;
        self.epochs.look(machines)?;
        self.queues.look(machines)
    }

    /// Terms in which somebody led.
    pub fn terms(&self) -> u64 {
        self.election.terms()
    }
}
