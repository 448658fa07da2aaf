//! Cuts a text into the units that a search ranks. Pure; offsets are bytes of the text given.
//!
//! *Sentences*: at most `UNIT_CHARS` characters, cut at sentence ends and line ends; where prose is
//! wrapped, a line end inside a sentence does not cut. *Passages*: about as long, cut at headings,
//! blank lines and sentence ends, never inside a table row; each knows the headings above it, and
//! one that starts inside a table knows the table's first row.

use super::headings::Headings;
use crate::chars::{count_starts, nth_start};
use std::ops::Range;

/// One unit: a stretch of the text with what stands above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) start: u64,
    pub(crate) len: u32,
    pub(crate) section: u32,
    /// Which heading path, an index into a list that goes with the units.
    pub(crate) path: u32,
    /// The line of the section (from 1) at which it starts.
    pub(crate) line: u32,
    /// The first row of its table lies this many bytes before it; 0 when there is none.
    pub(crate) head_back: u32,
    pub(crate) head_len: u32,
}

/// The units of one section and the heading paths that they name.
#[derive(Default)]
pub(crate) struct Cut {
    pub(crate) units: Vec<Unit>,
    pub(crate) paths: Vec<String>,
}

/// How the lines of a section are to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Each line stands for itself: rows, short texts.
    Apart,
    /// Prose, perhaps wrapped, with headings.
    Flowing,
    /// As it stands, and what looks like a heading is none.
    Code,
}

pub(crate) fn sentences(text: &str, lines: Lines) -> Cut {
    let mut cut = Cutter::new(text, String::new());
    let mut start = 0;
    for (number, line) in lines_of(text).enumerate() {
        cut.line = number;
        let next = &text[line.end..];
        cut.sentence_pieces(line.clone());
        let flows = lines == Lines::Flowing && flows_on(&text[line.clone()], next);
        if !flows {
            cut.flush(line.end);
        }
        start = line.end;
    }
    cut.flush(start);
    cut.done
}

pub(crate) fn passages(text: &str, lines: Lines, above: &str) -> Cut {
    let mut cut = Cutter::new(text, above.to_owned());
    let mut headings = Headings::new(text, above, lines == Lines::Flowing);
    let mut after_blank = true;
    let mut skip = false;
    for (number, line) in lines_of(text).enumerate() {
        cut.line = number;
        if std::mem::take(&mut skip) {
            cut.begin_at(line.end);
            continue;
        }
        let this = &text[line.clone()];
        if let Some(found) = headings.see(this, &text[line.end..], after_blank) {
            cut.flush(line.start);
            cut.heading(line.clone(), found.path);
            cut.begin_at(line.end);
            skip = found.underlined;
            cut.table = None;
            after_blank = true;
            continue;
        }
        after_blank = this.trim().is_empty();
        cut.passage_line(line, this, after_blank);
    }
    cut.flush(text.len());
    cut.heading(text.len()..text.len(), String::new());
    cut.done
}

struct Cutter<'a> {
    text: &'a str,
    done: Cut,
    /// Where the unit that is being gathered starts, and its characters so far.
    start: usize,
    chars: usize,
    /// The line being read (from 0) and the one where the unit starts.
    line: usize,
    start_line: usize,
    /// The first row of the table that the last line belongs to.
    table: Option<Range<usize>>,
    /// The table's first row for the unit being gathered, when it is not in it.
    head: Option<Range<usize>>,
    /// The last heading and its line, while nothing stands under it.
    bare_heading: Option<(Range<usize>, usize)>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str, path: String) -> Cutter<'a> {
        Cutter {
            text,
            done: Cut {
                units: Vec::new(),
                paths: vec![path],
            },
            start: 0,
            chars: 0,
            line: 0,
            start_line: 0,
            table: None,
            head: None,
            bare_heading: None,
        }
    }

    /// A heading begins, with `path`. One before it that nothing stands under becomes a unit of its
    /// own, so that no text is lost.
    fn heading(&mut self, line: Range<usize>, path: String) {
        let above = self.done.paths.last().map_or("", String::as_str);
        let inside = path
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with(" > "));
        let before = self.bare_heading.replace((line, self.line));
        if let Some((line, number)) = before.filter(|_| !inside) {
            self.unit(line, number, None);
        }
        if self.done.paths.last() != Some(&path) {
            self.done.paths.push(path);
        }
    }

    fn begin_at(&mut self, at: usize) {
        self.start = at;
        self.chars = 0;
        self.head = None;
    }

    /// Ends the unit at byte `end`, without the white space around it.
    fn flush(&mut self, end: usize) {
        let head = self.head.take();
        if self.unit(self.start..end, self.start_line, head) {
            self.bare_heading = None;
        }
        self.begin_at(end);
    }

    /// Adds what stands in `place`, if anything; `line` is the one it begins in, from 0.
    fn unit(&mut self, place: Range<usize>, line: usize, head: Option<Range<usize>>) -> bool {
        let raw = &self.text[place.clone()];
        let body = raw.trim();
        if body.is_empty() {
            return false;
        }
        let lead = raw.len() - raw.trim_start().len();
        let start = place.start + lead;
        let skipped = raw[..lead].matches('\n').count();
        let head = head.filter(|head| head.start < start);
        self.done.units.push(Unit {
            start: start as u64,
            len: u32::try_from(body.len()).unwrap_or(u32::MAX),
            section: 0,
            path: u32::try_from(self.done.paths.len() - 1).unwrap_or(0),
            line: u32::try_from(line + skipped + 1).unwrap_or(u32::MAX),
            head_back: head
                .as_ref()
                .map_or(0, |head| u32::try_from(start - head.start).unwrap_or(0)),
            head_len: head.map_or(0, |head| u32::try_from(head.len()).unwrap_or(0)),
        });
        true
    }

    /// Takes `piece`, which follows what was gathered; flushes before it when it does not fit.
    fn take(&mut self, piece: Range<usize>) {
        let chars = count_starts(&self.text.as_bytes()[piece.clone()]);
        if self.chars > 0 && self.chars + chars > UNIT_CHARS {
            self.flush(piece.start);
        }
        if self.chars == 0 {
            self.start = piece.start;
            self.start_line = self.line;
            let inside = |table: &&Range<usize>| table.start < piece.start;
            self.head = self.table.as_ref().filter(inside).cloned();
        }
        self.chars += chars;
    }

    /// Takes a line sentence by sentence; a sentence that is too long is cut at blanks.
    fn sentence_pieces(&mut self, line: Range<usize>) {
        let mut at = line.start;
        while at < line.end {
            let mut end = sentence_end(self.text, at, line.end);
            let bytes = &self.text.as_bytes()[at..end];
            if count_starts(bytes) > UNIT_CHARS {
                let most = nth_start(bytes, UNIT_CHARS);
                let blank = self.text[at..at + most].rfind(char::is_whitespace);
                end = at + blank.filter(|cut| *cut > 0).map_or(most, |cut| cut + 1);
                while !self.text.is_char_boundary(end) {
                    end += 1;
                }
            }
            self.take(at..end);
            at = end;
        }
    }

    fn passage_line(&mut self, line: Range<usize>, this: &str, blank: bool) {
        let row = this.trim_start().starts_with('|');
        if !row {
            self.table = None;
        }
        let chars = count_starts(this.as_bytes());
        if row || chars <= UNIT_CHARS {
            self.take(line.clone());
        } else {
            self.sentence_pieces(line.clone());
        }
        if row && self.table.is_none() {
            self.table = Some(line.start..line.start + this.trim_end().len());
        }
        if blank && self.chars * 10 > UNIT_CHARS * 6 {
            self.flush(line.end);
        }
    }
}

/// Byte ranges of lines with their line break.
pub(crate) fn lines_of(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.as_bytes().get(at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
        at += len;
        Some(at - len..at)
    })
}

/// After the next full stop, exclamation or question mark that white space follows.
fn sentence_end(text: &str, from: usize, to: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(i) = memchr::memchr3(b'.', b'!', b'?', &bytes[at..to]) {
        let mut end = at + i + 1;
        while end < to && matches!(bytes[end], b'"' | b'\'' | b')' | b']') {
            end += 1;
        }
        if end < to && bytes[end].is_ascii_whitespace() && !abbreviation(text, from, at + i) {
            return end + 1;
        }
        at = end;
    }
    to
}

/// `e.g.`, `Dr.`, one capital letter: a stop that ends no sentence.
fn abbreviation(text: &str, from: usize, stop: usize) -> bool {
    let before = &text[from..stop];
    let word = before
        .rsplit(|c: char| !c.is_alphanumeric() && c != '.')
        .next();
    let word = word.unwrap_or(before);
    let initial = word.len() == 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    initial || ABBREVIATIONS.contains(&word)
}

/// Does the line's sentence go on in the next line of wrapped prose?
fn flows_on(line: &str, next: &str) -> bool {
    let next = next.split('\n').next().unwrap_or("").trim_start();
    let line = line.trim_end();
    line.len() >= WRAPPED_BYTES
        && !line.ends_with([':', '|'])
        && next.starts_with(|c: char| c.is_alphanumeric() || "\"'(`".contains(c))
        && !next.split_once(['.', ')']).is_some_and(|(number, _)| {
            !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The size of a unit: what a small model reads well, eight at a time.
pub(crate) const UNIT_CHARS: usize = 300;

/// A shorter line was ended on purpose.
const WRAPPED_BYTES: usize = 40;

const ABBREVIATIONS: [&str; 14] = [
    "e.g", "i.e", "etc", "cf", "vs", "Dr", "Mr", "Mrs", "Ms", "St", "No", "Fig", "approx", "Prof",
];

#[cfg(test)]
mod tests;
