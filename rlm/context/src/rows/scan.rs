//! One parallel pass over all rows: the columns, what they hold, the lines that do not fit.

use super::column::Column;
use super::heading::Heading;
use super::{Field, Key, RowsForm, Table, column, csv, fields, find_from};
use crate::line_index::{LineIndex, LineRule};
use rayon::prelude::*;
use std::ops::Range;

/// What the pass found.
pub(crate) struct Scan {
    pub(crate) table: Table,
    pub(crate) columns: Vec<Column>,
    /// The columns' figures come from some of the rows only.
    pub(crate) sampled: bool,
}

/// Facts of a stretch of rows; stretches merge in file order.
#[derive(Default)]
struct Part {
    rows: u64,
    columns: Vec<Column>,
    /// Starts of lines that do not fit, and of header lines.
    dropped: Vec<usize>,
    misfits: u64,
}

/// Reads `text` as rows of `form`; none when too many lines do not fit.
pub(crate) fn scan(text: &str, form: RowsForm, full_bytes: u64) -> Option<Scan> {
    let index = LineIndex::build(text, rule(text, form));
    let header = header(text, form, &index);
    let heading = (form == RowsForm::Positional)
        .then(|| Heading::of(text, &index))
        .flatten();
    let sampled = text.len() as u64 > full_bytes;
    let stretches = if sampled {
        sample(index.stretches(text, SAMPLE_BYTES))
    } else {
        index.stretches(text, STRETCH_BYTES)
    };
    let reader = PartReader {
        text,
        form,
        index: &index,
        header: header.as_deref(),
        heading: heading.as_ref(),
        keys: match (&header, form) {
            (Some(header), RowsForm::Csv { separator, .. }) => csv::header_keys(header, separator),
            _ => csv_positions(text, form, &index),
        },
    };
    let part = stretches
        .into_par_iter()
        .map(|stretch| reader.read(stretch))
        .reduce(Part::default, Part::merge);
    let fitting = part.rows - part.misfits;
    if fitting == 0 || part.misfits * MISFIT_SHARE > part.rows {
        return None;
    }
    let named = heading.is_some();
    let (keys, columns) = choose((form, named), reader.keys.clone(), part.columns, fitting);
    let dropped = if sampled {
        let heads = heading.as_ref().map_or(0, |heading| heading.lines.len());
        let heads = heads + usize::from(header.is_some());
        index.iter(text, 0).take(heads).map(|l| l.start).collect()
    } else {
        part.dropped
    };
    let index = index.without(dropped);
    Some(Scan {
        table: Table {
            form,
            keys,
            heading,
            index,
        },
        columns,
        sampled,
    })
}

fn rule(text: &str, form: RowsForm) -> LineRule {
    match form {
        RowsForm::Csv { separator, .. } if memchr::memchr(b'"', text.as_bytes()).is_some() => {
            LineRule::Quoted(u8::try_from(separator).unwrap_or(b','))
        }
        RowsForm::JsonArray => LineRule::Objects,
        RowsForm::Csv { .. }
        | RowsForm::JsonLines
        | RowsForm::KeyValue
        | RowsForm::Positional
        | RowsForm::WebLog
        | RowsForm::Syslog => LineRule::NotBlank,
    }
}

fn header(text: &str, form: RowsForm, index: &LineIndex) -> Option<String> {
    let RowsForm::Csv { header: true, .. } = form else {
        return None;
    };
    Some(text[index.iter(text, 0).next()?].to_owned())
}

fn csv_positions(text: &str, form: RowsForm, index: &LineIndex) -> Vec<String> {
    let first = index.iter(text, 0).next();
    match (form, first) {
        (RowsForm::Csv { separator, .. }, Some(line)) => {
            let fields = csv::split(&text[line], separator).len();
            (0..fields).map(|i| format!("f{i}")).collect()
        }
        _ => Vec::new(),
    }
}

fn sample(stretches: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let step = stretches.len().div_ceil(SAMPLES).max(1);
    stretches.into_iter().step_by(step).collect()
}

/// The keys that rows have, in order, and what is known of them.
fn choose(
    (form, named): (RowsForm, bool),
    csv_keys: Vec<String>,
    mut columns: Vec<Column>,
    rows: u64,
) -> (Vec<String>, Vec<Column>) {
    match form {
        RowsForm::Csv { .. } => {
            for column in &mut columns {
                let at = (0..csv_keys.len()).find(|&i| column::is_position(&column.key, i));
                if let Some(key) = at.and_then(|i| csv_keys.get(i)) {
                    column.key.clone_from(key);
                }
            }
            return (csv_keys, columns);
        }
        RowsForm::JsonLines | RowsForm::JsonArray => {}
        RowsForm::KeyValue | RowsForm::Positional | RowsForm::WebLog => {
            // The whole line goes by that name, unless a heading says what each field is.
            let free = |key: &str| named || key != "line";
            columns.retain(|column| column.present * 100 >= rows * 98 && free(&column.key));
        }
        // Lines of the kernel have no process id, and are told apart by that.
        RowsForm::Syslog => columns.retain(|column| column.present * 4 >= rows),
    }
    if form == RowsForm::WebLog {
        columns.sort_by_key(|column| column.key != "time");
    }
    let keys = columns.iter().map(|column| column.key.clone()).collect();
    (keys, columns)
}

struct PartReader<'a> {
    text: &'a str,
    form: RowsForm,
    index: &'a LineIndex,
    header: Option<&'a str>,
    heading: Option<&'a Heading>,
    keys: Vec<String>,
}

impl PartReader<'_> {
    fn read(&self, stretch: Range<usize>) -> Part {
        let mut part = Part::default();
        for line in self.index.lines_in(self.text, stretch) {
            let start = line.start;
            let line = &self.text[line];
            if self.header == Some(line) || self.heading.is_some_and(|head| head.has(line)) {
                part.dropped.push(start);
                continue;
            }
            part.rows += 1;
            if !self.read_line(line, &mut part.columns) {
                part.dropped.push(start);
                part.misfits += 1;
            }
        }
        part
    }

    fn read_line(&self, line: &str, columns: &mut Vec<Column>) -> bool {
        if let RowsForm::Csv { separator, .. } = self.form
            && csv_width(line, separator) != self.keys.len()
        {
            return false;
        }
        let mut hint = 0;
        fields(self.form, line, &mut |field| {
            let field = match self.heading {
                Some(heading) => heading.named(field),
                None => field,
            };
            add(columns, &mut hint, &field);
        })
    }
}

fn csv_width(line: &str, separator: char) -> usize {
    if memchr::memchr(b'"', line.as_bytes()).is_some() {
        return csv::split(line, separator).len();
    }
    let separator = u8::try_from(separator).unwrap_or(b',');
    memchr::memchr_iter(separator, line.as_bytes()).count() + 1
}

fn add(columns: &mut Vec<Column>, hint: &mut usize, (key, cell): &Field<'_>) {
    let fits = |column: &Column| match key {
        Key::Name(name) => column.key == *name,
        Key::Position(i) => column::is_position(&column.key, *i),
    };
    let at = match find_from(columns, *hint, fits) {
        Some(at) => at,
        None if columns.len() < COLUMNS_MAX => {
            columns.push(Column::new(*key));
            columns.len() - 1
        }
        None => return,
    };
    columns[at].add(cell);
    *hint = at + 1;
}

impl Part {
    fn merge(mut self, later: Part) -> Part {
        if self.columns.is_empty() {
            self.columns = later.columns;
        } else {
            for column in later.columns {
                let hint = self.columns.iter().position(|mine| mine.key == column.key);
                match hint {
                    Some(at) => self.columns[at].merge(column),
                    None if self.columns.len() < COLUMNS_MAX => self.columns.push(column),
                    None => {}
                }
            }
        }
        self.rows += later.rows;
        self.misfits += later.misfits;
        self.dropped.extend(later.dropped);
        self
    }
}

/// Columns that a row may have: more is no table that a model can be told about.
const COLUMNS_MAX: usize = 64;

/// Bytes that one task reads: enough that the merge of two parts costs nothing beside it.
const STRETCH_BYTES: usize = 4 << 20;

/// A sample is at most this many stretches of this many bytes, spread evenly.
const SAMPLES: usize = 64;
const SAMPLE_BYTES: usize = 1 << 20;

/// A text whose lines fit in fewer than nine of ten cases is not rows.
const MISFIT_SHARE: u64 = 10;
