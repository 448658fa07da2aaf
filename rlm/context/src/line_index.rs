//! Where the n-th line, or the n-th row, of a text starts: a count per block of bytes, the rest by
//! scanning at most one block. 16 bytes per 64 KiB, built in one parallel pass. Pure.

use crate::split::is_space;
use memchr::{memchr, memchr2, memchr3};
use rayon::prelude::*;
use std::ops::Range;

/// What counts as a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineRule {
    /// Every line; a last line break does not start another.
    All,
    /// Lines that are not only white space.
    NotBlank,
    /// As `NotBlank`, but a quoted CSV field may hold line breaks; its separator.
    Quoted(u8),
    /// Objects of JSON arrays, wherever their lines break.
    Objects,
}

#[derive(Debug)]
pub(crate) struct LineIndex {
    rule: LineRule,
    blocks: Vec<Block>,
    count: u64,
    /// Starts of lines that are left out, ascending.
    dropped: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// Lines that start before the block.
    before: u64,
    /// The first line start in the block or after it.
    first: usize,
}

impl LineIndex {
    pub(crate) fn build(text: &str, rule: LineRule) -> LineIndex {
        let counted = match rule {
            LineRule::Quoted(_) | LineRule::Objects => count_in_order(text, rule),
            LineRule::All | LineRule::NotBlank => count_blocks(text, rule),
        };
        let mut before = 0;
        let mut blocks: Vec<Block> = counted
            .into_iter()
            .map(|(first, count)| {
                let block = Block { before, first };
                before += count;
                block
            })
            .collect();
        // A block in which no line starts points at the next one that has a start.
        let mut first = text.len();
        for block in blocks.iter_mut().rev() {
            first = if block.first == usize::MAX {
                first
            } else {
                block.first
            };
            block.first = first;
        }
        LineIndex {
            rule,
            blocks,
            count: before,
            dropped: Vec::new(),
        }
    }

    /// Leaves out the lines that start at `starts` (ascending; each a line that counted).
    pub(crate) fn without(mut self, starts: Vec<usize>) -> LineIndex {
        for (i, block) in self.blocks.iter_mut().enumerate() {
            let gone = starts.partition_point(|&start| start < i * BLOCK);
            block.before -= gone as u64;
        }
        self.count -= starts.len() as u64;
        self.dropped = starts;
        self
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Lines from the `from`-th (0-based) on, as byte ranges without their line break.
    pub(crate) fn iter<'a>(&'a self, text: &'a str, from: u64) -> LineIter<'a> {
        let (start, skip) = if from >= self.count {
            (text.len(), 0)
        } else {
            let block = self.blocks.partition_point(|block| block.before <= from) - 1;
            let block = self.blocks[block];
            (block.first, from - block.before)
        };
        let mut iter = LineIter {
            index: self,
            text,
            at: start,
        };
        for _ in 0..skip {
            iter.next();
        }
        iter
    }

    /// All lines whose start lies in one of about `parts` stretches: work for parallel passes.
    pub(crate) fn stretches(&self, text: &str, bytes: usize) -> Vec<Range<usize>> {
        let step = bytes.div_ceil(BLOCK).max(1);
        let mut cuts: Vec<usize> = self
            .blocks
            .iter()
            .step_by(step)
            .map(|block| block.first)
            .collect();
        cuts.push(text.len());
        cuts.dedup();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    /// The lines that start in `stretch`, which must start at a line.
    pub(crate) fn lines_in<'a>(
        &'a self,
        text: &'a str,
        stretch: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let iter = LineIter {
            index: self,
            text,
            at: stretch.start,
        };
        iter.take_while(move |line| line.start < stretch.end)
    }
}

pub(crate) struct LineIter<'a> {
    index: &'a LineIndex,
    text: &'a str,
    at: usize,
}

impl Iterator for LineIter<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while let Some((line, next)) = line_at(self.text.as_bytes(), self.at, self.index.rule) {
            self.at = next;
            if counts(self.text, &line, self.index.rule)
                && self.index.dropped.binary_search(&line.start).is_err()
            {
                return Some(without_cr(self.text.as_bytes(), line, self.index.rule));
            }
        }
        None
    }
}

/// The first line that starts at `at` or after it, and where to look for the next one.
fn line_at(bytes: &[u8], at: usize, rule: LineRule) -> Option<(Range<usize>, usize)> {
    if at >= bytes.len() {
        return None;
    }
    let end = match rule {
        LineRule::Quoted(separator) => record_end(bytes, at, separator),
        LineRule::All | LineRule::NotBlank => {
            memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i)
        }
        LineRule::Objects => {
            let object = object_at(bytes, at)?;
            let next = object.end;
            return Some((object, next));
        }
    };
    Some((at..end, end + 1))
}

fn without_cr(bytes: &[u8], line: Range<usize>, rule: LineRule) -> Range<usize> {
    let cr = rule != LineRule::Objects && bytes[line.clone()].last() == Some(&b'\r');
    line.start..line.end - usize::from(cr)
}

fn counts(text: &str, line: &Range<usize>, rule: LineRule) -> bool {
    match rule {
        LineRule::All | LineRule::Objects => true,
        LineRule::NotBlank | LineRule::Quoted(_) => {
            let line = &text[line.clone()];
            line.bytes().next().is_some_and(|b| b.is_ascii_graphic())
                || line.chars().any(|c| !is_space(c))
        }
    }
}

/// Per block: the first line start in it (`usize::MAX` when none) and how many there are.
fn count_blocks(text: &str, rule: LineRule) -> Vec<(usize, u64)> {
    let bytes = text.as_bytes();
    (0..bytes.len().div_ceil(BLOCK))
        .into_par_iter()
        .with_min_len(16)
        .map(|block| {
            let (from, to) = (block * BLOCK, ((block + 1) * BLOCK).min(bytes.len()));
            let mut at = match from.checked_sub(1) {
                None => 0,
                // No further than the block: a line of gigabytes crosses many.
                Some(before) => memchr(b'\n', &bytes[before..to - 1]).map_or(to, |i| from + i),
            };
            let (mut first, mut count) = (usize::MAX, 0);
            while at < to {
                let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
                if counts(text, &(at..end), rule) {
                    first = first.min(at);
                    count += 1;
                }
                at = end + 1;
            }
            (first, count)
        })
        .collect()
}

/// As `count_blocks` where a line's end depends on everything before it.
fn count_in_order(text: &str, rule: LineRule) -> Vec<(usize, u64)> {
    let bytes = text.as_bytes();
    let mut blocks = vec![(usize::MAX, 0); bytes.len().div_ceil(BLOCK)];
    let mut at = 0;
    while let Some((line, next)) = line_at(bytes, at, rule) {
        if counts(text, &line, rule) {
            let block = &mut blocks[line.start / BLOCK];
            block.0 = block.0.min(line.start);
            block.1 += 1;
        }
        at = next;
    }
    blocks
}

/// The first JSON object that starts at `from` or after it, outside of strings; none when there is
/// none that closes.
pub(crate) fn object_at(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        at += memchr2(b'{', b'"', bytes.get(at..)?)?;
        if bytes[at] == b'{' {
            return Some(at..object_end(bytes, at)?);
        }
        at = string_end(bytes, at + 1)?;
    }
}

fn object_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_u64);
    loop {
        at += memchr3(b'{', b'}', b'"', bytes.get(at..)?)?;
        match bytes[at] {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at + 1),
            b'}' => depth -= 1,
            _ => {
                at = string_end(bytes, at + 1)?;
                continue;
            }
        }
        at += 1;
    }
}

/// Behind the quote that ends the string.
fn string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The end of the CSV record that starts at `start`. A quote opens a field only where the field
/// starts; a quoted field that does not close within `RECORD_BYTES` is taken as an unquoted one.
fn record_end(bytes: &[u8], start: usize, separator: u8) -> usize {
    let mut at = start;
    while let Some(i) = memchr2(b'\n', b'"', &bytes[at..]) {
        let found = at + i;
        if bytes[found] == b'\n' {
            return found;
        }
        let opens = found == start || bytes[found - 1] == separator;
        at = match opens.then(|| quoted_end(bytes, found + 1)).flatten() {
            Some(closed) => closed,
            None => found + 1,
        };
    }
    bytes.len()
}

fn quoted_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let limit = bytes.len().min(from + RECORD_BYTES);
    loop {
        let quote = at + memchr(b'"', bytes.get(at..limit)?)?;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some(quote + 1);
        }
        at = quote + 2;
    }
}

/// Bytes per entry of the index: one entry is found by scanning at most this much (about 5 us).
const BLOCK: usize = 64 << 10;

/// The longest quoted CSV field: one lost quote costs at most this, not the rest of the file.
const RECORD_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests;
