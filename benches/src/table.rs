//! Records of a generated table: columns from a specification and a seed. Renders nothing; what
//! is asked is computed from these records, and the tests compute it again from the bytes.

use std::collections::BTreeMap;

use crate::clock;
use crate::seed::Rng;
use crate::spec::{ColumnKind, ColumnSpec, TableSpec};

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Int(i64),
    /// Hundredths.
    Money(i64),
    Moment {
        at: i64,
        written: String,
    },
}

impl Cell {
    pub(crate) fn text(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Int(number) => number.to_string(),
            Cell::Money(hundredths) => format!("{}.{:02}", hundredths / 100, hundredths % 100),
            Cell::Moment { written, .. } => written.clone(),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Cell::Text(text) => text.parse().ok(),
            Cell::Int(number) => Some(*number as f64),
            Cell::Money(hundredths) => Some(*hundredths as f64 / 100.0),
            Cell::Moment { at, .. } => Some(*at as f64),
        }
    }
}

pub(crate) type Record = BTreeMap<String, Cell>;

/// The specification of a column makes no sense.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("column {column}: {what}")]
pub(crate) struct ColumnError {
    pub(crate) column: String,
    pub(crate) what: String,
}

/// The table's records, in order.
pub(crate) fn records(spec: &TableSpec, seed: u64) -> Result<Vec<Record>, ColumnError> {
    let mut makers: Vec<Maker<'_>> = spec
        .column
        .iter()
        .map(|column| Maker::new(column, &spec.file, seed))
        .collect::<Result<_, _>>()?;
    let mut records = Vec::with_capacity(spec.rows);
    for _ in 0..spec.rows {
        let mut record = Record::new();
        for maker in &mut makers {
            record.insert(maker.column.name.clone(), maker.next()?);
        }
        records.push(record);
    }
    Ok(records)
}

/// One column on its way through the rows. Each has its own stream of numbers.
struct Maker<'a> {
    column: &'a ColumnSpec,
    rng: Rng,
    /// Serial columns: the next number; clock columns: the last moment.
    state: i64,
}

impl<'a> Maker<'a> {
    fn new(column: &'a ColumnSpec, file: &str, seed: u64) -> Result<Maker<'a>, ColumnError> {
        let wrong = |what: &str| ColumnError {
            column: column.name.clone(),
            what: what.to_owned(),
        };
        let state = match &column.kind {
            ColumnKind::Serial { first, .. } => *first,
            ColumnKind::Clock { start, .. } => {
                clock::parse(start).ok_or_else(|| wrong("start is not YYYY-MM-DD HH:MM:SS"))?
            }
            ColumnKind::Choice(of) if of.iter().all(|(_, weight)| *weight == 0) => {
                return Err(wrong("no choice has a weight"));
            }
            ColumnKind::Choice(_)
            | ColumnKind::Int(..)
            | ColumnKind::Money(..)
            | ColumnKind::Hex(_) => 0,
        };
        let rng = Rng::named(seed, &format!("{file}/{}", column.name));
        Ok(Maker { column, rng, state })
    }

    fn next(&mut self) -> Result<Cell, ColumnError> {
        Ok(match &self.column.kind {
            ColumnKind::Choice(of) => Cell::Text(choose(of, &mut self.rng).to_owned()),
            ColumnKind::Int(min, max) => Cell::Int(self.rng.between(*min, *max)),
            ColumnKind::Money(min, max) => Cell::Money(self.rng.between(*min, *max)),
            ColumnKind::Serial { prefix, .. } => {
                self.state += 1;
                match prefix.as_str() {
                    "" => Cell::Int(self.state - 1),
                    prefix => Cell::Text(format!("{prefix}{}", self.state - 1)),
                }
            }
            ColumnKind::Clock { step, form, .. } => {
                self.state += self.rng.between(step.0, step.1);
                let written = clock::write(self.state, form).ok_or_else(|| ColumnError {
                    column: self.column.name.clone(),
                    what: format!("there is no clock form {form:?}"),
                })?;
                Cell::Moment {
                    at: self.state,
                    written,
                }
            }
            ColumnKind::Hex(digits) => {
                let number = self.rng.next();
                let width = (*digits).min(16);
                Cell::Text(format!("{number:016x}")[..width].to_owned())
            }
        })
    }
}

fn choose<'a>(of: &'a [(String, u32)], rng: &mut Rng) -> &'a str {
    let total: u64 = of.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut left = rng.below(total);
    for (word, weight) in of {
        if left < u64::from(*weight) {
            return word;
        }
        left -= u64::from(*weight);
    }
    // Not reached: `left` is below the sum of the weights.
    &of[0].0
}
