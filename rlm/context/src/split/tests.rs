//! Against naive models of Python's rules, and the line breaks that Rust does not know.

use super::{is_space, lines, split_on, split_space};
use proptest::prelude::*;

fn python_splitlines(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let breaks = matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        );
        if !breaks {
            out.last_mut().unwrap().push(c);
            continue;
        }
        if c == '\r' && chars.peek() == Some(&'\n') {
            chars.next();
        }
        out.push(String::new());
    }
    if out.last().unwrap().is_empty() {
        out.pop();
    }
    out
}

fn paged<T>(mut page: impl FnMut(usize) -> (Vec<T>, Option<usize>)) -> Vec<T> {
    let (mut all, mut next) = page(0);
    while let Some(at) = next {
        let (more, then) = page(at);
        all.extend(more);
        next = then;
    }
    all
}

const TEXTS: &str = "[ab,é\n\r\u{b}\u{c}\u{1c}\u{85}\u{2028}\u{a0}\u{1f} ]{0,30}";

proptest! {
    #[test]
    fn lines_are_those_of_splitlines(text in TEXTS, limit in 1usize..5) {
        let found = paged(|at| lines(&text, at, limit));
        let texts: Vec<&str> = found.iter().map(|&(start, end, _)| &text[start..end]).collect();
        prop_assert_eq!(texts, python_splitlines(&text));
        let joined: String = found.iter().map(|&(start, _, next)| &text[start..next]).collect();
        prop_assert_eq!(joined, text);
    }

    #[test]
    fn pieces_are_those_of_split(text in TEXTS, limit in 1usize..5) {
        for separator in [",", "a,", "é", "\r\n"] {
            let found = paged(|at| split_on(&text, separator, at, limit));
            let pieces: Vec<&str> = found.into_iter().map(|range| &text[range]).collect();
            prop_assert_eq!(pieces, text.split(separator).collect::<Vec<_>>());
        }
    }

    #[test]
    fn words_are_those_of_split(text in TEXTS, limit in 1usize..5) {
        let found = paged(|at| split_space(&text, at, limit));
        let words: Vec<&str> = found.into_iter().map(|range| &text[range]).collect();
        let naive: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(words, naive);
    }
}
