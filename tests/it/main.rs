//! One binary for everything that is tested from outside: the repository's own rules, the crate
//! graph, the two programs as processes.

mod cli;
mod ctl;
mod faults;
mod fleet;
mod fuzz;
mod job;
mod layering;
mod licences;
mod model;
mod names;
mod readme;
mod recording;
mod remote;
mod server;
mod service;
mod source;
mod submit;
mod tidy;
mod trace;
