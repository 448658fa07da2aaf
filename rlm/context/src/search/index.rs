//! The inverted index: for each word the units that hold it, and how often. Pure.
//!
//! Postings are gaps between unit numbers as variable-length integers (`gap << 1 | more`, then the
//! count when it is above one). Blocks of units are indexed side by side and merged in order of the
//! words; how they were divided does not show in the result, so the same text gives the same bytes
//! on any machine.

use super::tokens::words;
use super::units::Unit;
use crate::fast_hash::FastBuild;
use indexmap::IndexMap;
use rayon::prelude::*;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) units: Vec<Unit>,
    pub(crate) paths: Vec<String>,
    /// All words of the index, sorted, one after another.
    pub(crate) words: Vec<u8>,
    /// Where the n-th word ends in `words`, and its postings in `postings`.
    pub(crate) word_ends: Vec<u64>,
    pub(crate) posting_ends: Vec<u64>,
    /// In how many units the n-th word is.
    pub(crate) unit_counts: Vec<u32>,
    pub(crate) postings: Vec<u8>,
    /// Words of each unit, stop words and headings included.
    pub(crate) lens: Vec<u32>,
}

impl Index {
    pub(crate) fn build(text: &str, units: Vec<Unit>, paths: Vec<String>) -> Index {
        let block = units
            .len()
            .div_ceil(rayon::current_num_threads() * 4)
            .max(256);
        let blocks: Vec<Block> = units
            .par_chunks(block)
            .enumerate()
            .map(|(i, chunk)| Block::build(text, chunk, i * block, &paths))
            .collect();
        let lens = blocks.iter().flat_map(|b| b.lens.iter().copied()).collect();
        let mut index = Index {
            units,
            paths,
            lens,
            ..Index::default()
        };
        index.merge(&blocks);
        index
    }

    /// Joins the blocks' lists word by word.
    fn merge(&mut self, blocks: &[Block]) {
        let mut all: Vec<(&str, u32, &Postings)> = Vec::new();
        for (block, i) in blocks.iter().zip(0..) {
            all.extend(
                block
                    .words
                    .iter()
                    .map(|(word, list)| (word.as_ref(), i, list)),
            );
        }
        all.par_sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        for same in all.chunk_by(|a, b| a.0 == b.0) {
            self.words.extend_from_slice(same[0].0.as_bytes());
            self.word_ends.push(self.words.len() as u64);
            let mut last = 0;
            let mut count = 0;
            for (_, _, list) in same {
                // The first gap of a block is counted from the last unit before it.
                let more = u64::from(list.first_count > 1);
                put(
                    &mut self.postings,
                    (u64::from(list.first - last) << 1) | more,
                );
                if list.first_count > 1 {
                    put(&mut self.postings, u64::from(list.first_count));
                }
                self.postings.extend_from_slice(&list.rest);
                last = list.last;
                count += list.units;
            }
            self.unit_counts.push(count);
            self.posting_ends.push(self.postings.len() as u64);
        }
    }

    /// How often `word` (a stem) is in which units, ascending; empty when it is nowhere.
    pub(crate) fn lookup(&self, word: &str) -> Lookup<'_> {
        let at = self.find(word);
        let range = at.map_or(0..0, |at| {
            start_of(&self.posting_ends, at)..usize_of(self.posting_ends[at])
        });
        Lookup {
            bytes: self.postings.get(range).unwrap_or(&[]),
            unit: 0,
            units: at.map_or(0, |at| self.unit_counts[at]),
        }
    }

    fn find(&self, word: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.word_ends.len());
        while low < high {
            let middle = (low + high) / 2;
            let here = start_of(&self.word_ends, middle)..usize_of(self.word_ends[middle]);
            match self.words.get(here)?.cmp(word.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let units = self.units.len() * (size_of::<Unit>() + size_of::<u32>());
        let words = self.words.len() + self.word_ends.len() * (8 + 8 + 4);
        let paths: usize = self
            .paths
            .iter()
            .map(|p| p.len() + size_of::<String>())
            .sum();
        (units + words + self.postings.len() + paths) as u64
    }
}

/// The units of one word: `(unit, count)`.
pub(crate) struct Lookup<'a> {
    bytes: &'a [u8],
    unit: u64,
    pub(crate) units: u32,
}

impl Iterator for Lookup<'_> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<(usize, u64)> {
        let head = take(&mut self.bytes)?;
        self.unit += head >> 1;
        let count = if head & 1 == 1 {
            take(&mut self.bytes)?
        } else {
            1
        };
        Some((usize_of(self.unit), count))
    }
}

/// The index of some neighbouring units.
struct Block {
    words: IndexMap<Box<str>, Postings, FastBuild>,
    lens: Vec<u32>,
}

/// One word's units in a block. The first is kept apart: its gap is known only when blocks merge.
struct Postings {
    first: u32,
    first_count: u32,
    last: u32,
    /// The count of `last`, not yet written when it is not `first`.
    last_count: u32,
    /// The unit before `last`.
    before: u32,
    units: u32,
    rest: Vec<u8>,
}

impl Block {
    fn build(text: &str, units: &[Unit], first: usize, paths: &[String]) -> Block {
        let mut block = Block {
            words: IndexMap::default(),
            lens: Vec::with_capacity(units.len()),
        };
        for (unit, i) in units.iter().zip(first..) {
            let number = u32::try_from(i).unwrap_or(u32::MAX);
            let mut len = 0;
            let mut add = |word: &str, stop: bool| {
                len += 1;
                if !stop {
                    block.words.add(word, number);
                }
            };
            if let Some(path) = paths.get(unit.path as usize) {
                words(path, &mut add);
            }
            words(head(text, unit), &mut add);
            words(body(text, unit), &mut add);
            block.lens.push(len);
        }
        for list in block.words.values_mut() {
            list.close();
        }
        block
    }
}

trait AddWord {
    fn add(&mut self, word: &str, unit: u32);
}

impl AddWord for IndexMap<Box<str>, Postings, FastBuild> {
    fn add(&mut self, word: &str, unit: u32) {
        match self.get_mut(word) {
            Some(list) => list.add(unit),
            None => {
                self.insert(word.into(), Postings::new(unit));
            }
        }
    }
}

impl Postings {
    fn new(unit: u32) -> Postings {
        Postings {
            first: unit,
            first_count: 0,
            last: unit,
            last_count: 1,
            before: unit,
            units: 1,
            rest: Vec::new(),
        }
    }

    fn add(&mut self, unit: u32) {
        if unit == self.last {
            self.last_count += 1;
            return;
        }
        self.close();
        self.before = self.last;
        self.last = unit;
        self.last_count = 1;
        self.units += 1;
    }

    /// Writes the last unit's count.
    fn close(&mut self) {
        if self.last == self.first {
            self.first_count = self.last_count;
            return;
        }
        let gap = u64::from(self.last - self.before);
        put(&mut self.rest, (gap << 1) | u64::from(self.last_count > 1));
        if self.last_count > 1 {
            put(&mut self.rest, u64::from(self.last_count));
        }
    }
}

pub(crate) fn body<'a>(text: &'a str, unit: &Unit) -> &'a str {
    let start = usize_of(unit.start);
    text.get(start..start + unit.len as usize).unwrap_or("")
}

/// The first row of the table that the unit continues; empty when it continues none.
pub(crate) fn head<'a>(text: &'a str, unit: &Unit) -> &'a str {
    let start = usize_of(unit.start).saturating_sub(unit.head_back as usize);
    text.get(start..start + unit.head_len as usize)
        .unwrap_or("")
}

fn start_of(ends: &[u64], at: usize) -> usize {
    at.checked_sub(1).map_or(0, |before| usize_of(ends[before]))
}

pub(crate) fn usize_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        n |= u64::from(byte & 0x7F) << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests;
