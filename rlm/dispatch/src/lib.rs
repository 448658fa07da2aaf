//! Sub-calls on their way to the models: fanned out over all slots at once, fair between jobs,
//! bounded, asked once when they are the same, answered from a cache when they were asked before.
//! What decides is the pure `core`; one owner task (`owner`) translates its effects. Refuses to
//! lose a batch over one failed call, and to cache a reply that another request could receive.

mod account;
mod core;
mod disk;
mod dispatcher;
mod error;
mod key;
mod memory;
mod owner;
mod policy;
#[cfg(test)]
mod tests;

pub use account::{Account, CallRecord, CallSource, CallSums, Progress};
pub use disk::DiskOptions;
pub use dispatcher::{
    Batch, Call, DispatchOptions, Dispatcher, JobHandle, JobOptions, ModelEntry, SubReply,
};
pub use error::{AddModelError, CallError, CallFailure, StartError};
pub use owner::DispatchStats;
