//! Is an answer right? One pure function of question and answer. An answer has to commit itself:
//! a long text that merely has the right words somewhere is wrong, and so is one that names a
//! near miss next to the right name.

mod numbers;
mod text;

#[cfg(test)]
mod tests;

use crate::question::{Expect, Question};

/// Longest answer, in characters, that still counts as an answer. Every expectation of the suite
/// fits into a third of it, with a sentence around it.
const MAX_ANSWER_CHARS: usize = 300;

/// What an answer is worth, and why when it is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong(String),
}

impl Verdict {
    pub fn is_right(&self) -> bool {
        *self == Verdict::Right
    }
}

/// Compares an answer with what its question expects.
pub fn score(question: &Question, answer: &str) -> Verdict {
    match fault(question, answer) {
        None => Verdict::Right,
        Some(why) => Verdict::Wrong(why),
    }
}

/// Ways to say that the text does not tell, as people and models write them.
const NOT_TOLD: [&str; 32] = [
    "not in the text",
    "not in text",
    "not in the document",
    "not in the context",
    "not mentioned",
    "not stated",
    "not specified",
    "not given",
    "not provided",
    "not recorded",
    "not known",
    "not contained",
    "not included",
    "not present",
    "not available",
    "not found",
    "not answered",
    "not described",
    "does not say",
    "does not mention",
    "does not state",
    "does not specify",
    "does not give",
    "does not provide",
    "does not contain",
    "does not include",
    "does not tell",
    "no mention",
    "no information",
    "no answer",
    "cannot be determined",
    "unknown",
];

fn fault(question: &Question, answer: &str) -> Option<String> {
    let trimmed = answer.trim();
    if trimmed.is_empty() {
        return Some("the answer is empty".to_owned());
    }
    let chars = trimmed.chars().count();
    if chars > MAX_ANSWER_CHARS {
        return Some(format!(
            "{chars} characters are no answer (at most {MAX_ANSWER_CHARS})"
        ));
    }
    let plain = text::normalise(trimmed);
    match &question.expect {
        Expect::Absent => absent_fault(&plain).or_else(|| near_miss(question, &plain, &[])),
        Expect::Number { value, tolerance } => numbers::fault(
            &plain,
            &text::normalise(&question.question),
            *value,
            *tolerance,
        )
        .or_else(|| near_miss(question, &plain, &[])),
        Expect::Contains { all } | Expect::Names { names: all } => names_fault(&plain, all, false)
            .or_else(|| denial(&plain, all))
            .or_else(|| near_miss(question, &plain, all)),
        Expect::NamesInOrder { names } => names_fault(&plain, names, true)
            .or_else(|| denial(&plain, names))
            .or_else(|| near_miss(question, &plain, names)),
        Expect::OneOf { any } => {
            if !any
                .iter()
                .any(|phrase| text::find(&plain, phrase).is_some())
            {
                return Some(format!("none of {any:?} is in it"));
            }
            denial(&plain, any).or_else(|| near_miss(question, &plain, any))
        }
    }
}

fn not_told(plain: &str) -> Option<&'static str> {
    let open = plain
        .replace("doesn't", "does not")
        .replace("isn't", "is not");
    NOT_TOLD
        .into_iter()
        .find(|form| text::find(&open, form).is_some())
}

fn absent_fault(plain: &str) -> Option<String> {
    match not_told(plain) {
        Some(_) => None,
        None => Some("it does not say that the text has no answer".to_owned()),
    }
}

/// Right words in a sentence that says they are not the answer are no answer. Forms that an
/// expectation itself contains do not count against it.
fn denial(plain: &str, expected: &[String]) -> Option<String> {
    let form = not_told(plain)?;
    let own = expected
        .iter()
        .any(|phrase| text::normalise(phrase).contains(form));
    (!own).then(|| format!("it says \u{201c}{form}\u{201d}"))
}

fn names_fault(plain: &str, names: &[String], in_order: bool) -> Option<String> {
    let mut last = 0;
    for name in names {
        let Some(at) = text::find(plain, name) else {
            return Some(format!("{name:?} is missing"));
        };
        if in_order && at < last {
            return Some(format!("{name:?} stands too early"));
        }
        last = at;
    }
    None
}

/// A near miss that stands outside the expected phrases.
fn near_miss(question: &Question, plain: &str, expected: &[String]) -> Option<String> {
    let rest = text::without(plain, expected);
    let named = question
        .reject
        .iter()
        .find(|phrase| text::find(&rest, phrase).is_some())?;
    Some(format!("it names {named:?}"))
}
