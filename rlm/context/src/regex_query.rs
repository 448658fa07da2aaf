//! Regular expressions over a context: what is asked, what comes back, and the steps between.

use crate::pattern::{PatternCache, TextFacts, parse};
use crate::source::ReadError;
use crate::view::{Cursor, View};
use regex_automata::meta;
use std::ops::Range;
use std::sync::OnceLock;

/// Python's flags: `re.I`, `re.M`, `re.S`, `re.X`, `re.A`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegexFlags {
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub verbose: bool,
    pub ascii: bool,
}

/// Where a match may lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// Anywhere: `search`, `finditer`, `findall`, `split`, `sub`.
    #[default]
    None,
    /// At the start of the range: `match`.
    Start,
    /// The whole range: `fullmatch`.
    Full,
}

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct RegexQuery<'a> {
    pub pattern: &'a str,
    pub flags: RegexFlags,
    /// Python's `pos` and `endpos`: the text ends at `range.end`, but `^`, `\b` and look-behind see
    /// what is before `range.start`.
    pub range: Range<u64>,
    /// At most this many matches.
    pub limit: usize,
    pub anchor: Anchor,
    /// The last match given was empty and ended at `range.start`: do not give it again. To go on
    /// after a page, start where its last match ended and set this if that match was empty.
    pub after_empty: bool,
}

impl<'a> RegexQuery<'a> {
    /// All matches in the whole text.
    pub fn new(pattern: &'a str, flags: RegexFlags) -> RegexQuery<'a> {
        RegexQuery {
            pattern,
            flags,
            range: 0..u64::MAX,
            limit: usize::MAX,
            anchor: Anchor::None,
            after_empty: false,
        }
    }
}

/// One match: the spans of group 0 and of each group; none where a group took no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexMatch {
    pub spans: Vec<Option<Range<u64>>>,
}

impl RegexMatch {
    /// The span of the whole match.
    pub fn span(&self) -> Range<u64> {
        self.spans.first().cloned().flatten().unwrap_or(0..0)
    }
}

/// Why there are no matches to give. The context stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// Python refuses the pattern too, with this text.
    #[error("{message}")]
    Invalid { message: String, position: usize },
    /// Python takes it, but here it could mean something else: use Python's `re` on a part.
    #[error("not supported on the whole text: {reason}; use re on a slice of it")]
    Unsupported { reason: String },
    #[error("the pattern needs too much backtracking; make it more exact or search a slice")]
    TooMuchBacktracking,
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl RegexError {
    pub(crate) fn unsupported(reason: &str) -> RegexError {
        RegexError::Unsupported {
            reason: reason.to_owned(),
        }
    }
}

/// The groups of a pattern: how many, and the names with their numbers.
pub fn regex_groups(
    pattern: &str,
    flags: RegexFlags,
) -> Result<(u32, Vec<(String, u32)>), RegexError> {
    let parsed = parse::parse(pattern, flags)?;
    Ok((parsed.groups, parsed.names))
}

/// Facts of the whole text that some patterns ask for; found once.
#[derive(Debug, Default)]
pub(crate) struct TextTraits {
    odd_words: OnceLock<bool>,
    turkish: OnceLock<bool>,
}

pub(crate) fn run(
    view: &View<'_>,
    query: &RegexQuery<'_>,
    cache: &PatternCache,
    traits: &TextTraits,
) -> Result<Vec<RegexMatch>, RegexError> {
    if query.range.start > query.range.end.min(view.chars()) {
        // Python still reads the pattern.
        parse::parse(query.pattern, query.flags)?;
        return Ok(Vec::new());
    }
    let range = view.slice(&query.range);
    let text = &view.text()[..range.end];
    let key = (
        query.pattern.to_owned(),
        query.flags,
        query.anchor,
        traits.facts(view, text),
    );
    let compiled = cache.get(key)?;
    let limit = match query.anchor {
        Anchor::None => query.limit,
        Anchor::Start | Anchor::Full => query.limit.min(1),
    };
    let mut cursor = Cursor::new(*view);
    let mut matches = Vec::new();
    let (mut from, mut advance) = (range.start, query.after_empty);
    while matches.len() < limit {
        let Some(spans) = compiled.next(text, from, advance)? else {
            break;
        };
        let whole = spans.first().cloned().flatten().unwrap_or(from..from);
        (from, advance) = (whole.end, whole.is_empty());
        let spans = spans
            .into_iter()
            .map(|span| span.map(|span| cursor.at(span.start)..cursor.at(span.end)))
            .collect();
        matches.push(RegexMatch { spans });
    }
    Ok(matches)
}

impl TextTraits {
    fn facts(&self, view: &View<'_>, text: &str) -> TextFacts {
        let ascii = view.is_ascii();
        TextFacts {
            ascii,
            ends_line: text.ends_with('\n'),
            odd_words: !ascii && *self.odd_words.get_or_init(|| has_odd_words(view.whole())),
            turkish: !ascii && *self.turkish.get_or_init(|| has_turkish(view.whole())),
            len_log2: text.len().max(1).ilog2(),
        }
    }
}

/// Is there a character that is part of a word here and not there?
fn has_odd_words(text: &str) -> bool {
    let odd = r"[[\w--[\p{L}\p{N}_]][[\p{L}\p{N}_]--\w]]";
    // The pattern is ours; without it nothing is known, and that is the careful answer.
    meta::Regex::new(odd).map_or(true, |regex| regex.is_match(text))
}

fn has_turkish(text: &str) -> bool {
    ["İ", "ı"]
        .iter()
        .any(|c| memchr::memmem::find(text.as_bytes(), c.as_bytes()).is_some())
}

#[cfg(test)]
mod tests;
