//! One binary for everything that is tested from outside: the repository's own rules, the crate
//! graph, the two programs as processes.

mod cli;
mod layering;
mod licences;
mod source;
mod tidy;
