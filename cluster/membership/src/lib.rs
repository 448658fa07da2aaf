//! Who is in the cluster, and who of them lives: SWIM as a pure machine.
//!
//! [`Swim::step`] takes the time and an input (a datagram, a timer that fired, a wish) and
//! appends effects (datagrams to send, timers to set, news about peers). It reads no clock,
//! opens no socket and draws only from the seed that it was given, so a run can be repeated
//! exactly.
//!
//! foca runs the protocol: random probes, indirect probes, suspicion, refutation by
//! incarnation, gossip. What foca leaves open is ours:
//!
//! * **Nobody is declared dead in passing.** Whoever suspects a peer tells it so, directly and
//!   through helpers, until it refutes or its time is up; a peer that answered in the meantime
//!   lives. Only a node that has just heard from a majority declares a death.
//! * **A node doubts itself first** ([`Standing::SelfSuspect`]): when more than a third of its
//!   peers seem gone, when nobody answers, or when its own clock jumped, it declares nobody
//!   dead until a majority has answered it. A minority therefore removes nobody, and merges
//!   within seconds.
//! * **Nobody is given up.** Seeds and dead members are dialled for ever, except those that
//!   left and those that were removed ([`SwimInput::Refuse`]).
//! * Timeouts follow the measured round trips; links that work one way only, and peers that
//!   come and go, are marked.
//!
//! A node is `NodeId` (drawn once, never reused), `boot` (one more at each start of the
//! process) and `renewals` (one more each time the cluster took it for dead wrongly).

mod codec;
mod health;
mod member;
mod pace;
mod peer;
mod settings;
pub mod simulator;
mod sink;
mod swim;
mod timers;
mod view;

pub use health::{Doubt, act_at_once};
pub use member::Member;
pub use peer::{Link, Liveness};
pub use settings::{SwimSettings, SwimSettingsError};
pub use swim::{Swim, SwimEffect, SwimInput};
pub use view::{PeerView, Standing, SwimCounts, SwimView};

#[cfg(test)]
mod tests;
