//! One text of a context, or all of it, with positions in characters. Pure.

use crate::chars::{CharIndex, count_starts};
use crate::split::{self, LineSpan};
use memchr::memmem;
use std::ops::Range;

/// A part of the whole text, whose offsets count from the part's start.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    whole: &'a str,
    index: &'a CharIndex,
    /// Bytes of the part in the whole.
    start: usize,
    end: usize,
    /// Characters before the part.
    chars_before: u64,
    chars: u64,
}

impl<'a> View<'a> {
    pub(crate) fn new(whole: &'a str, index: &'a CharIndex, part: Range<usize>) -> View<'a> {
        let chars_before = index.char_at(whole, part.start);
        View {
            whole,
            index,
            start: part.start,
            end: part.end,
            chars_before,
            chars: index.char_at(whole, part.end) - chars_before,
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        &self.whole[self.start..self.end]
    }

    pub(crate) fn chars(&self) -> u64 {
        self.chars
    }

    pub(crate) fn whole(&self) -> &'a str {
        self.whole
    }

    pub(crate) fn is_ascii(&self) -> bool {
        self.chars == (self.end - self.start) as u64
    }

    /// The byte of the part at which character `at` starts; its length when there are not as many.
    pub(crate) fn byte(&self, at: u64) -> usize {
        if at >= self.chars {
            return self.end - self.start;
        }
        if self.chars == (self.end - self.start) as u64 {
            return usize::try_from(at).unwrap_or(self.end - self.start);
        }
        self.index.byte_at(self.whole, self.chars_before + at) - self.start
    }

    /// The characters of the part before byte `at`, which must be a boundary.
    pub(crate) fn char(&self, at: usize) -> u64 {
        if self.chars == (self.end - self.start) as u64 {
            return at as u64;
        }
        self.index.char_at(self.whole, self.start + at) - self.chars_before
    }

    /// As Python takes a slice with bounds that are not negative.
    pub(crate) fn slice(&self, range: &Range<u64>) -> Range<usize> {
        let start = self.byte(range.start);
        start..self.byte(range.end).max(start)
    }

    pub(crate) fn find(&self, needle: &str, range: &Range<u64>) -> Option<u64> {
        let slice = self.searched(range)?;
        let at = memmem::find(&self.text().as_bytes()[slice.clone()], needle.as_bytes())?;
        Some(self.char(slice.start + at))
    }

    pub(crate) fn rfind(&self, needle: &str, range: &Range<u64>) -> Option<u64> {
        let slice = self.searched(range)?;
        let at = memmem::rfind(&self.text().as_bytes()[slice.clone()], needle.as_bytes())?;
        Some(self.char(slice.start + at))
    }

    pub(crate) fn count(&self, needle: &str, range: &Range<u64>) -> u64 {
        let Some(slice) = self.searched(range) else {
            return 0;
        };
        let bytes = &self.text().as_bytes()[slice];
        if needle.is_empty() {
            return count_starts(bytes) as u64 + 1;
        }
        memmem::find_iter(bytes, needle.as_bytes()).count() as u64
    }

    /// None where even the empty text is not found: a start beyond the end of the text or range.
    fn searched(&self, range: &Range<u64>) -> Option<Range<usize>> {
        let end = range.end.min(self.chars);
        (range.start <= end).then(|| self.slice(range))
    }

    pub(crate) fn split(
        &self,
        separator: Option<&str>,
        from: u64,
        limit: usize,
    ) -> (Vec<Range<u64>>, Option<u64>) {
        let from = self.byte(from);
        let (pieces, next) = match separator {
            Some(separator) => split::split_on(self.text(), separator, from, limit),
            None => split::split_space(self.text(), from, limit),
        };
        let mut cursor = Cursor::new(*self);
        let pieces = pieces
            .into_iter()
            .map(|piece| cursor.at(piece.start)..cursor.at(piece.end))
            .collect();
        (pieces, next.map(|at| cursor.at(at)))
    }

    pub(crate) fn lines(&self, from: u64, limit: usize) -> (Vec<LineSpan>, Option<u64>) {
        let (lines, next) = split::lines(self.text(), self.byte(from), limit);
        let mut cursor = Cursor::new(*self);
        let lines = lines
            .into_iter()
            .map(|(start, end, next)| LineSpan {
                start: cursor.at(start),
                end: cursor.at(end),
                next: cursor.at(next),
            })
            .collect();
        (lines, next.map(|at| cursor.at(at)))
    }
}

/// Byte offsets to characters, cheap while they ascend by little.
pub(crate) struct Cursor<'a> {
    view: View<'a>,
    byte: usize,
    char: u64,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(view: View<'a>) -> Cursor<'a> {
        Cursor {
            view,
            byte: 0,
            char: 0,
        }
    }

    pub(crate) fn at(&mut self, byte: usize) -> u64 {
        let near = byte >= self.byte && byte - self.byte <= NEAR_BYTES;
        self.char = if near {
            let between = &self.view.text().as_bytes()[self.byte..byte];
            self.char + count_starts(between) as u64
        } else {
            self.view.char(byte)
        };
        self.byte = byte;
        self.char
    }
}

/// Nearer than this, counting from the last offset beats a look at the marks.
const NEAR_BYTES: usize = 4096;
