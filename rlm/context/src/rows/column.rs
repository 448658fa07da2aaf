//! What the card says about one column: bounded memory however many rows there are. Pure.

use super::Key;
use super::cell::{Cell, is_date};
use crate::fast_hash::{FastBuild, hash_bytes};
use indexmap::IndexSet;

/// Facts of one column, gathered value by value; two parts of a file merge in file order.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) key: String,
    /// Rows that have it.
    pub(crate) present: u64,
    /// The first distinct values, at most one more than the card lists.
    first: Vec<Cell<'static>>,
    /// Hashes of all distinct values, up to `DISTINCT_MAX`.
    distinct: IndexSet<u64, FastBuild>,
    numbers_only: bool,
    min: Option<Cell<'static>>,
    max: Option<Cell<'static>>,
}

impl Column {
    pub(crate) fn new(key: Key<'_>) -> Column {
        let key = match key {
            Key::Name(name) => name.to_owned(),
            Key::Position(i) => format!("f{i}"),
        };
        Column {
            key,
            present: 0,
            first: Vec::new(),
            distinct: IndexSet::default(),
            numbers_only: true,
            min: None,
            max: None,
        }
    }

    pub(crate) fn add(&mut self, cell: &Cell<'_>) {
        self.present += 1;
        let open = self.first.len() <= LISTED;
        if open && self.first.contains(cell) {
            return;
        }
        if self.distinct.len() < DISTINCT_MAX {
            self.distinct.insert(cell_hash(cell));
        }
        if open {
            self.first.push(cell.clone().into_owned());
        }
        self.note(cell);
    }

    /// Keeps the least and greatest number, or text of a column of dates.
    fn note(&mut self, cell: &Cell<'_>) {
        self.numbers_only &= cell.number().is_some();
        if !self.numbers_only && !self.is_time() {
            return;
        }
        let below =
            |bound: &Option<Cell<'static>>| bound.as_ref().is_none_or(|bound| less(cell, bound));
        let above =
            |bound: &Option<Cell<'static>>| bound.as_ref().is_none_or(|bound| less(bound, cell));
        if below(&self.min) {
            self.min = Some(cell.clone().into_owned());
        }
        if above(&self.max) {
            self.max = Some(cell.clone().into_owned());
        }
    }

    /// Takes in the facts of later rows.
    pub(crate) fn merge(&mut self, later: Column) {
        self.present += later.present;
        for cell in &later.first {
            if self.first.len() <= LISTED && !self.first.contains(cell) {
                self.first.push(cell.clone());
            }
        }
        for hash in later.distinct {
            if self.distinct.len() >= DISTINCT_MAX {
                break;
            }
            self.distinct.insert(hash);
        }
        self.numbers_only &= later.numbers_only;
        for bound in [later.min, later.max].into_iter().flatten() {
            if self.min.as_ref().is_none_or(|min| less(&bound, min)) {
                self.min = Some(bound.clone());
            }
            if self.max.as_ref().is_none_or(|max| less(max, &bound)) {
                self.max = Some(bound);
            }
        }
    }

    fn is_time(&self) -> bool {
        self.key == "time"
            || matches!(self.first.first(), Some(Cell::Text(text)) if is_date(text.as_bytes()))
    }

    /// All values of a column of a few texts.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let text = |cell: &Cell<'_>| match cell {
            Cell::Text(text) => Some(text.to_string()),
            Cell::Int(_) | Cell::Float(_) | Cell::Json(_) => None,
        };
        let few = self.first.len() <= LISTED;
        few.then(|| self.first.iter().map(text).collect())?
    }

    /// The card's line: all values of a few, the range of many numbers or times, else a count.
    pub(crate) fn describe(&self) -> String {
        let key = &self.key;
        if self.first.len() <= LISTED {
            let mut cells: Vec<&Cell<'_>> = self.first.iter().collect();
            cells.sort_by_key(|cell| cell.display());
            let values: Vec<String> = cells.iter().map(|cell| clip(&cell.repr(), 80)).collect();
            return format!("{key}: {}", values.join(", "));
        }
        if let (Some(min), Some(max)) = (&self.min, &self.max) {
            if self.numbers_only {
                return format!("{key}: number {}..{}", min.repr(), max.repr());
            }
            if self.is_time() {
                return format!("{key}: {} to {}", min.repr(), max.repr());
            }
        }
        let some: Vec<String> = self.first[..2]
            .iter()
            .map(|c| clip(&c.repr(), 40))
            .collect();
        let more = if self.distinct.len() >= DISTINCT_MAX {
            "over "
        } else {
            ""
        };
        let n = self.distinct.len();
        format!("{key}: {more}{n} values such as {}", some.join(", "))
    }
}

fn less(a: &Cell<'_>, b: &Cell<'_>) -> bool {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => a < b,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => match (a, b) {
            (Cell::Text(a), Cell::Text(b)) => a < b,
            (a, b) => a.repr() < b.repr(),
        },
    }
}

fn cell_hash(cell: &Cell<'_>) -> u64 {
    match cell {
        Cell::Text(text) => hash_bytes(text.as_bytes()),
        Cell::Int(n) => hash_bytes(&[&n.to_le_bytes()[..], b"i"].concat()),
        Cell::Float(x) => hash_bytes(&[&x.to_bits().to_le_bytes()[..], b"x"].concat()),
        Cell::Json(value) => hash_bytes(value.to_string().as_bytes()),
    }
}

pub(crate) fn clip(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// Is `key` the name of position `i`?
pub(crate) fn is_position(key: &str, i: usize) -> bool {
    let digits = key
        .strip_prefix('f')
        .filter(|digits| !digits.starts_with('+'));
    digits.and_then(|digits| digits.parse().ok()) == Some(i)
}

/// Values that the card lists one by one.
const LISTED: usize = 8;

/// Distinct values that are counted exactly: 10 000 hashes are 160 KB for each column and part.
const DISTINCT_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
