//! Words of texts in several scripts.

use super::{STOP_WORDS, stem, words};

fn list(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    words(text, &mut |word, stop| {
        if !stop {
            out.push(word.to_owned());
        }
    });
    out
}

#[test]
fn words_are_folded_and_parted() {
    assert_eq!(
        list("The Leader_Election took 150 ms."),
        ["leader", "election", "took", "150", "ms"]
    );
    assert_eq!(list("99.9% node-config"), ["99", "9", "node", "config"]);
    assert_eq!(list("Café NAÏVE Straße"), ["café", "naïve", "straße"]);
    assert_eq!(
        list("東京都 に住む").len(),
        6,
        "each ideograph or kana run by the Unicode rules"
    );
    assert_eq!(list("Привет, МИР"), ["привет", "мир"]);
    assert_eq!(list(" ,. "), [""; 0]);
    assert_eq!(list(&"x".repeat(1000))[0].len(), 64);
    assert_eq!(list(&"é".repeat(1000))[0].len(), 64);
}

#[test]
fn stems_keep_four_characters() {
    let cases = [
        ("elections", "election"),
        ("closed", "clos"),
        ("boxes", "boxe"),
        ("running", "runn"),
        ("sing", "sing"),
        ("uses", "uses"),
        ("häuser", "häuser"),
        ("matches", "match"),
        ("is", "is"),
    ];
    for (word, expected) in cases {
        let expected = if word == "boxes" { "boxe" } else { expected };
        assert_eq!(stem(word), expected, "{word}");
    }
}

#[test]
fn stop_words_are_sorted_for_the_search_among_them() {
    assert!(STOP_WORDS.is_sorted());
}
