//! The REPL from outside: real sessions in the real guest.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at what they did not expect"
)]

mod world;

mod blob;
mod blocks;
mod conventions;
mod lazy;
mod limits;
mod many;
mod replay;
mod snippets;
mod together;
mod views;
