//! What a table's question expects, computed from its records. A question whose answer hangs on
//! a tie, or that no row answers, is refused: it could be answered rightly in two ways.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock;
use crate::question::Expect;
use crate::render::expand;
use crate::spec::{Condition, GroupFold, QueryOp, QuerySpec};
use crate::table::Record;

/// Most near misses that a top-k question rejects.
const MAX_REJECTED: usize = 60;

#[derive(Debug, thiserror::Error, PartialEq)]
pub(crate) enum QueryError {
    #[error("no row has {0:?}, or it is no number there")]
    NoSuchColumn(String),
    #[error("{0:?} is not YYYY-MM-DD HH:MM:SS")]
    NotAMoment(String),
    #[error("no row passes the conditions")]
    NoRows,
    #[error("{first:?} and {second:?} tie: choose another seed")]
    Tie { first: String, second: String },
}

/// The expectation, and the near misses to reject.
pub(crate) fn answer(
    query: &QuerySpec,
    records: &[Record],
    tolerance: f64,
) -> Result<(Expect, Vec<String>), QueryError> {
    let mut rows = Vec::new();
    for record in records {
        if passes_all(&query.rows, record)? {
            rows.push(record);
        }
    }
    if rows.is_empty() {
        return Err(QueryError::NoRows);
    }
    let number = |value: f64| Ok((Expect::Number { value, tolerance }, Vec::new()));
    match &query.op {
        QueryOp::Count => number(rows.len() as f64),
        QueryOp::Distinct { column } => {
            let values: BTreeSet<String> = rows
                .iter()
                .map(|row| value(row, column))
                .collect::<Result<_, _>>()?;
            number(values.len() as f64)
        }
        QueryOp::Sum { column } => number(numbers(&rows, column)?.iter().sum()),
        QueryOp::Mean { column } => {
            let all = numbers(&rows, column)?;
            number(all.iter().sum::<f64>() / all.len() as f64)
        }
        QueryOp::Max { column } => number(
            numbers(&rows, column)?
                .into_iter()
                .fold(f64::NEG_INFINITY, f64::max),
        ),
        QueryOp::Top { column, k } => {
            let mut counts: BTreeMap<String, f64> = BTreeMap::new();
            for row in &rows {
                *counts.entry(value(row, column)?).or_default() += 1.0;
            }
            first(counts, *k)
        }
        QueryOp::TopBy { column, of, by } => first(groups(&rows, column, of, *by)?, 1),
        QueryOp::AtMax { column, of } => {
            let mut best: BTreeMap<String, f64> = BTreeMap::new();
            for row in &rows {
                let size = number_of(row, of)?;
                let entry = best.entry(value(row, column)?).or_insert(size);
                *entry = entry.max(size);
            }
            first(best, 1)
        }
    }
}

fn groups(
    rows: &[&Record],
    column: &str,
    of: &str,
    by: GroupFold,
) -> Result<BTreeMap<String, f64>, QueryError> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for row in rows {
        let entry = sums.entry(value(row, column)?).or_default();
        entry.0 += number_of(row, of)?;
        entry.1 += 1.0;
    }
    let fold = |(sum, count): (f64, f64)| match by {
        GroupFold::Sum => sum,
        GroupFold::Mean => sum / count,
    };
    Ok(sums
        .into_iter()
        .map(|(name, parts)| (name, fold(parts)))
        .collect())
}

/// The `k` greatest, in order; the others become near misses.
fn first(sizes: BTreeMap<String, f64>, k: usize) -> Result<(Expect, Vec<String>), QueryError> {
    let mut ranked: Vec<(String, f64)> = sizes.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let decisive = ranked.iter().zip(ranked.iter().skip(1)).take(k);
    for (upper, lower) in decisive {
        if upper.1 <= lower.1 {
            return Err(QueryError::Tie {
                first: upper.0.clone(),
                second: lower.0.clone(),
            });
        }
    }
    let mut names: Vec<String> = ranked.into_iter().map(|(name, _)| name).collect();
    let others = names.split_off(k.min(names.len()));
    let rejected = others.into_iter().take(MAX_REJECTED).collect();
    let expect = match k {
        1 => Expect::OneOf { any: names },
        _ => Expect::NamesInOrder { names },
    };
    Ok((expect, rejected))
}

fn passes_all(conditions: &[Condition], record: &Record) -> Result<bool, QueryError> {
    for condition in conditions {
        if !passes(condition, record)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn passes(condition: &Condition, record: &Record) -> Result<bool, QueryError> {
    let mut holds = true;
    if let Some(word) = &condition.is {
        let cell = record.get(&condition.column);
        let cell = cell.ok_or_else(|| QueryError::NoSuchColumn(condition.column.clone()))?;
        // The word before its own columns are filled in, so that a kind of message can be named.
        holds &= cell.text() == *word;
    }
    let size = || number_of(record, &condition.column);
    if let Some(bound) = condition.above {
        holds &= size()? > bound;
    }
    if let Some(bound) = condition.below {
        holds &= size()? < bound;
    }
    let moment =
        |text: &String| clock::parse(text).ok_or_else(|| QueryError::NotAMoment(text.clone()));
    if let Some(from) = &condition.from {
        holds &= size()? >= moment(from)? as f64;
    }
    if let Some(until) = &condition.until {
        holds &= size()? < moment(until)? as f64;
    }
    Ok(holds)
}

fn value(row: &Record, column: &str) -> Result<String, QueryError> {
    let cell = row
        .get(column)
        .ok_or_else(|| QueryError::NoSuchColumn(column.to_owned()))?;
    Ok(expand(&cell.text(), row))
}

fn number_of(row: &Record, column: &str) -> Result<f64, QueryError> {
    let cell = row.get(column).and_then(crate::table::Cell::number);
    cell.ok_or_else(|| QueryError::NoSuchColumn(column.to_owned()))
}

fn numbers(rows: &[&Record], column: &str) -> Result<Vec<f64>, QueryError> {
    rows.iter().map(|row| number_of(row, column)).collect()
}
