//! What a cluster knows without agreeing on it: facts about nodes, which node holds which bytes,
//! counters, and recorded replies. Every node writes at once and alone; all end up equal.
//!
//! Pure: no clock, no randomness, no socket, no task. [`Store`] is the state and its merge,
//! [`Gossip`] the machine that spreads it, [`disk`] keeps it over a restart.
//!
//! One idea carries all kinds of data. Each write is an *event* with a name of its own, its
//! [`Dot`]: (replica, count). A store remembers which dots it has seen, as intervals, and keeps the
//! content of those that still matter: its *live* events. An event dies when another one makes it
//! pointless, and leaves nothing behind but its number among the seen. A [`Delta`] says "of these
//! dots, these are live", hence the others are dead: so one merge serves pushes, repairs and whole
//! transfers, in any order and any number of times.
//! (Sources: optimised OR-Sets, Bieniusa et al. 2012; delta-state CRDTs, Almeida et al. 2018.)

mod change;
mod clock;
pub mod disk;
mod dot;
mod gossip;
mod records;
mod spans;
mod store;

pub use change::{Change, Delta, GpuFacts, NodeFacts, Span};
pub use clock::Stamp;
pub use dot::{Dot, Replica};
pub use gossip::{Effect, Gossip, GossipTally, Input, Letter, Settings};
pub use records::{Floor, RecordLimits};
pub use spans::Spans;
pub use store::{
    Rejected, ReplicaDigest, Saved, Store, StoreBatch, StoreDigest, Write, WriteError,
};
