//! The whole cluster in one process and one thread of simulated time: real QUIC, TLS, Raft, gossip
//! and actors on simulated UDP and simulated disks, with faults drawn from a seed.
//!
//! A world builds a cluster, hurts it, heals it, and asks the invariants. The same seed gives the
//! same bytes; a failing seed prints the command that replays it.

#[cfg(not(tokio_unstable))]
compile_error!(
    "the simulation seeds tokio's scheduler and needs `--cfg tokio_unstable`: build from the \
     repository's root, whose .cargo/config.toml sets it"
);

pub mod card;
mod client;
mod computer;
pub mod disk;
pub mod entropy;
pub mod fabric;
pub mod history;
pub mod host;
pub mod invariants;
pub mod machine;
pub mod net;
pub mod objects;
pub mod oracle;
mod stranger;
pub mod time;
pub mod trace;
pub mod world;
pub mod worlds;
