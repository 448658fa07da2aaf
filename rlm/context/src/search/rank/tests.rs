//! Scores by hand.

use super::best;
use crate::search::index::{Index, body};
use crate::search::units::{Lines, sentences};
use crate::search::{SearchOptions, Style};

fn search(text: &str, query: &str, options: &SearchOptions) -> Vec<(usize, f64)> {
    let cut = sentences(text, Lines::Apart);
    let index = Index::build(text, cut.units, cut.paths);
    best(&index, query, options, &|unit| body(text, unit))
}

const TEXT: &str = "red apple\nred car\ngreen car is fast\nred car\nblue\n";

#[test]
fn the_score_is_bm25() {
    let options = SearchOptions::new(Style::Passages, 9);
    let found = search(TEXT, "apple", &options);
    // One of five units has it; unit length 2, average 11/5.
    let rarity = (1.0_f64 + 4.5 / 1.5).ln();
    let expected = rarity * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / 2.2));
    assert_eq!(found.len(), 1);
    assert!(
        (found[0].1 - expected).abs() < 1e-12,
        "{} {expected}",
        found[0].1
    );
}

#[test]
fn ties_go_to_the_earlier_and_duplicates_go() {
    let mut options = SearchOptions::new(Style::Passages, 9);
    let order = |options: &SearchOptions| {
        let found = search(TEXT, "red car", options);
        found.into_iter().map(|(unit, _)| unit).collect::<Vec<_>>()
    };
    assert_eq!(order(&options), [1, 0, 2]);
    options.dedup = false;
    assert_eq!(order(&options), [1, 3, 0, 2]);
    options.relative_cut = 0.9;
    assert_eq!(order(&options), [1, 3]);
    options.k = 1;
    assert_eq!(order(&options), [1]);
    options.k = 0;
    assert_eq!(order(&options), [0; 0]);
}

#[test]
fn nothing_asked_or_found_gives_nothing() {
    let options = SearchOptions::new(Style::Passages, 9);
    for query in ["", "what is the", "zebra"] {
        assert_eq!(search(TEXT, query, &options), []);
    }
    assert_eq!(search("", "red", &options), []);
}
