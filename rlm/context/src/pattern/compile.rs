//! Compiled patterns and the search for the next match, as CPython's engine steps. Pure but for the
//! cache of compiled patterns.

use super::ast::Node;
use super::emit::emit;
use super::parse::parse;
use crate::regex_query::{Anchor, RegexError, RegexFlags};
use regex_automata::meta;
use regex_automata::{Anchored, Input};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// What of a text decides how a pattern is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextFacts {
    pub(crate) ascii: bool,
    /// It ends with a line break.
    pub(crate) ends_line: bool,
    /// It has characters that Python and Rust disagree about being part of a word.
    pub(crate) odd_words: bool,
    /// It has `İ` or `ı`.
    pub(crate) turkish: bool,
    /// The length in bytes lies between two powers of two: the exponent of the lower one.
    pub(crate) len_log2: u32,
}

/// The spans of one match, group 0 first; none where a group took no part.
pub(crate) type Spans = Vec<Option<Range<usize>>>;

#[derive(Debug)]
pub(crate) struct Compiled {
    engine: Engine,
    /// Finds a match that is not empty at exactly one place; for patterns that can be empty.
    not_empty: Option<fancy_regex::Regex>,
    anchor: Anchor,
}

#[derive(Debug)]
enum Engine {
    Linear(meta::Regex),
    Backtracking(fancy_regex::Regex),
}

impl Compiled {
    pub(crate) fn new(
        pattern: &str,
        flags: RegexFlags,
        anchor: Anchor,
        facts: TextFacts,
    ) -> Result<Compiled, RegexError> {
        let parsed = parse(pattern, flags)?;
        if parsed
            .node
            .any(&|node| matches!(node, Node::Literal { fold: true, .. } | Node::Class(_)))
            && parsed.flags.ascii
            && parsed.flags.ignore_case
            && !facts.ascii
        {
            return Err(RegexError::unsupported("ASCII and IGNORECASE together"));
        }
        let emitted = emit(&parsed.node, facts, false)?;
        let tail = if anchor == Anchor::Full { "\\z" } else { "" };
        let body = format!("(?:{}){tail}", emitted.pattern);
        let engine = if emitted.fancy {
            let place = if anchor == Anchor::None { "" } else { "\\G" };
            Engine::Backtracking(backtracking(&format!("{place}{body}"), false, facts)?)
        } else {
            Engine::Linear(linear(&body)?)
        };
        let can_be_both = parsed.node.nullable() && parsed.node.width().1 != Some(0);
        let not_empty = match anchor == Anchor::None && can_be_both {
            true => {
                let emitted = emit(&parsed.node, facts, true)?;
                Some(backtracking(
                    &format!("\\G(?:{})", emitted.pattern),
                    true,
                    facts,
                )?)
            }
            false => None,
        };
        Ok(Compiled {
            engine,
            not_empty,
            anchor,
        })
    }

    /// The next match from byte `from` on; `advance` says that an empty one at `from` was given.
    pub(crate) fn next(
        &self,
        text: &str,
        from: usize,
        advance: bool,
    ) -> Result<Option<Spans>, RegexError> {
        if !advance {
            return self.at(text, from);
        }
        if let Some(not_empty) = &self.not_empty
            && let Some(spans) = run_backtracking(not_empty, text, from)?
        {
            return Ok(Some(spans));
        }
        if self.anchor != Anchor::None {
            return Ok(None);
        }
        match text[from..].chars().next() {
            Some(c) => self.at(text, from + c.len_utf8()),
            None => Ok(None),
        }
    }

    fn at(&self, text: &str, from: usize) -> Result<Option<Spans>, RegexError> {
        match &self.engine {
            Engine::Backtracking(regex) => run_backtracking(regex, text, from),
            Engine::Linear(regex) => {
                let anchored = match self.anchor {
                    Anchor::None => Anchored::No,
                    Anchor::Start | Anchor::Full => Anchored::Yes,
                };
                let input = Input::new(text).range(from..).anchored(anchored);
                let mut captures = regex.create_captures();
                regex.search_captures(&input, &mut captures);
                if !captures.is_match() {
                    return Ok(None);
                }
                let spans = captures.iter().map(|span| span.map(|span| span.range()));
                Ok(Some(spans.collect()))
            }
        }
    }
}

fn run_backtracking(
    regex: &fancy_regex::Regex,
    text: &str,
    from: usize,
) -> Result<Option<Spans>, RegexError> {
    let found = regex
        .captures_from_pos(text, from)
        .map_err(|_| RegexError::TooMuchBacktracking)?;
    Ok(found.map(|captures| {
        captures
            .iter()
            .map(|group| group.map(|g| g.range()))
            .collect()
    }))
}

fn linear(pattern: &str) -> Result<meta::Regex, RegexError> {
    meta::Builder::new()
        .configure(
            meta::Config::new()
                .nfa_size_limit(Some(SIZE_LIMIT))
                .hybrid_cache_capacity(DFA_CACHE_BYTES),
        )
        .build(pattern)
        .map_err(|error| RegexError::unsupported(&format!("the engine refused it: {error}")))
}

fn backtracking(
    pattern: &str,
    not_empty: bool,
    facts: TextFacts,
) -> Result<fancy_regex::Regex, RegexError> {
    // Each place that is passed without a match is a step too.
    let places = 1_usize
        .checked_shl(facts.len_log2 + 3)
        .unwrap_or(usize::MAX);
    fancy_regex::RegexBuilder::new(pattern)
        .backtrack_limit(places.saturating_add(BACKTRACK_LIMIT))
        .delegate_size_limit(SIZE_LIMIT)
        .find_not_empty(not_empty)
        .build()
        .map_err(|error| RegexError::unsupported(&format!("the engine refused it: {error}")))
}

/// The patterns compiled last. A program asks for the matches of one pattern page by page, and
/// compiling one with Unicode classes takes a millisecond.
#[derive(Debug, Default)]
pub(crate) struct PatternCache {
    /// Newest last. A mutex, since callers share the context and hold this for a look-up only.
    recent: Mutex<Vec<(CacheKey, Arc<Compiled>)>>,
}

type CacheKey = (String, RegexFlags, Anchor, TextFacts);

impl PatternCache {
    pub(crate) fn get(&self, key: CacheKey) -> Result<Arc<Compiled>, RegexError> {
        if let Some(compiled) = self.take(&key) {
            return Ok(compiled);
        }
        let (pattern, flags, anchor, facts) = &key;
        let compiled = Arc::new(Compiled::new(pattern, *flags, *anchor, *facts)?);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= CACHED_PATTERNS {
            recent.remove(0);
        }
        recent.push((key, Arc::clone(&compiled)));
        Ok(compiled)
    }

    fn take(&self, key: &CacheKey) -> Option<Arc<Compiled>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(known, _)| known == key)?;
        let entry = recent.remove(at);
        let compiled = Arc::clone(&entry.1);
        recent.push(entry);
        Some(compiled)
    }
}

/// Bytes of a compiled pattern, and of the states that a search may keep.
const SIZE_LIMIT: usize = 16 << 20;
const DFA_CACHE_BYTES: usize = 8 << 20;

/// Steps back in the search for one match, besides 8 to 16 for each byte of the text: one or two
/// seconds.
const BACKTRACK_LIMIT: usize = 20_000_000;

/// Patterns kept: more than one block of a program uses.
const CACHED_PATTERNS: usize = 32;

#[cfg(test)]
mod tests;
