//! The context store: a text of any size behind Python's positions.
//!
//! `Context::open` takes files, folders, standard input or texts; the bytes then belong to the
//! context alone (see `store`) and never change. It finds, splits, matches and reads by character
//! offset, tells what kind of text it is (`Card`), gives typed views of it (`rows`, `lines`) and
//! ranks passages (`search`). Knows no REPL, no model and no network; reads no clock.

mod card;
mod chars;
mod context;
mod fast_hash;
mod gather;
mod kind;
mod line_index;
mod pattern;
mod regex_query;
mod rows;
mod search;
mod source;
mod split;
mod store;
mod view;

pub use card::Card;
pub use context::Context;
pub use kind::Kind;
pub use regex_query::{Anchor, RegexError, RegexFlags, RegexMatch, RegexQuery, regex_groups};
pub use rows::{Row, RowsForm};
pub use search::{IndexOrigin, IndexReport, Passage, SearchOptions, Style};
pub use source::{OpenError, OpenOptions, ReadError, Section, Skipped, Source};
pub use split::LineSpan;
