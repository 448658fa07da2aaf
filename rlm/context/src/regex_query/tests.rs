//! The frozen answers of CPython, and paging.

use crate::{Anchor, Context, RegexError, RegexFlags, RegexMatch, RegexQuery, regex_groups};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    pattern: String,
    flags: String,
    text: String,
    method: String,
    error: Option<String>,
    spans: Option<Vec<Vec<(i64, i64)>>>,
}

enum Verdict {
    Same,
    Refused,
    Differs(String),
}

fn flags(letters: &str) -> RegexFlags {
    RegexFlags {
        ignore_case: letters.contains('i'),
        multi_line: letters.contains('m'),
        dot_all: letters.contains('s'),
        verbose: letters.contains('x'),
        ascii: letters.contains('a'),
    }
}

fn compare(case: &Case) -> Verdict {
    let context = Context::from_text(case.text.clone());
    let mut query = RegexQuery::new(&case.pattern, flags(&case.flags));
    query.anchor = match case.method.as_str() {
        "match" => Anchor::Start,
        "fullmatch" => Anchor::Full,
        _ => Anchor::None,
    };
    let ours = context.regex(None, &query);
    match (ours, &case.error, &case.spans) {
        (Err(RegexError::Unsupported { .. }), _, _) => Verdict::Refused,
        (Err(RegexError::Invalid { message, .. }), Some(theirs), _) if message == *theirs => {
            Verdict::Same
        }
        (Ok(found), None, Some(theirs)) => {
            let found: Vec<Vec<(i64, i64)>> = found
                .iter()
                .map(|found| {
                    let span = |span: &Option<std::ops::Range<u64>>| match span {
                        Some(span) => (span.start as i64, span.end as i64),
                        None => (-1, -1),
                    };
                    found.spans.iter().map(span).collect()
                })
                .collect();
            if found == *theirs {
                Verdict::Same
            } else {
                Verdict::Differs(format!("{found:?}, CPython {theirs:?}"))
            }
        }
        (ours, error, _) => Verdict::Differs(format!("{ours:?}, CPython {error:?}")),
    }
}

fn check_against_cpython(lines: &str, refused_share: f64) {
    let (mut all, mut refused) = (0, 0);
    let mut differing = Vec::new();
    for line in lines.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        all += 1;
        match compare(&case) {
            Verdict::Same => {}
            Verdict::Refused => refused += 1,
            Verdict::Differs(how) => differing.push(format!(
                "{:?} {:?} on {:?} ({}): {how}",
                case.pattern, case.flags, case.text, case.method
            )),
        }
    }
    assert!(
        differing.is_empty(),
        "{} of {all} differ:\n{}",
        differing.len(),
        differing[..differing.len().min(25)].join("\n")
    );
    let share = f64::from(refused) / f64::from(all);
    assert!(share < refused_share, "{refused} of {all} were refused");
}

#[test]
fn matches_are_those_of_cpython_or_refused() {
    check_against_cpython(include_str!("../../tests/data/python_re.jsonl"), 0.25);
}

fn pages(text: &str, pattern: &str, page: usize) -> Vec<(u64, u64)> {
    let context = Context::from_text(text.to_owned());
    let mut query = RegexQuery::new(pattern, RegexFlags::default());
    query.limit = page;
    let mut found = Vec::new();
    loop {
        let matches = context.regex(None, &query).unwrap();
        let Some(last) = matches.last() else {
            return found;
        };
        query.range.start = last.span().end;
        query.after_empty = last.span().is_empty();
        found.extend(matches.iter().map(|m| (m.span().start, m.span().end)));
    }
}

#[test]
fn pages_joined_are_the_whole() {
    for (text, pattern) in [
        ("baac é a", "a*"),
        ("aaa", "a*?"),
        ("x é y é", "é"),
        ("", ""),
    ] {
        let whole = pages(text, pattern, usize::MAX);
        assert!(!whole.is_empty());
        assert_eq!(pages(text, pattern, 1), whole, "{pattern}");
        assert_eq!(pages(text, pattern, 2), whole, "{pattern}");
    }
}

#[test]
fn a_range_ends_the_text_but_does_not_start_it() {
    let context = Context::from_text("foo bar foo\nbaz".into());
    let spans = |pattern: &str, range| {
        let mut query = RegexQuery::new(pattern, RegexFlags::default());
        query.range = range;
        let found = context.regex(None, &query).unwrap();
        let pair = |m: &RegexMatch| (m.span().start, m.span().end);
        found.iter().map(pair).collect::<Vec<_>>()
    };
    assert_eq!(spans("^foo", 0..11), [(0, 3)]);
    assert_eq!(spans("^foo", 8..11), []);
    assert_eq!(spans("foo$", 0..11), [(8, 11)]);
    assert_eq!(
        spans("foo$", 0..12),
        [(8, 11)],
        "before the last line break"
    );
    assert_eq!(spans("foo$", 0..13), []);
    assert_eq!(
        spans(r"\boo", 1..20),
        [],
        "what is before the start is seen"
    );
    assert_eq!(spans("(?<=f)oo", 1..20), [(1, 3), (9, 11)]);
    let (after, before) = (9, 3);
    assert_eq!(spans("a", after..before), [], "an empty range has no match");
}

#[test]
fn groups_have_numbers_and_names() {
    let groups = regex_groups(r"(a)(?P<word>\w+)(?:x)", RegexFlags::default()).unwrap();
    assert_eq!(groups, (2, vec![("word".into(), 2)]));
}

#[test]
fn endless_backtracking_ends_with_a_named_error() {
    let context = Context::from_text("a".repeat(60));
    let query = RegexQuery::new(r"(?:(a|aa)+)(?=\1b)", RegexFlags::default());
    assert_eq!(
        context.regex(None, &query),
        Err(RegexError::TooMuchBacktracking)
    );
}

#[test]
fn what_would_mean_something_else_is_refused() {
    for pattern in [
        "(a)?(?(1)b|c)",
        r"\N{BULLET}",
        "(a*)*",
        "(?:^|,)*",
        "(?=a)*",
    ] {
        let found = Context::from_text("abc".into())
            .regex(None, &RegexQuery::new(pattern, RegexFlags::default()));
        assert!(
            matches!(found, Err(RegexError::Unsupported { .. })),
            "{pattern}: {found:?}"
        );
    }
}
