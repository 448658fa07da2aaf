//! What every set must be: the same bytes for the same seed, questions whose conditions matter,
//! texts that are not drawn twice, needles with one answer.

use std::collections::BTreeSet;

use super::{all_sets, generated};
use crate::clock;
use crate::prose;
use crate::query;
use crate::question::{Expect, Question};
use crate::score::score;
use crate::seed::Rng;
use crate::sets::SuiteSet;
use crate::spec::{Condition, QueryOp, QuerySpec};
use crate::table;

/// BLAKE3 over names and bytes of the generated files, by set, for the default seed; and another
/// seed under which no question ties.
const GOLDEN: [(&str, &str, u64); 3] = [
    (
        "first-light",
        "2b8ebc3877b21bcd7c1b34f3067b13740dec13074e451c9ef38fa80f35336c9a",
        4,
    ),
    (
        "blind-a",
        "1d532104e452cb9930054d944e4ee33d02c38cadca945d8d96380cb16938a117",
        11,
    ),
    (
        "blind-b",
        "7ebd2105fdaca4859bf0fd2a6356c3104d7682ba878d2cedd783adbec98c2a7b",
        3,
    ),
];

fn digest(set: &str, seed: Option<u64>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in generated(set, seed).files {
        hasher.update(name.as_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for (set, golden, other) in GOLDEN {
        assert_eq!(digest(set, None), golden, "the bytes of {set} have changed");
        assert_ne!(
            digest(set, Some(other)),
            golden,
            "{set} does not depend on its seed"
        );
    }
}

#[test]
fn ids_are_unique_and_files_are_there() {
    let mut ids = BTreeSet::new();
    for set in all_sets() {
        let mut files = BTreeSet::new();
        let spec = &set.spec;
        files.extend(spec.prose.iter().map(|part| part.file.as_str()));
        files.extend(spec.table.iter().map(|part| part.file.as_str()));
        files.extend(spec.judge.iter().map(|part| part.file.as_str()));
        files.extend(spec.document.iter().map(|part| part.file.as_str()));
        let written = spec.prose.iter().flat_map(|part| &part.ask);
        for ask in written.chain(spec.document.iter().flat_map(|part| &part.ask)) {
            assert!(ids.insert(ask.id.clone()), "{} is there twice", ask.id);
            assert!(
                ask.also.iter().all(|file| files.contains(file.as_str())),
                "{}",
                ask.id
            );
        }
        for ask in spec.table.iter().flat_map(|part| &part.ask) {
            assert!(ids.insert(ask.id.clone()), "{} is there twice", ask.id);
        }
        for ask in spec.judge.iter().flat_map(|part| &part.ask) {
            assert!(ids.insert(ask.id.clone()), "{} is there twice", ask.id);
        }
    }
    assert!(ids.len() >= 60, "{}", ids.len());
}

#[test]
fn a_condition_matters() {
    for set in all_sets() {
        let careless = right_without_reading(&set, set.default_seed());
        assert_eq!(
            careless,
            Vec::<&str>::new(),
            "{}: choose another seed",
            set.name
        );
    }
}

/// Questions that somebody who skips the conditions, or counts in place of adding, gets right.
fn right_without_reading(set: &SuiteSet, seed: u64) -> Vec<&str> {
    let mut ids = Vec::new();
    for spec in &set.spec.table {
        let records = table::records(spec, seed).unwrap();
        for ask in &spec.ask {
            let mut op = ask.query.op.clone();
            if let QueryOp::TopBy { column, .. } = &ask.query.op {
                op = QueryOp::Top {
                    column: column.clone(),
                    k: 1,
                };
            }
            let skipping = QuerySpec {
                rows: Vec::new(),
                op,
            };
            let asked = query::answer(&ask.query, &records, 0.0).map(|(expect, _)| expect);
            let careless = query::answer(&skipping, &records, 0.0).map(|(expect, _)| expect);
            if asked.is_err() || asked == careless {
                ids.push(ask.id.as_str());
            }
        }
    }
    ids
}

#[test]
fn a_window_counts_the_same_with_and_without_its_edges() {
    for set in all_sets() {
        for spec in &set.spec.table {
            let records = table::records(spec, set.default_seed()).unwrap();
            for ask in &spec.ask {
                let wider = ask.query.rows.iter().map(|condition| Condition {
                    until: condition.until.as_deref().map(one_second_later),
                    ..condition.clone()
                });
                let wider = QuerySpec {
                    rows: wider.collect(),
                    op: ask.query.op.clone(),
                };
                let answer = |query| query::answer(query, &records, 0.0).unwrap();
                assert_eq!(
                    answer(&wider),
                    answer(&ask.query),
                    "{}: an edge decides",
                    ask.id
                );
            }
        }
    }
}

fn one_second_later(moment: &str) -> String {
    clock::write(clock::parse(moment).unwrap() + 1, "plain").unwrap()
}

#[test]
fn no_text_is_there_twice() {
    for set in all_sets() {
        for spec in &set.spec.judge {
            let texts: Vec<&String> = spec.class.iter().flat_map(|class| &class.texts).collect();
            let distinct: BTreeSet<&&String> = texts.iter().collect();
            assert_eq!(texts.len(), distinct.len(), "{}", spec.file);
        }
    }
}

#[test]
fn a_needle_answers_and_its_near_misses_do_not() {
    for set in all_sets() {
        for spec in &set.spec.prose {
            let page = "Plain prose of some length, long enough to be taken for a paragraph of a \
                        real document by the code that hides the needles.\n\n"
                .repeat(spec.say.len() * 4);
            let hidden = prose::hide(&page, &spec.say, &mut Rng::named(1, "t")).unwrap();
            for sentence in &spec.say {
                assert_eq!(hidden.matches(sentence.as_str()).count(), 1, "{sentence}");
            }
            for ask in &spec.ask {
                let question = Question {
                    id: ask.id.clone(),
                    family: ask.family.clone(),
                    question: ask.question.clone(),
                    context: Vec::new(),
                    expect: ask.expect.clone(),
                    reject: ask.reject.clone(),
                };
                let right = spec
                    .say
                    .iter()
                    .filter(|say| score(&question, say).is_right())
                    .count();
                let wanted = usize::from(question.expect != Expect::Absent);
                assert_eq!(right, wanted, "{}: sentences that answer it", ask.id);
            }
        }
    }
}
