//! An open context: its text, its sections and everything that is asked of them.
//!
//! All positions are character offsets, as Python counts. `section: None` means the whole: all
//! sections one after another, each ended by a line break. Bounds behave as in Python's slices:
//! what lies beyond the end is cut off, so the only errors are a section that does not exist
//! and a copy that is too large. Nothing here changes after `open` but caches.

use crate::card::{Card, Facts, Views, views};
use crate::chars::CharIndex;
use crate::gather::{Gathered, gather};
use crate::kind::Kind;
use crate::pattern::PatternCache;
use crate::regex_query::{RegexError, RegexMatch, RegexQuery, TextTraits};
use crate::rows::Row;
use crate::search::{IndexReport, Passage, SearchOptions, SearchStore};
use crate::source::{OpenError, OpenOptions, ReadError, Section, Skipped, Source};
use crate::split::LineSpan;
use crate::store::Text;
use crate::view::View;
use base::ContentHash;
use std::ops::Range;
use std::sync::OnceLock;

/// A text of any size, open for reading. Shared behind an `Arc`.
pub struct Context {
    text: Text,
    chars: CharIndex,
    sections: Vec<Section>,
    ranges: Vec<Range<usize>>,
    multi: bool,
    skipped: Skipped,
    hash: ContentHash,
    options: OpenOptions,
    views: OnceLock<Views>,
    search: SearchStore,
    patterns: PatternCache,
    traits: TextTraits,
}

impl Context {
    /// Reads every source, checks it and takes its hash. The length at open is the context.
    pub fn open(sources: &[Source], options: &OpenOptions) -> Result<Context, OpenError> {
        let gathered = gather(sources, options)?;
        Ok(Context::assemble(gathered, options.clone()))
    }

    /// A context of one unnamed text, which may be empty.
    pub fn from_text(text: String) -> Context {
        let parts = vec![(String::new(), 0..text.len())];
        let gathered = Gathered {
            text: Text::from_string(text),
            parts,
            multi: false,
            skipped: Skipped::default(),
        };
        Context::assemble(gathered, OpenOptions::default())
    }

    fn assemble(gathered: Gathered, options: OpenOptions) -> Context {
        let text = gathered.text.as_str();
        let (chars, hash) = rayon::join(
            || CharIndex::build(text),
            || hash(text, &gathered.parts, gathered.multi),
        );
        let mut sections = Vec::with_capacity(gathered.parts.len());
        let mut ranges = Vec::with_capacity(gathered.parts.len());
        for (name, range) in gathered.parts {
            sections.push(Section {
                name,
                bytes: range.len() as u64,
                chars: chars.char_at(text, range.end) - chars.char_at(text, range.start),
            });
            ranges.push(range);
        }
        Context {
            chars,
            sections,
            ranges,
            multi: gathered.multi,
            skipped: gathered.skipped,
            hash,
            options,
            views: OnceLock::new(),
            search: SearchStore::default(),
            patterns: PatternCache::default(),
            traits: TextTraits::default(),
            text: gathered.text,
        }
    }

    /// BLAKE3 of the bytes of one source (what `b3sum` prints, but for a byte order mark), of the
    /// names and hashes of the sections when they are several.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub fn section_count(&self) -> usize {
        self.sections.len()
    }

    /// Did it come from a folder or from several sources?
    pub fn is_multi(&self) -> bool {
        self.multi
    }

    /// Files of the sources' folders that are no text.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Is the text in a mapped private file rather than in memory?
    pub fn is_mapped(&self) -> bool {
        self.text.is_mapped()
    }

    pub fn len_bytes(&self) -> u64 {
        self.text.as_str().len() as u64
    }

    pub fn len_chars(&self, section: Option<usize>) -> Result<u64, ReadError> {
        match section {
            None => Ok(self.chars.chars()),
            Some(_) => Ok(self.view(section)?.chars()),
        }
    }

    /// `text[start:end]`, a copy.
    pub fn read(&self, section: Option<usize>, range: Range<u64>) -> Result<String, ReadError> {
        Ok(self.peek(section, range)?.to_owned())
    }

    /// `text[start:end]` without a copy.
    pub fn peek(&self, section: Option<usize>, range: Range<u64>) -> Result<&str, ReadError> {
        let view = self.view(section)?;
        let slice = view.slice(&range);
        if slice.len() as u64 > self.options.max_read_bytes {
            return Err(ReadError::TooMuch {
                bytes: slice.len() as u64,
                limit: self.options.max_read_bytes,
            });
        }
        Ok(&view.text()[slice])
    }

    /// `text.find(needle, start, end)`
    pub fn find(
        &self,
        section: Option<usize>,
        needle: &str,
        range: Range<u64>,
    ) -> Result<Option<u64>, ReadError> {
        Ok(self.view(section)?.find(needle, &range))
    }

    /// `text.rfind(needle, start, end)`
    pub fn rfind(
        &self,
        section: Option<usize>,
        needle: &str,
        range: Range<u64>,
    ) -> Result<Option<u64>, ReadError> {
        Ok(self.view(section)?.rfind(needle, &range))
    }

    /// `text.count(needle, start, end)`
    pub fn count(
        &self,
        section: Option<usize>,
        needle: &str,
        range: Range<u64>,
    ) -> Result<u64, ReadError> {
        Ok(self.view(section)?.count(needle, &range))
    }

    /// The pieces of `text[from:].split(separator)`, at most `limit`; and where to go on, none when
    /// the last piece is among them. Without a separator runs of white space part the pieces.
    pub fn split_spans(
        &self,
        section: Option<usize>,
        separator: Option<&str>,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<Range<u64>>, Option<u64>), ReadError> {
        if separator == Some("") {
            return Err(ReadError::EmptySeparator);
        }
        Ok(self.view(section)?.split(separator, from, limit))
    }

    /// The lines of `text[from:].splitlines()`, at most `limit`; and where to go on.
    pub fn line_spans(
        &self,
        section: Option<usize>,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<LineSpan>, Option<u64>), ReadError> {
        Ok(self.view(section)?.lines(from, limit))
    }

    /// Matches of a Python pattern, in order, as `re.finditer` gives them.
    pub fn regex(
        &self,
        section: Option<usize>,
        query: &RegexQuery<'_>,
    ) -> Result<Vec<RegexMatch>, RegexError> {
        crate::regex_query::run(&self.view(section)?, query, &self.patterns, &self.traits)
    }

    /// How many items `lines` has: lines ended by `\n` or `\r\n`, the last one ended or not; of
    /// many short texts (`Kind::Lines`) those that are not blank.
    pub fn line_count(&self) -> u64 {
        self.views().lines.count()
    }

    /// `lines[start:end]`
    pub fn lines(&self, range: Range<u64>) -> Result<Vec<String>, ReadError> {
        let text = self.text.as_str();
        let mut lines = Vec::new();
        let mut bytes = 0;
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        for line in self.views().lines.iter(text, range.start).take(wanted) {
            bytes += line.len() as u64;
            self.check_read(bytes)?;
            lines.push(text[line].to_owned());
        }
        Ok(lines)
    }

    /// How many rows there are; none when the context is not a table or log.
    pub fn rows_len(&self) -> Option<u64> {
        self.views().table.as_ref().map(|table| table.index.count())
    }

    /// `rows[start:end]`
    pub fn rows(&self, range: Range<u64>) -> Result<Vec<Row>, ReadError> {
        let table = self.views().table.as_ref().ok_or(ReadError::NoRows)?;
        Ok(table.rows(self.text.as_str(), range))
    }

    /// The best passages for some words, best first. The first call builds or loads the index.
    pub fn search(&self, words: &str, options: &SearchOptions) -> Result<Vec<Passage>, ReadError> {
        Ok(self.search.search(self, words, options))
    }

    /// How the index of this style came to be; none before the first search.
    pub fn index_report(&self, style: crate::Style) -> Option<&IndexReport> {
        self.search.report(style)
    }

    /// What the root is told. The first call looks at the whole text.
    pub fn card(&self) -> &Card {
        &self.views().card
    }

    pub(crate) fn views(&self) -> &Views {
        self.views.get_or_init(|| {
            views(&Facts {
                text: self.text.as_str(),
                chars: self.chars.chars(),
                sections: &self.sections,
                ranges: &self.ranges,
                multi: self.multi,
                scan_bytes: self.options.scan_bytes,
            })
        })
    }

    pub(crate) fn text(&self) -> &str {
        self.text.as_str()
    }

    pub(crate) fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    pub(crate) fn options(&self) -> &OpenOptions {
        &self.options
    }

    pub(crate) fn kind_of(&self, section: usize) -> Kind {
        self.views()
            .kinds
            .get(section)
            .copied()
            .unwrap_or(Kind::Prose)
    }

    pub(crate) fn view(&self, section: Option<usize>) -> Result<View<'_>, ReadError> {
        let range = match section {
            None => 0..self.text.as_str().len(),
            Some(index) => self
                .ranges
                .get(index)
                .cloned()
                .ok_or(ReadError::NoSuchSection {
                    index,
                    count: self.ranges.len(),
                })?,
        };
        Ok(View::new(self.text.as_str(), &self.chars, range))
    }

    fn check_read(&self, bytes: u64) -> Result<(), ReadError> {
        let limit = self.options.max_read_bytes;
        if bytes > limit {
            return Err(ReadError::TooMuch { bytes, limit });
        }
        Ok(())
    }
}

fn hash(text: &str, parts: &[(String, Range<usize>)], multi: bool) -> ContentHash {
    let of = |bytes: &[u8]| {
        *blake3::Hasher::new()
            .update_rayon(bytes)
            .finalize()
            .as_bytes()
    };
    if let ([(_, range)], false) = (parts, multi) {
        return ContentHash(of(&text.as_bytes()[range.clone()]));
    }
    let mut all = blake3::Hasher::new();
    for (name, range) in parts {
        all.update(&(name.len() as u64).to_le_bytes());
        all.update(name.as_bytes());
        all.update(&of(&text.as_bytes()[range.clone()]));
    }
    ContentHash(*all.finalize().as_bytes())
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("hash", &self.hash)
            .field("sections", &self.sections.len())
            .field("bytes", &self.len_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
