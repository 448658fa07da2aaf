//! Words of a text as the index knows them: case-folded, lightly stemmed, stop words told apart.
//!
//! ASCII words are runs of letters and digits; a run that holds other letters is divided by the
//! Unicode word rules, so each ideograph is a word and `naïve` is one. `_` parts words, so that
//! `leader_election` is found by its parts. Pure.

use unicode_segmentation::UnicodeSegmentation;

/// Gives each word of `text`, in order: its stem, and whether it is a stop word.
pub(crate) fn words(text: &str, visit: &mut dyn FnMut(&str, bool)) {
    let bytes = text.as_bytes();
    let mut folded = String::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word_byte(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        let mut plain = true;
        let mut upper = false;
        while at < bytes.len() && is_word_byte(bytes[at]) {
            plain &= bytes[at] < 0x80;
            upper |= bytes[at].is_ascii_uppercase();
            at += 1;
        }
        let run = &text[start..at];
        if !plain {
            for word in run.unicode_words() {
                folded.clear();
                folded.extend(word.chars().flat_map(char::to_lowercase));
                give(&folded, visit);
            }
        } else if upper {
            folded.clear();
            folded.push_str(run);
            folded.make_ascii_lowercase();
            give(&folded, visit);
        } else {
            give(run, visit);
        }
    }
}

fn give(word: &str, visit: &mut dyn FnMut(&str, bool)) {
    let mut end = word.len().min(WORD_BYTES_MAX);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    let word = &word[..end];
    visit(stem(word), STOP_WORDS.binary_search(&word).is_ok());
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Without one of the endings ing, ed, es, s, where four characters remain.
pub(crate) fn stem(word: &str) -> &str {
    for ending in ["ing", "ed", "es", "s"] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().take(4).count() == 4
        {
            return rest;
        }
    }
    word
}

/// Longer words (encoded data) are cut: they are found by their start.
const WORD_BYTES_MAX: usize = 64;

/// Words that a search leaves out and the index does not hold. Sorted.
const STOP_WORDS: [&str; 60] = [
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "did", "do", "does", "done", "for",
    "from", "give", "had", "has", "have", "her", "his", "how", "i", "in", "into", "is", "it",
    "its", "long", "many", "me", "much", "name", "of", "on", "or", "tell", "than", "that", "the",
    "their", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "what",
    "when", "where", "which", "who", "whom", "why", "with", "you",
];

#[cfg(test)]
mod tests;
