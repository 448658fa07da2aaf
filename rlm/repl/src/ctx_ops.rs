//! The context as the guest asks for it: the operations of the request `ctx`, and the fast path for
//! slices. All are pure functions of the context, so no journal holds them. Replies are bounded in
//! items and bytes; the guest asks again from where a reply ended.
//!
//! A request is an object with `op`, and `s`: a section's index, or null for the whole text.
//! Positions are Python's: characters, not bytes.

use crate::link::Refusal;
use context::{
    Anchor, Context, ReadError, RegexError, RegexFlags, RegexMatch, RegexQuery, SearchOptions,
    Style,
};
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Characters that an operation may have to look at.
pub(crate) fn cost(context: &Context) -> u64 {
    context.len_chars(None).unwrap_or(u64::MAX)
}

/// What a session is told about its context when it opens.
pub(crate) fn facts(context: &Context) -> Value {
    let sections = context.sections().iter();
    json!({
        "chars": cost(context),
        "multi": context.is_multi(),
        "sections": sections.map(|s| json!([s.name, s.chars])).collect::<Vec<_>>(),
        "kind": context.card().kind,
        "rows": context.rows_len(),
        "lines": context.line_count(),
    })
}

/// The fast path: characters of a text; 0 is the whole context, n + 1 section n.
pub(crate) fn read(context: &Context, text: u32, start: u64, len: u64) -> Result<String, Refusal> {
    let section = text.checked_sub(1).map(|index| index as usize);
    Ok(context.read(section, start..start.saturating_add(len))?)
}

pub(crate) fn answer(context: &Context, request: &Value) -> Result<Value, Refusal> {
    let ask = Ask { request };
    let section = ask.section();
    match ask.text("op")? {
        "find" => {
            let found = context.find(section, ask.text("needle")?, ask.range())?;
            Ok(json!(found))
        }
        "rfind" => {
            let found = context.rfind(section, ask.text("needle")?, ask.range())?;
            Ok(json!(found))
        }
        "count" => {
            let count = context.count(section, ask.text("needle")?, ask.range())?;
            Ok(json!(count))
        }
        "split" => split(context, &ask),
        "splitlines" => split_lines(context, &ask),
        "regex" => regex(context, &ask),
        "groups" => {
            let (count, names) = context::regex_groups(ask.text("pattern")?, ask.flags())?;
            Ok(json!({ "count": count, "names": names }))
        }
        "rows" => rows(context, ask.range()),
        "lines" => lines(context, ask.range()),
        "search" => search(context, &ask),
        other => Err(Refusal::new(
            "ValueError",
            format!("no operation `{other}`"),
        )),
    }
}

/// A request with its fields by type.
struct Ask<'a> {
    request: &'a Value,
}

impl<'a> Ask<'a> {
    fn text(&self, key: &str) -> Result<&'a str, Refusal> {
        let missing = || Refusal::new("TypeError", format!("`{key}` must be a text"));
        self.request
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(missing)
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.request.get(key)?.as_u64()
    }

    fn flag(&self, key: &str) -> bool {
        self.request
            .get(key)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    fn section(&self) -> Option<usize> {
        self.number("s")
            .and_then(|index| usize::try_from(index).ok())
    }

    fn range(&self) -> Range<u64> {
        let end = self.number("end").unwrap_or(u64::MAX);
        self.number("start").unwrap_or(0)..end
    }

    fn limit(&self) -> usize {
        let limit = self
            .number("limit")
            .and_then(|limit| usize::try_from(limit).ok());
        limit.unwrap_or(ITEMS_MAX).min(ITEMS_MAX)
    }

    fn flags(&self) -> RegexFlags {
        let given = self
            .request
            .get("flags")
            .and_then(Value::as_str)
            .unwrap_or("");
        RegexFlags {
            ignore_case: given.contains('i'),
            multi_line: given.contains('m'),
            dot_all: given.contains('s'),
            verbose: given.contains('x'),
            ascii: given.contains('a'),
        }
    }
}

fn split(context: &Context, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let section = ask.section();
    let separator = ask.request.get("separator").and_then(Value::as_str);
    let from = ask.number("from").unwrap_or(0);
    let (spans, mut next) = context.split_spans(section, separator, from, ask.limit())?;
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for span in spans {
        if bytes > REPLY_BYTES {
            next = Some(span.start);
            break;
        }
        let part = context.read(section, span)?;
        bytes += part.len();
        parts.push(part);
    }
    Ok(json!({ "parts": parts, "next": next }))
}

fn split_lines(context: &Context, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let section = ask.section();
    let from = ask.number("from").unwrap_or(0);
    let (spans, mut next) = context.line_spans(section, from, ask.limit())?;
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for span in spans {
        if bytes > REPLY_BYTES {
            next = Some(span.start);
            break;
        }
        let end = if ask.flag("keep_ends") {
            span.next
        } else {
            span.end
        };
        let part = context.read(section, span.start..end)?;
        bytes += part.len();
        parts.push(part);
    }
    Ok(json!({ "parts": parts, "next": next }))
}

/// Matches as lists of groups: `[start, end, text]`, without the text when it is long, or null.
fn regex(context: &Context, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let section = ask.section();
    let query = RegexQuery {
        range: ask.range(),
        limit: ask.limit(),
        anchor: match ask.request.get("anchor").and_then(Value::as_str) {
            Some("start") => Anchor::Start,
            Some("full") => Anchor::Full,
            Some(_) | None => Anchor::None,
        },
        after_empty: ask.flag("after_empty"),
        ..RegexQuery::new(ask.text("pattern")?, ask.flags())
    };
    let found = context.regex(section, &query)?;
    let groups = |found: &RegexMatch| {
        let group = |span: &Option<Range<u64>>| match span {
            None => Ok(Value::Null),
            Some(span) if span.end - span.start > GROUP_CHARS => Ok(json!([span.start, span.end])),
            Some(span) => {
                let text = context.read(section, span.clone())?;
                Ok(json!([span.start, span.end, text]))
            }
        };
        found
            .spans
            .iter()
            .map(group)
            .collect::<Result<Vec<_>, ReadError>>()
    };
    let found: Result<Vec<_>, ReadError> = found.iter().map(groups).collect();
    Ok(json!(found?))
}

fn rows(context: &Context, range: Range<u64>) -> Result<Value, Refusal> {
    let range = range.start..range.end.min(range.start.saturating_add(ROWS_MAX));
    Ok(json!(context.rows(range)?))
}

fn lines(context: &Context, range: Range<u64>) -> Result<Value, Refusal> {
    let range = range.start..range.end.min(range.start.saturating_add(ROWS_MAX));
    Ok(json!(context.lines(range)?))
}

fn search(context: &Context, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let style = if ask.flag("sentences") {
        Style::Sentences
    } else {
        Style::Passages
    };
    let k = ask
        .number("k")
        .and_then(|k| usize::try_from(k).ok())
        .unwrap_or(0);
    let options = SearchOptions::new(style, k.min(HITS_MAX));
    let hits = context.search(ask.text("words")?, &options)?;
    let hit = |hit: &context::Passage| {
        let mut fields = Map::new();
        fields.insert("text".into(), json!(hit.text));
        fields.insert("path".into(), json!(hit.path));
        fields.insert("section".into(), json!(hit.section));
        fields.insert("start".into(), json!(hit.start));
        fields.insert("line".into(), json!(hit.line));
        fields.insert("score".into(), json!(hit.score));
        fields
    };
    Ok(json!(hits.iter().map(hit).collect::<Vec<_>>()))
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Refusal {
        Refusal::new("ValueError", error.to_string())
    }
}

impl From<RegexError> for Refusal {
    fn from(error: RegexError) -> Refusal {
        let message = error.to_string();
        match error {
            RegexError::Unsupported { .. } | RegexError::Invalid { .. } => {
                // The guest asks Python's own `re`, which has the right answer or the right error.
                Refusal::new("NotImplementedError", message)
            }
            RegexError::TooMuchBacktracking => Refusal::new("RuntimeError", message),
            RegexError::Read(_) => Refusal::new("ValueError", message),
        }
    }
}

/// Items of one reply: pieces, matches.
const ITEMS_MAX: usize = 4096;
/// Rows or lines of one reply.
const ROWS_MAX: u64 = 4096;
/// Bytes after which a reply of pieces ends.
const REPLY_BYTES: usize = 1 << 20;
/// A group's text is sent along up to this length; longer ones are read when they are used.
const GROUP_CHARS: u64 = 2000;
/// Passages that one search may ask for.
const HITS_MAX: usize = 1000;
