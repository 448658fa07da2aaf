//! Between character offsets, in which Python counts, and byte offsets, in which the host searches.
//!
//! A mark every `STEP` bytes says how many characters start before it; the rest is counted. A text
//! that is ASCII throughout has no marks. Owns no text: callers pass the one it was built from.

use rayon::prelude::*;

/// Counts of characters before every `STEP`-th byte; empty when each byte is a character.
#[derive(Debug)]
pub(crate) struct CharIndex {
    marks: Vec<u64>,
    chars: u64,
}

impl CharIndex {
    pub(crate) fn build(text: &str) -> CharIndex {
        let bytes = text.as_bytes();
        let counts: Vec<u32> = bytes
            .par_chunks(STEP)
            .with_min_len(64)
            .map(|block| u32::try_from(count_starts(block)).unwrap_or(u32::MAX))
            .collect();
        let chars: u64 = counts.iter().copied().map(u64::from).sum();
        if chars == bytes.len() as u64 {
            return CharIndex {
                marks: Vec::new(),
                chars,
            };
        }
        let mut before = 0;
        let marks = counts
            .into_iter()
            .map(|count| {
                let mark = before;
                before += u64::from(count);
                mark
            })
            .collect();
        CharIndex { marks, chars }
    }

    pub(crate) fn chars(&self) -> u64 {
        self.chars
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.marks.is_empty()
    }

    /// The characters that start before `byte`.
    pub(crate) fn char_at(&self, text: &str, byte: usize) -> u64 {
        let Some(&mark) = self.marks.get(byte / STEP) else {
            // Beyond the last mark only when the length is a multiple of STEP.
            return if self.is_ascii() {
                byte as u64
            } else {
                self.chars
            };
        };
        let start = byte / STEP * STEP;
        mark + count_starts(&text.as_bytes()[start..byte]) as u64
    }

    /// The byte at which character `at` starts; the text's length when there are not as many.
    pub(crate) fn byte_at(&self, text: &str, at: u64) -> usize {
        if at >= self.chars {
            return text.len();
        }
        if self.is_ascii() {
            return usize::try_from(at).unwrap_or(text.len());
        }
        let block = self.marks.partition_point(|&mark| mark <= at) - 1;
        let start = block * STEP;
        let rest = usize::try_from(at - self.marks[block]).unwrap_or(usize::MAX);
        let next = self.marks.get(block + 1).copied().unwrap_or(self.chars);
        if next - self.marks[block] == STEP as u64 {
            return start + rest;
        }
        start + nth_start(&text.as_bytes()[start..], rest)
    }
}

/// How many characters start in `bytes`.
pub(crate) fn count_starts(bytes: &[u8]) -> usize {
    bytes
        .chunks(192)
        .map(|part| {
            // A sum in a byte never overflows over 192 of them and fills whole vector registers.
            let starts: u8 = part.iter().map(|&b| u8::from(b & 0xC0 != 0x80)).sum();
            usize::from(starts)
        })
        .sum()
}

/// The offset at which the `n`-th character (from 0) starts.
pub(crate) fn nth_start(bytes: &[u8], n: usize) -> usize {
    let mut left = n;
    let mut at = 0;
    for part in bytes.chunks(64) {
        let starts = count_starts(part);
        if starts > left {
            break;
        }
        left -= starts;
        at += part.len();
    }
    for (i, byte) in bytes[at..].iter().enumerate() {
        if byte & 0xC0 != 0x80 {
            if left == 0 {
                return at + i;
            }
            left -= 1;
        }
    }
    bytes.len()
}

/// Bytes between two marks: a look-up counts at most this many (under a microsecond), and the marks
/// cost one byte in a thousand.
const STEP: usize = 8192;

#[cfg(test)]
mod tests;
