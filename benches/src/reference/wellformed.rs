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
use crate::spec::{QueryOp, QuerySpec};
use crate::table;

/// BLAKE3 over names and bytes of the generated files, by set, for the default seed.
const GOLDEN: [(&str, &str); 3] = [
    ("first-light", "GOLD-FIRST"),
    ("blind-a", "GOLD-A"),
    ("blind-b", "GOLD-B"),
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
    for (set, golden) in GOLDEN {
        assert_eq!(digest(set, None), golden, "the bytes of {set} have changed");
        assert_ne!(
            digest(set, Some(4711)),
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
        for spec in &set.spec.table {
            let records = table::records(spec, set.default_seed()).unwrap();
            for ask in &spec.ask {
                let (asked, _) = query::answer(&ask.query, &records, 0.0).unwrap();
                let bare = QuerySpec {
                    rows: Vec::new(),
                    op: ask.query.op.clone(),
                };
                let careless = match &ask.query.op {
                    // Without a condition the lazy way is to count.
                    QueryOp::TopBy { column, .. } => {
                        let op = QueryOp::Top {
                            column: column.clone(),
                            k: 1,
                        };
                        QuerySpec {
                            rows: Vec::new(),
                            op,
                        }
                    }
                    _ => bare,
                };
                let (careless, _) = query::answer(&careless, &records, 0.0).unwrap();
                assert_ne!(
                    asked, careless,
                    "{}: right without reading the question",
                    ask.id
                );
            }
        }
    }
}

#[test]
fn no_row_stands_on_the_edge_of_a_window() {
    for set in all_sets() {
        for spec in &set.spec.table {
            let records = table::records(spec, set.default_seed()).unwrap();
            let rows = spec.ask.iter().flat_map(|ask| &ask.query.rows);
            for condition in rows {
                for edge in [&condition.from, &condition.until].into_iter().flatten() {
                    let edge = clock::parse(edge).unwrap() as f64;
                    let on_edge =
                        |record: &table::Record| record[&condition.column].number() == Some(edge);
                    assert!(!records.iter().any(on_edge), "{}: {edge}", spec.file);
                }
            }
        }
    }
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
                        real document by the code.\n\n"
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
