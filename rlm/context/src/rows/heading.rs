//! Names for the fields of a positional log: a line before the rows that has a word for each of
//! them, behind a `#` or without one (`# date time line vehicle`, `#Fields: date time cs-method`).
//!
//! A date and its time of day are one field, `time`, and may be two words of the heading. The next
//! rows must all be as wide as the heading: a message of several words at their ends has no name,
//! and a sentence before them is no heading because one row has as many words.

use super::cell::{self, Cell};
use super::csv::identifier;
use super::log::tokens;
use super::{Field, Key};
use crate::line_index::LineIndex;
use std::collections::BTreeMap;
use std::iter;

/// What stands before the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heading {
    /// Lines that are no rows, wherever they stand: files that were joined repeat them.
    pub(crate) lines: Vec<String>,
    names: BTreeMap<usize, String>,
}

impl Heading {
    /// None when no line before the first row names its fields.
    pub(crate) fn of(text: &str, index: &LineIndex) -> Option<Heading> {
        let mut lines = index.iter(text, 0).map(|line| &text[line]).take(LINES_MAX);
        let mut heads = vec![lines.next()?];
        let mut row = lines.next()?;
        while heads[0].starts_with(MARK) && row.starts_with(MARK) {
            heads.push(row);
            row = lines.next()?;
        }
        let rows: Vec<&str> = iter::once(row)
            .chain(lines)
            .filter(|line| !heads.contains(line))
            .collect();
        let names = heads.iter().rev().find_map(|head| names(head, &rows))?;
        Some(Heading {
            lines: heads.into_iter().map(str::to_owned).collect(),
            names,
        })
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|head| head == line)
    }

    pub(crate) fn named<'a>(&'a self, (key, cell): Field<'a>) -> Field<'a> {
        let name = match key {
            Key::Position(i) => self.names.get(&i),
            Key::Name(_) => None,
        };
        (name.map_or(key, |name| Key::Name(name)), cell)
    }
}

/// The name of each position, when the heading has as many words as each row has fields, or words.
fn names(head: &str, rows: &[&str]) -> Option<BTreeMap<usize, String>> {
    let head = head.trim_start_matches(MARK).trim_start();
    let head = head.strip_prefix("Fields:").unwrap_or(head);
    let words: Vec<&str> = head.split_whitespace().collect();
    if words.len() < WORDS_MIN || !words.iter().all(|word| is_name(word)) {
        return None;
    }
    let by_field = rows.iter().all(|row| tokens(row).len() == words.len());
    let by_word = |row: &&str| row.split_whitespace().count() == words.len();
    if !by_field && !rows.iter().all(by_word) {
        return None;
    }
    let row = rows.first()?;
    let word_of = |start: usize| row[..start].split_whitespace().count();
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    for (position, start) in tokens(row).into_iter().enumerate() {
        let at = if by_field { position } else { word_of(start) };
        let name = identifier(words.get(at)?);
        let mut unique = name.clone();
        let mut n = 2;
        while unique == TIME || names.values().any(|other| *other == unique) {
            unique = format!("{name}_{n}");
            n += 1;
        }
        names.insert(position, unique);
    }
    Some(names)
}

/// A word that names something: no number, no date, no `key=value`.
fn is_name(word: &str) -> bool {
    word.chars().any(char::is_alphabetic)
        && word
            .chars()
            .all(|c| c.is_alphanumeric() || "_-.()/%".contains(c))
        && matches!(Cell::from_text(word), Cell::Text(_))
        && !cell::is_date(word.as_bytes())
}

const MARK: char = '#';
/// What a log's time is called, whatever the heading calls it.
const TIME: &str = "time";
/// Two words may be anything.
const WORDS_MIN: usize = 3;
/// Lines that are looked at, rows too; a longer preface is a text.
const LINES_MAX: usize = 16;

#[cfg(test)]
mod tests;
