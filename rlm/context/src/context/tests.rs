//! Python's string methods over a context, against naive models.

use crate::gather::Gathered;
use crate::store::{Buffer, Text};
use crate::{Context, OpenOptions, ReadError, Skipped, Source};
use proptest::prelude::*;

fn context(text: &str) -> Context {
    Context::from_text(text.to_owned())
}

fn slice(chars: &[char], range: &std::ops::Range<usize>) -> String {
    let end = range.end.min(chars.len());
    chars
        .get(range.start.min(end)..end)
        .unwrap_or(&[])
        .iter()
        .collect()
}

proptest! {
    #[test]
    fn reads_and_searches_are_pythons(
        text in "[aé€b]{0,40}", needle in "[aé]{0,3}", start in 0usize..45, len in 0usize..45,
    ) {
        let chars: Vec<char> = text.chars().collect();
        let range = start..start + len;
        let wide = start as u64..(start + len) as u64;
        let ours = context(&text);
        let part = slice(&chars, &range);
        prop_assert_eq!(ours.read(None, wide.clone()).unwrap(), part.clone());
        let place = |found: Option<usize>| found.filter(|_| start <= chars.len()).map(|byte| {
            (start + part[..byte].chars().count()) as u64
        });
        prop_assert_eq!(ours.find(None, &needle, wide.clone()).unwrap(), place(part.find(&needle)));
        prop_assert_eq!(ours.rfind(None, &needle, wide.clone()).unwrap(), place(part.rfind(&needle)));
        let count = if start > chars.len() {
            0
        } else if needle.is_empty() {
            part.chars().count() + 1
        } else {
            part.matches(&needle).count()
        };
        prop_assert_eq!(ours.count(None, &needle, wide).unwrap(), count as u64);
    }

    #[test]
    fn spans_are_in_characters(text in "[aé \n,]{0,40}") {
        let chars: Vec<char> = text.chars().collect();
        let ours = context(&text);
        let cut = |range: std::ops::Range<u64>| {
            slice(&chars, &(range.start as usize..range.end as usize))
        };
        let (pieces, next) = ours.split_spans(None, Some(","), 0, usize::MAX).unwrap();
        prop_assert_eq!(next, None);
        let pieces: Vec<String> = pieces.into_iter().map(cut).collect();
        prop_assert_eq!(pieces, text.split(',').collect::<Vec<_>>());
        let (words, _) = ours.split_spans(None, None, 0, usize::MAX).unwrap();
        let words: Vec<String> = words.into_iter().map(cut).collect();
        prop_assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
        let (lines, _) = ours.line_spans(None, 0, usize::MAX).unwrap();
        let lines: Vec<String> = lines.into_iter().map(|line| cut(line.start..line.end)).collect();
        prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
    }
}

#[test]
fn sections_have_positions_of_their_own() {
    let sources = ["één\n", "twee", "drie é"].map(|text| Source::Text {
        name: text[..2].into(),
        text: text.into(),
    });
    let sources = [
        sources[1].clone(),
        sources[2].clone(),
        Source::Text {
            name: "three".into(),
            text: "één\n".into(),
        },
    ];
    let context = Context::open(&sources, &OpenOptions::default()).unwrap();
    assert_eq!(context.section_count(), 3);
    assert_eq!(context.len_chars(Some(2)), Ok(4));
    assert_eq!(context.read(Some(2), 0..2).unwrap(), "éé");
    assert_eq!(context.find(Some(2), "n", 0..9), Ok(Some(2)));
    assert_eq!(context.find(None, "één", 0..99), Ok(Some(12)));
    let missing = ReadError::NoSuchSection { index: 3, count: 3 };
    assert_eq!(context.len_chars(Some(3)), Err(missing));
}

#[test]
fn what_cannot_be_given_is_named() {
    let context = context("text");
    assert_eq!(
        context.split_spans(None, Some(""), 0, 1),
        Err(ReadError::EmptySeparator)
    );
    assert_eq!(context.rows(0..1), Err(ReadError::NoRows));
    let bytes = Source::Bytes {
        name: "x".into(),
        bytes: b"0123456789".to_vec(),
    };
    let options = OpenOptions {
        max_read_bytes: 4,
        ..OpenOptions::default()
    };
    let small = Context::open(&[bytes], &options).unwrap();
    assert_eq!(small.read(None, 0..4).unwrap(), "0123");
    assert_eq!(
        small.read(None, 0..5),
        Err(ReadError::TooMuch { bytes: 5, limit: 4 })
    );
    assert_eq!(
        small.lines(0..1),
        Err(ReadError::TooMuch {
            bytes: 10,
            limit: 4
        })
    );
}

#[test]
fn one_source_has_the_hash_of_its_bytes() {
    let text = "same bytes\n".repeat(100_000);
    let hash = blake3::hash(text.as_bytes());
    assert_eq!(context(&text).hash().0, *hash.as_bytes());
}

/// Zero pages take no memory and are not on any disk: a text of this size is made in no time.
fn huge(head: &str, middle: (usize, &str), tail: &str) -> Context {
    let bytes = middle.0 + (8 << 20);
    let mut map = memmap2::MmapMut::map_anon(bytes).unwrap();
    map[..head.len()].copy_from_slice(head.as_bytes());
    map[middle.0..middle.0 + middle.1.len()].copy_from_slice(middle.1.as_bytes());
    map[bytes - tail.len()..].copy_from_slice(tail.as_bytes());
    let text = Text::check(Buffer::Mapped(map.make_read_only().unwrap())).unwrap();
    let gathered = Gathered {
        text,
        parts: vec![("huge.txt".into(), 0..bytes)],
        multi: false,
        skipped: Skipped::default(),
    };
    Context::assemble(gathered, OpenOptions::default())
}

#[test]
fn positions_beyond_two_gibibytes_are_right() {
    let middle = (1 << 31) + 5;
    let head = "é short line\n".repeat(80);
    let tail = "\nthe last needle, é, ends\nit";
    let context = huge(&head, (middle, "needle"), tail);
    let bytes = context.len_bytes();
    assert!(bytes > 2 << 30);
    // Each `é` is two bytes and one character.
    let chars = bytes - 81;
    assert_eq!(context.len_chars(None).unwrap(), chars);
    let first = middle as u64 - 80;
    let all = 0..u64::MAX;
    assert_eq!(
        context.find(None, "needle", all.clone()).unwrap(),
        Some(first)
    );
    let last = context.rfind(None, "needle", all).unwrap().unwrap();
    assert_eq!(last, chars - 18);
    assert_eq!(context.read(None, first..first + 6).unwrap(), "needle");
    assert_eq!(
        context.read(None, last..u64::MAX).unwrap(),
        "needle, é, ends\nit"
    );
    assert_eq!(
        context.count(None, "needle", first + 1..u64::MAX).unwrap(),
        1
    );
    assert_eq!(context.line_count(), 83);
    assert_eq!(
        context.lines(81..83).unwrap(),
        ["the last needle, é, ends", "it"]
    );
    let (lines, _) = context.line_spans(None, last, 9).unwrap();
    assert_eq!((lines[1].start, lines[1].end), (chars - 2, chars));
    assert!(matches!(
        context.read(None, 0..u64::MAX),
        Err(ReadError::TooMuch { .. })
    ));
}
