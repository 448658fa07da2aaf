//! Lines by number against lines in order.

use super::{BLOCK, LineIndex, LineRule};
use proptest::prelude::*;

fn naive(text: &str, rule: LineRule) -> Vec<&str> {
    let blank = |line: &&str| rule == LineRule::All || !line.trim().is_empty();
    let lines = text.split_inclusive('\n').map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    });
    lines.filter(blank).collect()
}

fn check(text: &str, rule: LineRule, step: usize) {
    let index = LineIndex::build(text, rule);
    let expected = naive(text, rule);
    assert_eq!(index.count(), expected.len() as u64);
    for from in (0..expected.len() + 2).step_by(step) {
        let found: Vec<&str> = index
            .iter(text, from as u64)
            .take(3)
            .map(|l| &text[l])
            .collect();
        let end = expected.len().min(from + 3);
        assert_eq!(found, expected[from.min(end)..end], "from {from}");
    }
    let mut all = Vec::new();
    for stretch in index.stretches(text, 1) {
        all.extend(index.lines_in(text, stretch).map(|line| &text[line]));
    }
    assert_eq!(all, expected);
}

#[test]
fn long_texts_cross_many_blocks() {
    let log: String = (0..20_000)
        .map(|i| format!("{i} {}\n", "x".repeat(i % 37)))
        .collect();
    check(&log, LineRule::All, 613);
    let long = format!(
        "a\n{}\n\n \nb\r\n{}",
        "y".repeat(3 * BLOCK),
        "z".repeat(BLOCK)
    );
    check(&long, LineRule::All, 1);
    check(&long, LineRule::NotBlank, 1);
}

proptest! {
    #[test]
    fn any_text(text in "[ab\r\n \té]{0,60}") {
        check(&text, LineRule::All, 1);
        check(&text, LineRule::NotBlank, 1);
    }
}

#[test]
fn a_quoted_field_holds_line_breaks() {
    let text = "a,\"b\nc\"\nd,5\" disk\n\"x \"\"y\"\"\nz\",1\n";
    let index = LineIndex::build(text, LineRule::Quoted(b','));
    let records: Vec<&str> = index.iter(text, 0).map(|line| &text[line]).collect();
    assert_eq!(
        records,
        ["a,\"b\nc\"", "d,5\" disk", "\"x \"\"y\"\"\nz\",1"]
    );
    let lost = format!("a,\"lost\n{}", "b,c\n".repeat(BLOCK));
    let index = LineIndex::build(&lost, LineRule::Quoted(b','));
    assert_eq!(
        index.count(),
        BLOCK as u64 + 1,
        "a lost quote costs one record"
    );
}

#[test]
fn lines_can_be_left_out() {
    let text = "head\n1\n2\n3\n4\n";
    let index = LineIndex::build(text, LineRule::All).without(vec![0, 7]);
    let left: Vec<&str> = index.iter(text, 1).map(|line| &text[line]).collect();
    assert_eq!((index.count(), left), (3, vec!["3", "4"]));
}
