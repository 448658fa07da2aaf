//! Python's `re` patterns on Rust's engines.
//!
//! `parse` reads a pattern as Python 3.14 does and gives its syntax tree or Python's error text.
//! `emit` writes the tree for an engine: `regex-automata` where it can say it (linear time), else
//! `fancy-regex` (look-around, back-references, atomic groups; with a limit on backtracking).
//! What would mean something else is refused as unsupported, never approximated.
//!
//! Differences that are bridged: `\Z` `\z` `\A`; `$` before a final line break; `{,n}` and literal
//! braces; octal escapes; classes without nested sets or set operators; `(?P=name)`; inline flags
//! (global ones only at the start); verbose mode; `\d` `\w` `\s` with Python's notion of letters,
//! digits and blanks, Unicode or ASCII; `\b` in texts whose letters both sides class alike, else by
//! look-around; possessive and atomic groups; look-behind of fixed width; an empty match next to
//! the match before it, and the search for a longer one where an empty one was found.
//! Refused: conditionals, `\N{}`, back-references under IGNORECASE or in a look-behind, a repeat of
//! what can be empty or of an assertion, IGNORECASE over the Turkish i's or with ASCII in a text
//! that is not ASCII, and what the engines find too large.

pub(crate) mod ast;
pub(crate) mod compile;
pub(crate) mod emit;
pub(crate) mod parse;

pub(crate) use compile::{PatternCache, TextFacts};
