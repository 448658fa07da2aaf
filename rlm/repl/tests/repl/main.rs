//! The REPL from outside: real sessions in the real guest.

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
