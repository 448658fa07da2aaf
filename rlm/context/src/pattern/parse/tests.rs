//! Trees of some patterns. CPython's answers for many more are checked in `regex_query`.

use super::super::ast::{Mode, Node};
use super::parse;
use crate::regex_query::{RegexError, RegexFlags};

fn node(pattern: &str) -> Node {
    parse(pattern, RegexFlags::default()).unwrap().node
}

fn literal(c: char) -> Node {
    Node::Literal { c, fold: false }
}

#[test]
fn braces_are_counts_or_themselves() {
    let count = |min, max| Node::Repeat {
        body: Box::new(literal('a')),
        min,
        max,
        mode: Mode::Greedy,
    };
    assert_eq!(node("a{,3}"), count(0, Some(3)));
    assert_eq!(node("a{2,}"), count(2, None));
    assert_eq!(node("a{2}"), count(2, Some(2)));
    assert_eq!(
        node("a{}"),
        Node::Concat("a{}".chars().map(literal).collect())
    );
    assert_eq!(
        node("{a"),
        Node::Concat("{a".chars().map(literal).collect())
    );
}

#[test]
fn widths_and_emptiness() {
    assert_eq!(node("a(?:b|cd){2}").width(), (3, Some(5)));
    assert_eq!(node("a*").width(), (0, None));
    assert!(node(r"a*|b").nullable() && node(r"\b").nullable() && !node("a*b").nullable());
}

#[test]
fn nesting_has_a_limit() {
    let deep = "(".repeat(5000) + &")".repeat(5000);
    let refused = parse(&deep, RegexFlags::default());
    assert!(matches!(refused, Err(RegexError::Unsupported { .. })));
}

#[test]
fn an_error_says_its_line() {
    let error = parse("a\n(b", RegexFlags::default()).unwrap_err();
    let expected = "missing ), unterminated subpattern at position 2 (line 2, column 1)";
    assert_eq!(error.to_string(), expected);
}
