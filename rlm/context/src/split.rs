//! Python's `str.split` and `str.splitlines` as spans over a text. Pure; offsets here are bytes.

use memchr::memmem;
use std::ops::Range;

/// One line of `str.splitlines`: its text, and where the next line starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineSpan {
    pub start: u64,
    /// Where its line break starts.
    pub end: u64,
    /// Where its line break ends: `splitlines(keepends=True)` gives `start..next`.
    pub next: u64,
}

/// The pieces from byte `from` on, at most `limit`, and where the piece after them starts.
pub(crate) fn split_on(
    text: &str,
    separator: &str,
    from: usize,
    limit: usize,
) -> (Vec<Range<usize>>, Option<usize>) {
    let finder = memmem::Finder::new(separator);
    let mut pieces = Vec::new();
    let mut start = from;
    while pieces.len() < limit {
        match finder.find(&text.as_bytes()[start..]) {
            Some(at) => {
                pieces.push(start..start + at);
                start += at + separator.len();
            }
            None => {
                pieces.push(start..text.len());
                return (pieces, None);
            }
        }
    }
    (pieces, Some(start))
}

/// As `split_on` for runs of white space; pieces are never empty.
pub(crate) fn split_space(
    text: &str,
    from: usize,
    limit: usize,
) -> (Vec<Range<usize>>, Option<usize>) {
    let mut pieces = Vec::new();
    let mut at = from;
    loop {
        let Some(start) = text[at..].find(|c| !is_space(c)).map(|i| at + i) else {
            return (pieces, None);
        };
        if pieces.len() == limit {
            return (pieces, Some(start));
        }
        let end = text[start..]
            .find(is_space)
            .map_or(text.len(), |i| start + i);
        pieces.push(start..end);
        at = end;
    }
}

/// The lines from byte `from` on: (start, end of text, start of the next line).
pub(crate) fn lines(
    text: &str,
    from: usize,
    limit: usize,
) -> (Vec<(usize, usize, usize)>, Option<usize>) {
    let mut found = Vec::new();
    let mut start = from;
    while start < text.len() {
        if found.len() == limit {
            return (found, Some(start));
        }
        let (end, next) = line_end(text, start);
        found.push((start, end, next));
        start = next;
    }
    (found, None)
}

fn line_end(text: &str, start: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        let width = match bytes[at] {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => 2,
            b'\n' | b'\r' | 0x0B | 0x0C | 0x1C..=0x1E => 1,
            0xC2 if bytes[at + 1] == 0x85 => 2,
            0xE2 if bytes[at + 1] == 0x80 && matches!(bytes[at + 2], 0xA8 | 0xA9) => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        return (at, at + width);
    }
    (bytes.len(), bytes.len())
}

/// Python's `str.isspace` for one character.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, '\u{1c}'..='\u{1f}') || c.is_whitespace()
}

#[cfg(test)]
mod tests;
