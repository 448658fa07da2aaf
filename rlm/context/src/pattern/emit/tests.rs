//! What patterns become.

use super::super::compile::TextFacts;
use super::super::parse::parse;
use super::emit;
use crate::regex_query::RegexFlags;

fn check(pattern: &str, facts: TextFacts, expected: &str, fancy: bool) {
    let parsed = parse(pattern, RegexFlags::default()).unwrap();
    let emitted = emit(&parsed.node, facts, false).unwrap();
    assert_eq!(
        (emitted.pattern.as_str(), emitted.fancy),
        (expected, fancy),
        "{pattern}"
    );
}

#[test]
fn an_ascii_text_needs_no_unicode_classes() {
    let ascii = TextFacts {
        ascii: true,
        ..TextFacts::default()
    };
    check(r"\b\w+", ascii, r"(?-u:\b)(?:[[0-9A-Z_a-z]])+", false);
    check(r"(?=a)\b", ascii, r"(?=a)\b", true);
    check(r"\s", TextFacts::default(), r"[[\s\x1C-\x1F]]", false);
    check(r"\b", TextFacts::default(), r"\b", false);
}

#[test]
fn an_end_looks_ahead_only_where_a_line_ends() {
    let line = TextFacts {
        ends_line: true,
        ..TextFacts::default()
    };
    check("a$", TextFacts::default(), r"a\z", false);
    check("a$", line, r"a(?=\n?\z)", true);
}
