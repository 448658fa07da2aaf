//! What must be true of every cluster: one file for each promise, with its source. Some are asked
//! all the time, some at the end.

mod accepted;
mod applied;
mod converged;
mod election;
mod linearizable;
mod live;
mod records;

pub use accepted::accepted_jobs_are_there;
pub use converged::stores_are_equal;
pub use linearizable::register_is_linearizable;
pub use live::cluster_is_live;
pub use records::missing_record;

use crate::host::Machine;

/// Those that are asked all the time, with what they remember.
#[derive(Default)]
pub struct Watchers {
    election: election::Elections,
    applied: applied::History,
}

/// The promise that was broken, and how.
pub(crate) type Breach = (&'static str, String);

impl Watchers {
    pub(crate) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        self.election.look(machines)?;
        self.applied.look(machines)
    }

    /// Terms in which somebody led.
    pub fn terms(&self) -> u64 {
        self.election.terms()
    }
}
