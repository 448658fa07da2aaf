//! The words that every crate shares: ids, roles, time, models' usage, budgets, a job and its
//! outcome.
//! Depends on nothing of ours and reads no clock, file or socket.

mod chat;
mod cluster;
mod ids;
mod job;
mod time;

pub use chat::{Finish, Message, Role, Usage};
pub use cluster::{ClusterId, Epoch, NodeId, PeerRole, PeerRoles};
pub use ids::{CallPath, ContentHash, JobId, ParseIdError};
pub use job::{Budgets, Ending, JobOutcome, JobSpec, LimitKind, Tally};
pub use time::Time;
