//! Judges an answer before it is taken: is it empty, does it say that there is none, does a passage
//! that was read support it? Also marks which of the question's words a passage lacks. Pure text
//! functions for English; the rules are those that notes on small models measured: a passage with
//! the answer but without a name of the question is mostly about another thing.

mod columns;

pub(crate) use columns::{Mistaken, mistaken_column};
use std::collections::BTreeSet;

/// Whether the answer is what an empty selection gives.
pub(crate) fn is_empty_answer(answer: &str) -> bool {
    matches!(
        answer.trim(),
        "" | "None" | "[]" | "{}" | "()" | "set()" | "nan" | "0" | "0.0" | "Counter()"
    )
}

/// Whether the question asks how many there are, and nothing else: its first words say so.
pub(crate) fn asks_how_many(question: &str) -> bool {
    let first: Vec<String> = words(question).take(4).map(str::to_lowercase).collect();
    first
        .windows(2)
        .any(|two| two[0] == "how" && matches!(two[1].as_str(), "many" | "often" | "much"))
}

/// Whether the answer is a collection as Python writes it.
pub(crate) fn is_collection(answer: &str) -> bool {
    let answer = answer.trim();
    answer.starts_with(['[', '{', '(']) || answer.starts_with("Counter(")
}

pub(crate) fn is_refusal(answer: &str, refusals: &[String]) -> bool {
    let answer = answer.to_lowercase();
    refusals
        .iter()
        .any(|refusal| answer.contains(&refusal.to_lowercase()))
}

/// A passage that has the answer, and the names of the question that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) sentence: String,
    pub(crate) names: Vec<String>,
}

/// `None` when a passage with the answer has all names of the question that any passage has, or is
/// linked to a passage with a missing one by a name that is new (the bridge of two facts); also
/// when no passage has the answer, since then nothing can be said.
pub(crate) fn doubt(question: &str, answer: &str, shown: &[String]) -> Option<Doubt> {
    let seen: Vec<BTreeSet<&str>> = shown.iter().map(|text| names(text)).collect();
    let asked: BTreeSet<&str> = question_names(question)
        .into_iter()
        .filter(|name| seen.iter().any(|names| names.contains(name)))
        .collect();
    let with_answer = passages_with(question, answer, shown);
    if asked.is_empty() || with_answer.is_empty() {
        return None;
    }
    let mut worst = None;
    for &at in &with_answer {
        let missing: Vec<&str> = asked.difference(&seen[at]).copied().collect();
        let linked = seen.iter().enumerate().any(|(other, names)| {
            other != at
                && missing.iter().any(|name| names.contains(name))
                && names
                    .intersection(&seen[at])
                    .any(|name| !asked.contains(name))
        });
        if missing.is_empty() || linked {
            return None;
        }
        worst = Some(Doubt {
            sentence: clip(&shown[at], SENTENCE_CHARS),
            names: missing.into_iter().map(str::to_owned).collect(),
        });
    }
    worst
}

/// Which passages have the answer: word for word, else all words that the answer adds to the
/// question (an answer in a whole sentence).
fn passages_with(question: &str, answer: &str, shown: &[String]) -> Vec<usize> {
    let wanted = flat(answer);
    if wanted.is_empty() {
        return Vec::new();
    }
    let holds = |at: &usize| flat(&shown[*at]).contains(&wanted);
    let exact: Vec<usize> = (0..shown.len()).filter(holds).collect();
    if !exact.is_empty() {
        return exact;
    }
    let asked = stems(question);
    let added: BTreeSet<String> = words(answer)
        .filter(|word| !is_stop_word(word))
        .map(|word| stem(&word.to_lowercase()))
        .filter(|word| !asked.contains(word))
        .collect();
    if added.is_empty() {
        return Vec::new();
    }
    (0..shown.len())
        .filter(|at| added.is_subset(&stems(&shown[*at])))
        .collect()
}

/// The question's words that each passage lacks, where another passage has them or where they are
/// names or numbers.
pub(crate) fn missing_words(question: &str, passages: &[&str]) -> Vec<Vec<String>> {
    let mut asked: Vec<&str> = Vec::new();
    for (i, word) in words(question).enumerate() {
        let first_capital = i == 0 && starts_upper(word);
        if !is_stop_word(word) && !first_capital && !asked.contains(&word) {
            asked.push(word);
        }
    }
    let seen: Vec<BTreeSet<String>> = passages.iter().map(|text| stems(text)).collect();
    seen.iter()
        .map(|has| {
            let lacks = |word: &&&str| {
                let stem = stem(&word.to_lowercase());
                !has.contains(&stem)
                    && (is_name(word) || seen.iter().any(|other| other.contains(&stem)))
            };
            let missing = asked.iter().filter(lacks);
            missing.map(|word| (*word).to_owned()).collect()
        })
        .collect()
}

/// The columns of a card (`name: values`) that the code names in quotes.
pub(crate) fn columns_named(card: &str, code: &str) -> String {
    let quoted = |key: &str| {
        ['"', '\'']
            .iter()
            .any(|quote| code.contains(&format!("{quote}{key}{quote}")))
    };
    let lines = card.lines().filter(|line| {
        line.split_once(": ")
            .is_some_and(|(key, _)| !key.is_empty() && quoted(key))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The values of a card's columns (`name: 'value', 'value'`) that the question has as words, in
/// whatever case and number: `kind 'hotel'` for "spent on hotels".
pub(crate) fn values_named(card: &str, question: &str) -> Vec<String> {
    let stemmed = |text: &str| -> Vec<String> {
        words(text).map(|word| stem(&word.to_lowercase())).collect()
    };
    let asked = stemmed(question);
    let mut found = Vec::new();
    for (key, values) in card.lines().filter_map(|line| line.split_once(": ")) {
        for value in values.split('\'').skip(1).step_by(2) {
            let wanted = stemmed(value);
            let named = !wanted.is_empty() && asked.windows(wanted.len()).any(|w| w == wanted);
            if named && !wanted.iter().all(|word| is_stop_word(word)) {
                found.push(format!("{key} '{value}'"));
            }
        }
    }
    found
}

/// The first `most` characters.
pub(crate) fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Capitalised words and words that begin with a digit, without the question's first word.
fn question_names(question: &str) -> BTreeSet<&str> {
    words(question)
        .skip(1)
        .filter(|word| is_name(word) && !is_stop_word(word))
        .collect()
}

fn names(text: &str) -> BTreeSet<&str> {
    words(text)
        .filter(|word| is_name(word) && !is_stop_word(word))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

fn stems(text: &str) -> BTreeSet<String> {
    words(text).map(|word| stem(&word.to_lowercase())).collect()
}

/// Without the common English endings, where four letters stay.
fn stem(word: &str) -> String {
    for ending in ["ing", "ed", "es", "s"] {
        if let Some(rest) = word.strip_suffix(ending)
            && rest.chars().count() >= 4
        {
            return rest.to_owned();
        }
    }
    word.to_owned()
}

/// Lower case, with one blank for everything between words, and one at each end so that only
/// whole words match.
fn flat(text: &str) -> String {
    let joined = words(text)
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join(" ");
    if joined.is_empty() {
        joined
    } else {
        format!(" {joined} ")
    }
}

fn is_name(word: &str) -> bool {
    starts_upper(word) || word.starts_with(|c: char| c.is_ascii_digit())
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word.to_lowercase().as_str())
}

/// How much of a passage is quoted back.
const SENTENCE_CHARS: usize = 160;

const STOP_WORDS: [&str; 57] = [
    "the", "a", "an", "of", "in", "on", "at", "is", "are", "was", "were", "be", "been", "to",
    "and", "or", "for", "by", "with", "from", "as", "it", "its", "that", "this", "which", "who",
    "whom", "what", "when", "where", "why", "how", "many", "much", "does", "do", "did", "done",
    "has", "have", "had", "into", "than", "then", "there", "their", "his", "her", "long", "tell",
    "me", "give", "name", "say", "says", "said",
];

#[cfg(test)]
mod tests;
