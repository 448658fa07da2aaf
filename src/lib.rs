//! The node: where the crates that decide (`rlm/*`) meet processes, files and people. Translates
//! effects into calls; a decision that finds its way in here has leaked.

pub mod api;
pub mod clock;
pub mod codes;
pub mod ctl;
pub mod daemon;
pub mod display;
pub mod engines;
pub mod exit;
pub mod fleet;
pub mod job;
mod next;
pub mod node;
pub mod settings;
mod signals;
pub mod trace;
