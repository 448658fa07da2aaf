//! Fields and headers of separated values. Quoting is `csv-core`'s: RFC 4180 with what people do.

use super::cell::{self, Cell};
use super::{Field, Key};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::borrow::Cow;

/// Gives the fields of one record by position.
pub(crate) fn fields(record: &str, separator: char, visit: &mut dyn FnMut(Field<'_>)) {
    if memchr::memchr(b'"', record.as_bytes()).is_none() {
        for (i, field) in record.split(separator).enumerate() {
            visit((Key::Position(i), Cell::from_text(field.trim_matches(' '))));
        }
        return;
    }
    for (i, field) in quoted(record, separator).iter().enumerate() {
        visit((Key::Position(i), Cell::from_text(field)));
    }
}

/// The fields of one record as texts.
pub(crate) fn split(record: &str, separator: char) -> Vec<Cow<'_, str>> {
    if memchr::memchr(b'"', record.as_bytes()).is_none() {
        return record.split(separator).map(Cow::Borrowed).collect();
    }
    quoted(record, separator)
        .into_iter()
        .map(Cow::Owned)
        .collect()
}

fn quoted(record: &str, separator: char) -> Vec<String> {
    let separator = u8::try_from(separator).unwrap_or(b',');
    let mut reader: Reader = ReaderBuilder::new().delimiter(separator).build();
    let mut output = vec![0; record.len() + 1];
    let fields = memchr::memchr_iter(separator, record.as_bytes()).count() + 1;
    let mut ends = vec![0; fields + 1];
    let (mut written, mut ended) = (0, 0);
    let mut input = record.as_bytes();
    loop {
        let (result, read, wrote, fields) =
            reader.read_record(input, &mut output[written..], &mut ends[ended..]);
        written += wrote;
        ended += fields;
        input = &input[read..];
        let more = matches!(result, ReadRecordResult::InputEmpty);
        if !more {
            break;
        }
    }
    let mut start = 0;
    ends[..ended]
        .iter()
        .map(|&end| {
            let field = String::from_utf8_lossy(&output[start..end]).into_owned();
            start = end;
            field
        })
        .collect()
}

/// Column names from a header record: letters, digits and `_`, none twice.
pub(crate) fn header_keys(record: &str, separator: char) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (i, field) in split(record, separator).iter().enumerate() {
        let mut key = identifier(field.trim());
        if key.is_empty() {
            key = format!("f{i}");
        }
        let mut unique = key.clone();
        let mut n = 2;
        while keys.contains(&unique) {
            unique = format!("{key}_{n}");
            n += 1;
        }
        keys.push(unique);
    }
    keys
}

/// Runs of other characters than letters, digits and `_` become one `_`, none at the ends.
pub(crate) fn identifier(field: &str) -> String {
    let mut out = String::new();
    for c in field.chars() {
        if c.is_alphanumeric() || c == '_' {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_matches('_').to_owned()
}

/// Could this line name columns? Short cells of words; none is a number or a date.
pub(crate) fn is_header(record: &str, separator: char) -> bool {
    let cells = split(record, separator);
    cells.len() > 1
        && cells.iter().all(|cell| {
            let cell = cell.trim();
            (1..=HEADER_CELL_CHARS).contains(&cell.chars().count())
                && cell
                    .chars()
                    .all(|c| c.is_alphanumeric() || " _.,()/%-#$€:&".contains(c))
                && cell.chars().any(char::is_alphabetic)
                && matches!(Cell::from_text(cell), Cell::Text(_))
                && !cell::is_date(cell.as_bytes())
        })
}

/// The longest column name: longer cells are sentences.
const HEADER_CELL_CHARS: usize = 40;

#[cfg(test)]
mod tests;
