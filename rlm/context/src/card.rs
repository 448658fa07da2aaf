//! The context card: what the root model is told in place of the context. Pure.
//!
//! The texts' form is what the small profile's prompts show to the model; a change of a word here
//! is a change of those prompts.

use crate::kind::{self, Kind};
use crate::line_index::{LineIndex, LineRule};
use crate::rows::column::{Column, clip};
use crate::rows::scan::{Scan, scan};
use crate::rows::{RowsForm, Table};
use crate::source::Section;
use std::ops::Range;

/// What a context is, for a model and for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub kind: Kind,
    /// What the root is told.
    pub text: String,
    /// One line per column of `rows`, as in `text`: the name up to the colon.
    pub columns: Vec<String>,
    /// Columns of a few texts, each with all of them.
    pub values: Vec<(String, Vec<String>)>,
    /// The columns' figures come from a sample of the rows.
    pub sampled: bool,
}

/// The card and the views that come with it.
pub(crate) struct Views {
    pub(crate) card: Card,
    pub(crate) table: Option<Table>,
    pub(crate) lines: LineIndex,
    /// The kind of each section.
    pub(crate) kinds: Vec<Kind>,
}

pub(crate) struct Facts<'a> {
    pub(crate) text: &'a str,
    pub(crate) chars: u64,
    pub(crate) sections: &'a [Section],
    pub(crate) ranges: &'a [Range<usize>],
    pub(crate) multi: bool,
    /// Beyond this many bytes the columns' figures come from a sample.
    pub(crate) scan_bytes: u64,
}

pub(crate) fn views(facts: &Facts<'_>) -> Views {
    let kinds: Vec<Kind> = facts
        .sections
        .iter()
        .zip(facts.ranges)
        .map(|(section, range)| kind::detect(&section.name, &facts.text[range.clone()]))
        .collect();
    let mut kind = common_kind(&kinds, facts);
    let mut scanned = None;
    if let Kind::Rows(form) = kind {
        scanned = scan(facts.text, form, facts.scan_bytes);
        if scanned.is_none() {
            kind = Kind::Prose;
        }
    }
    let rule = if kind == Kind::Lines {
        LineRule::NotBlank
    } else {
        LineRule::All
    };
    let lines = LineIndex::build(facts.text, rule);
    let columns = scanned.as_ref().map_or(Vec::new(), column_lines);
    let mut text = match (&scanned, kind) {
        (Some(scan), _) => rows_text(facts, scan, &lines, &columns),
        (None, Kind::Lines) => lines_text(facts, &lines),
        (None, Kind::Empty) => "context: empty".into(),
        (None, Kind::Code) => format!("context: {} characters of source code", facts.chars),
        (None, Kind::Prose | Kind::Document | Kind::Rows(_)) => {
            format!("context: {} characters of prose", facts.chars)
        }
    };
    if facts.multi {
        text.push_str(&section_list(facts.sections));
    }
    Views {
        card: Card {
            kind,
            text,
            columns,
            values: scanned.as_ref().map_or(Vec::new(), column_values),
            sampled: scanned.as_ref().is_some_and(|scan| scan.sampled),
        },
        table: scanned.map(|scan| scan.table),
        lines,
        kinds,
    }
}

/// One kind for the whole: that of the only section, rows when all sections are the same rows (a
/// log that was rotated, a table in parts), else what most of the bytes are.
fn common_kind(kinds: &[Kind], facts: &Facts<'_>) -> Kind {
    let Some(&first) = kinds.first() else {
        return Kind::Empty;
    };
    if kinds.len() == 1 {
        return first;
    }
    if let Kind::Rows(form) = first
        && kinds.iter().all(|kind| *kind == first)
        && same_header(form, facts)
    {
        return first;
    }
    let bytes = |wanted: fn(&Kind) -> bool| -> u64 {
        let pairs = kinds.iter().zip(facts.sections);
        pairs
            .filter(|(kind, _)| wanted(kind))
            .map(|(_, section)| section.bytes)
            .sum()
    };
    let code = bytes(|kind| *kind == Kind::Code);
    let documents = bytes(|kind| *kind == Kind::Document);
    let all = bytes(|_| true);
    if code * 2 > all {
        Kind::Code
    } else if documents * 2 > all {
        Kind::Document
    } else {
        Kind::Prose
    }
}

fn same_header(form: RowsForm, facts: &Facts<'_>) -> bool {
    let RowsForm::Csv { .. } = form else {
        return true;
    };
    let first_line = |range: &Range<usize>| facts.text[range.clone()].lines().next();
    let mut headers = facts.ranges.iter().map(first_line);
    let first = headers.next();
    headers.all(|header| Some(header) == first)
}

fn column_values(scan: &Scan) -> Vec<(String, Vec<String>)> {
    let known = |column: &Column| Some((column.key.clone(), column.texts()?));
    scan.columns.iter().filter_map(known).collect()
}

fn column_lines(scan: &Scan) -> Vec<String> {
    let mut lines: Vec<String> = scan.columns.iter().map(Column::describe).collect();
    if scan.table.has_line() {
        lines.push("line: the whole line as text".into());
    }
    lines
}

fn rows_text(facts: &Facts<'_>, scan: &Scan, lines: &LineIndex, columns: &[String]) -> String {
    let sampled = if scan.sampled {
        " (values from a sample of them)"
    } else {
        ""
    };
    if scan.table.form == RowsForm::JsonArray {
        return json_text(facts, scan, sampled, columns);
    }
    let filled = lines
        .iter(facts.text, 0)
        .filter(|line| !facts.text[line.clone()].trim().is_empty());
    let second = filled.take(2).last().map_or("", |line| &facts.text[line]);
    format!(
        "context: {} lines. Line 2: {}\nrows: list of {} dicts with the keys{sampled}\n{}",
        lines.count(),
        clip(second, LINE_CHARS),
        scan.table.index.count(),
        columns.join("\n"),
    )
}

fn json_text(facts: &Facts<'_>, scan: &Scan, sampled: &str, columns: &[String]) -> String {
    let index = &scan.table.index;
    let first = index.iter(facts.text, 0).next();
    let first = first.map_or("", |object| &facts.text[object]);
    // Objects may be set over many lines; the card shows them on one.
    let shown = first.chars().take(LINE_CHARS * 4).collect::<String>();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "context: {} characters of JSON, an array of objects. The first: {}\n\
         rows: list of {} dicts with the keys{sampled}\n{}",
        facts.chars,
        clip(&shown, LINE_CHARS),
        index.count(),
        columns.join("\n"),
    )
}

/// The first three lines and two from the middle.
fn lines_text(facts: &Facts<'_>, lines: &LineIndex) -> String {
    let middle = (lines.count() / 2).max(3);
    let shown = lines
        .iter(facts.text, 0)
        .take(3)
        .chain(lines.iter(facts.text, middle).take(2));
    let shown: Vec<String> = shown
        .map(|line| clip(&facts.text[line], TEXT_CHARS))
        .collect();
    format!(
        "context: {} lines of text in the list lines. Some of them:\n{}",
        lines.count(),
        shown.join("\n")
    )
}

/// ` in N sections` and their names with sizes, as many as fit.
fn section_list(sections: &[Section]) -> String {
    let mut out = format!(" in {} sections\nsections: ", sections.len());
    let start = out.len();
    for (i, section) in sections.iter().enumerate() {
        if out.len() - start > SECTION_LIST_BYTES {
            out.push_str(&format!(", and {} more", sections.len() - i));
            break;
        }
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&format!(
            "{} ({})",
            clip(&section.name, NAME_CHARS),
            section.chars
        ));
    }
    out
}

/// What the card shows of one line of a log, of one short text, of one name.
const LINE_CHARS: usize = 160;
const TEXT_CHARS: usize = 120;
const NAME_CHARS: usize = 120;

/// The list of sections stops growing here: some 300 tokens of the root's window.
const SECTION_LIST_BYTES: usize = 1200;

#[cfg(test)]
mod tests;
