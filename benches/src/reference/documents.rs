//! The real documents: pinned by hash, evidence in place, answers in the evidence.

use super::all_sets;
use crate::make::lost_evidence;
use crate::question::{Expect, Question};
use crate::realtext::{RealText, RealTextError};
use crate::score::{Verdict, score};
use crate::seed::Rng;
use crate::spec::{Ask, DocumentSpec};

fn skipped(spec: &DocumentSpec, why: &RealTextError) {
    eprintln!("skipped {}: {why}", spec.from);
}

#[test]
fn documents_still_say_what_is_asked() {
    let Some(real) = RealText::find() else { return };
    for set in all_sets() {
        for spec in &set.spec.document {
            let page = match real.document(&spec.from) {
                Ok(page) => page,
                Err(why @ RealTextError::NotLocked { .. }) => panic!("{why}"),
                Err(why) => {
                    skipped(spec, &why);
                    continue;
                }
            };
            let hash = blake3::hash(page.as_bytes()).to_hex().to_string();
            if let Some(known) = &spec.hash {
                assert_eq!(
                    *known, hash,
                    "{} changed: check its questions again",
                    spec.from
                );
            }
            for ask in &spec.ask {
                assert!(!ask.evidence.is_empty(), "{} has no evidence", ask.id);
                assert_eq!(
                    lost_evidence(ask, &page),
                    None,
                    "{} of {}",
                    ask.id,
                    spec.from
                );
            }
        }
    }
}

#[test]
fn real_text_does_not_name_a_needle() {
    let Some(real) = RealText::find() else { return };
    for set in all_sets() {
        for spec in &set.spec.prose {
            let mut rng = Rng::named(set.default_seed(), &spec.file);
            let (filler, _) = real.filler(spec.bytes, &mut rng);
            for ask in &spec.ask {
                let Expect::OneOf { any } = &ask.expect else {
                    continue;
                };
                for phrase in any {
                    assert!(!filler.contains(phrase.as_str()), "{}: {phrase}", ask.id);
                }
            }
        }
    }
}

#[test]
fn the_evidence_holds_the_answer() {
    for set in all_sets() {
        for ask in set.spec.document.iter().flat_map(|spec| &spec.ask) {
            let evidence = ask.evidence.join(" ").to_lowercase();
            let holds = if let Expect::OneOf { any } = &ask.expect {
                any.iter()
                    .any(|phrase| evidence.contains(&phrase.to_lowercase()))
            } else if let Expect::Number { value, .. } = &ask.expect {
                let spelled = *value == 3.0 && evidence.contains("three");
                spelled || evidence.contains(&value.to_string())
            } else {
                panic!("{}: documents are asked for names and numbers", ask.id)
            };
            assert!(holds, "{}: {evidence}", ask.id);
        }
    }
}

fn question(ask: &Ask) -> Question {
    Question {
        id: ask.id.clone(),
        family: ask.family.clone(),
        question: ask.question.clone(),
        context: Vec::new(),
        expect: ask.expect.clone(),
        reject: ask.reject.clone(),
    }
}

#[test]
fn near_misses_and_hedging_fail() {
    for set in all_sets() {
        let written = set.spec.document.iter().flat_map(|spec| &spec.ask);
        for ask in written.chain(set.spec.prose.iter().flat_map(|spec| &spec.ask)) {
            let question = question(ask);
            let right = if let Expect::OneOf { any } = &ask.expect {
                any[0].clone()
            } else if let Expect::Number { value, .. } = &ask.expect {
                value.to_string()
            } else {
                "It is not in the text.".to_owned()
            };
            assert_eq!(score(&question, &right), Verdict::Right, "{}", ask.id);
            for near in &ask.reject {
                assert!(!score(&question, near).is_right(), "{}: {near}", ask.id);
                let both = format!("{right} or {near}");
                assert!(!score(&question, &both).is_right(), "{}: {both}", ask.id);
            }
            let hedging = format!("{right}. {}", "It could be something else. ".repeat(12));
            assert!(!score(&question, &hedging).is_right(), "{}", ask.id);
        }
    }
}
