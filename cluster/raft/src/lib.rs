//! What the cluster has promised: a Raft group over openraft, its durable log, and the ledger that
//! the log feeds. Knows no sockets (a [`Courier`] carries frames), no files (a [`Disk`] does) and
//! no threads that a simulation cannot replace ([`Writer`]).
//!
//! Where to read first: `log` for what is durable when, `group::standing` for why a node whose disk
//! lost something may not vote, `ledger` for what the commands mean. [`simulator`] runs many
//! replicas of the ledger alone.
//!
//! Never true: a commit is acknowledged before a quorum has it behind an fsync; a damaged log is
//! read as a short one; a read is served under a lease; a node id comes back after removal.

mod clock;
mod disk;
mod fault;
mod group;
pub mod ledger;
mod log;
mod machine;
mod net;
mod settings;
pub mod simulator;
mod snapshot;
mod types;

pub use disk::{Disk, DiskError, Folder};
pub use fault::{Abort, Fault, ProcessAbort};
pub use group::{
    ChangeError, Group, HandleError, Lag, Peers, ProposeError, RaftView, ReadError, ReadPoint,
    Standing, StartError, Starter, Writer,
};
pub use log::Damage;
pub use net::{Courier, CourierError};
pub use settings::Settings;
