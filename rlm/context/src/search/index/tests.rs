//! The index against counting words unit by unit.

use super::super::tokens::words;
use super::super::units::{Lines, sentences};
use super::{Index, body, put, take};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check(text: &str) {
    let cut = sentences(text, Lines::Apart);
    let index = Index::build(text, cut.units.clone(), cut.paths);
    let mut expected: BTreeMap<String, BTreeMap<usize, u64>> = BTreeMap::new();
    for (i, unit) in cut.units.iter().enumerate() {
        let mut len = 0;
        words(body(text, unit), &mut |word, stop| {
            len += 1;
            if !stop {
                *expected
                    .entry(word.into())
                    .or_default()
                    .entry(i)
                    .or_default() += 1;
            }
        });
        assert_eq!(index.lens[i], len);
    }
    assert_eq!(index.word_ends.len(), expected.len());
    for (word, units) in expected {
        let found = index.lookup(&word);
        assert_eq!(found.units as usize, units.len());
        assert_eq!(found.collect::<BTreeMap<_, _>>(), units, "{word}");
    }
    assert_eq!(index.lookup("absent").count(), 0);
    assert_eq!(index.lookup("").count(), 0);
}

proptest! {
    #[test]
    fn any_text(text in "([abé]{1,2}|the|\n| |xx xx){0,80}") {
        check(&text);
    }

    #[test]
    fn integers_survive(n in any::<u64>()) {
        let mut bytes = Vec::new();
        put(&mut bytes, n);
        let mut rest = &bytes[..];
        prop_assert_eq!(take(&mut rest), Some(n));
        prop_assert!(rest.is_empty());
    }
}

#[test]
fn many_blocks_merge() {
    let text: String = (0..3000)
        .map(|i| format!("w{} common v{} w{}\n", i % 7, i % 501, i % 7))
        .collect();
    check(&text);
}

#[test]
fn how_the_work_was_divided_does_not_show() {
    let text: String = (0..5000)
        .map(|i| format!("line {i} of {}\n", i % 13))
        .collect();
    let build = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let cut = sentences(&text, Lines::Apart);
        pool.install(|| Index::build(&text, cut.units, cut.paths))
    };
    assert_eq!(build(1), build(3));
}
