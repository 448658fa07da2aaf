//! The index against counting from the start.

use super::{CharIndex, STEP};
use proptest::prelude::*;

fn check(text: &str, places: impl Iterator<Item = usize>) {
    let index = CharIndex::build(text);
    let starts: Vec<usize> = text.char_indices().map(|(byte, _)| byte).collect();
    assert_eq!(index.chars(), starts.len() as u64);
    for at in places.filter(|at| *at < starts.len()) {
        assert_eq!(index.byte_at(text, at as u64), starts[at], "character {at}");
        assert_eq!(
            index.char_at(text, starts[at]),
            at as u64,
            "byte {}",
            starts[at]
        );
    }
    assert_eq!(index.byte_at(text, index.chars()), text.len());
    assert_eq!(index.byte_at(text, u64::MAX), text.len());
    assert_eq!(index.char_at(text, text.len()), index.chars());
}

#[test]
fn long_texts_cross_many_marks() {
    for unit in ["a", "é", "a€", "😀b", "ab\u{301}c"] {
        let text = unit.repeat(3 * STEP / unit.len() + 7);
        check(&text, (0..text.len()).step_by(97));
        check(&text, STEP.saturating_sub(5)..STEP + 5);
    }
    let mixed = format!(
        "{}{}{}",
        "x".repeat(STEP),
        "é".repeat(STEP),
        "y".repeat(2 * STEP)
    );
    check(&mixed, (0..mixed.len()).step_by(31));
    check(&"z".repeat(STEP), STEP - 2..STEP);
}

proptest! {
    #[test]
    fn any_text(text in "[a-cé€😀\n]{0,300}") {
        check(&text, 0..text.len());
    }
}
