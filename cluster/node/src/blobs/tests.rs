//! The shelf on a real folder and on one that fails, the decisions as tables, the messages as
//! bytes.

mod choices;
mod shelf;
mod words;
