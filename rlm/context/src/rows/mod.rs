//! Rows: the typed view of tables and logs.
//!
//! `detect` names the form from a sample, `scan` reads every row once for the card's figures,
//! `Table` gives any row by number. Invariant: the number of rows and the rows themselves are the
//! same whether or not the figures came from a sample, but for lines that do not fit the form:
//! a full scan leaves them out, after a sample they are rows of None.

pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod csv;
pub(crate) mod heading;
pub(crate) mod log;
pub(crate) mod scan;
pub(crate) mod time;

use crate::line_index::LineIndex;
use cell::Cell;
use heading::Heading;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Range;

/// How the rows of a table or log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsForm {
    /// Separated values; `header` says whether the first line names the columns.
    Csv {
        separator: char,
        header: bool,
    },
    JsonLines,
    /// One array of objects, or one in each section.
    JsonArray,
    /// Log lines with at least two `key=value` each.
    KeyValue,
    /// Log lines with a time and fields by position.
    Positional,
    /// The common or combined format of web servers.
    WebLog,
    /// `TIME HOST PROCESS[PID]: MESSAGE`
    Syslog,
}

/// One row, keys in the card's order.
pub type Row = Map<String, Value>;

/// How a field names its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    Name(&'a str),
    /// The n-th field of a CSV record, the n-th token of a log line.
    Position(usize),
}

pub(crate) type Field<'a> = (Key<'a>, Cell<'a>);

/// Reads lines into rows.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) form: RowsForm,
    pub(crate) keys: Vec<String>,
    /// Names the fields of a positional log.
    pub(crate) heading: Option<Heading>,
    pub(crate) index: LineIndex,
}

impl Table {
    pub(crate) fn rows(&self, text: &str, range: Range<u64>) -> Vec<Row> {
        let end = range.end.min(self.index.count());
        let wanted = usize::try_from(end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        self.index
            .iter(text, range.start)
            .take(wanted)
            .map(|line| self.row(&text[line]))
            .collect()
    }

    fn row(&self, line: &str) -> Row {
        let mut values: Vec<Value> = vec![Value::Null; self.keys.len()];
        let mut extra = Row::new();
        let mut hint = 0;
        let keep_extra = matches!(self.form, RowsForm::JsonLines | RowsForm::JsonArray);
        fields(self.form, line, &mut |field| {
            let (key, cell) = match &self.heading {
                Some(heading) => heading.named(field),
                None => field,
            };
            match self.place(key, hint) {
                Some(place) => {
                    hint = place + 1;
                    values[place] = cell.into_value();
                }
                None if keep_extra => {
                    if let Key::Name(name) = key {
                        extra.insert(name.to_owned(), cell.into_value());
                    }
                }
                None => {}
            }
        });
        let mut row: Row = self.keys.iter().cloned().zip(values).collect();
        row.extend(extra);
        if self.has_line() {
            row.insert("line".into(), Value::String(line.to_owned()));
        }
        row
    }

    /// Do rows carry their line as text? Where the fields are cut out of free text, yes.
    pub(crate) fn has_line(&self) -> bool {
        match self.form {
            RowsForm::Csv { .. } | RowsForm::JsonLines | RowsForm::JsonArray => false,
            RowsForm::Positional => self.heading.is_none(),
            RowsForm::KeyValue | RowsForm::WebLog | RowsForm::Syslog => true,
        }
    }

    fn place(&self, key: Key<'_>, hint: usize) -> Option<usize> {
        match key {
            Key::Position(i) if matches!(self.form, RowsForm::Csv { .. }) => {
                (i < self.keys.len()).then_some(i)
            }
            Key::Position(i) => {
                let fits = |key: &String| column::is_position(key, i);
                find_from(&self.keys, hint, fits)
            }
            Key::Name(name) => find_from(&self.keys, hint, |key: &String| key == name),
        }
    }
}

/// The index of the first item that fits, looking at `hint` first.
pub(crate) fn find_from<T>(items: &[T], hint: usize, fits: impl Fn(&T) -> bool) -> Option<usize> {
    if items.get(hint).is_some_and(&fits) {
        return Some(hint);
    }
    items.iter().position(fits)
}

/// Gives the fields of one line; false when the line is not of the form.
pub(crate) fn fields(form: RowsForm, line: &str, visit: &mut dyn FnMut(Field<'_>)) -> bool {
    match form {
        RowsForm::Csv { separator, .. } => {
            csv::fields(line, separator, visit);
            true
        }
        RowsForm::JsonLines | RowsForm::JsonArray => json_fields(line, visit),
        RowsForm::KeyValue | RowsForm::Positional => {
            log::fields(line, visit);
            true
        }
        RowsForm::WebLog => log::web_fields(line, visit),
        RowsForm::Syslog => log::syslog_fields(line, visit),
    }
}

/// One object; objects inside it are flattened one level: `user_name`.
fn json_fields(line: &str, visit: &mut dyn FnMut(Field<'_>)) -> bool {
    let Ok(object) = serde_json::from_str::<Row>(line) else {
        return false;
    };
    for (key, value) in object {
        match value {
            Value::Object(inner) => {
                for (inner_key, value) in inner {
                    let name = format!("{key}_{inner_key}");
                    visit((Key::Name(&name), Cell::from_json(value)));
                }
            }
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)) => visit((Key::Name(&key), Cell::from_json(other))),
        }
    }
    true
}

#[cfg(test)]
mod tests;
