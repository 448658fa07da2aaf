//! Whole jobs as stories: a root that says what the story gives it, a REPL that reports what the
//! story gives it, and a clock that the story moves.

mod budgets;
mod failures;
pub(crate) mod harness;
mod properties;
mod stories;
mod world;
