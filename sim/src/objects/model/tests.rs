use super::*;
use crate::history::{Call, Verdict, check};
use std::time::Duration;

type Told = (ModelCall, Option<ModelAnswer>, (u64, u64));

fn hash(number: u8) -> ContentHash {
    ContentHash([number; 32])
}

fn publish(number: u8, parent: Option<u32>) -> ModelCall {
    ModelCall::Publish {
        hash: hash(number),
        parent,
    }
}

fn promote(version: u32) -> ModelCall {
    ModelCall::Promote { version }
}

fn version(number: u32) -> Option<ModelAnswer> {
    Some(ModelAnswer::Version(number))
}

/// A read that showed a line of versions, each made from the one before it.
fn line(versions: u8, promoted: &[u32]) -> Option<ModelAnswer> {
    let versions = (1..=versions).map(|number| {
        let before = u32::from(number) - 1;
        let parent = (before > 0).then_some(before);
        (u32::from(number), (parent, hash(number)))
    });
    Some(ModelAnswer::Seen(ModelView {
        versions: versions.collect(),
        promoted: promoted.to_vec(),
    }))
}

fn verdict(told: &[Told]) -> Verdict {
    let calls: Vec<Call<ModelCall, ModelAnswer>> = told
        .iter()
        .map(|(call, answer, (sent, answered))| Call {
            operation: *call,
            answer: answer.clone(),
            sent: Duration::from_millis(*sent),
            answered: Duration::from_millis(*answered),
        })
        .collect();
    check(&NamedModel, &calls, 100_000)
}

fn is_broken(told: &[Told]) -> bool {
    matches!(verdict(told), Verdict::Violation { .. })
}

/// Two versions; the first one served, then the second.
fn two_served() -> Vec<Told> {
    vec![
        (publish(1, None), version(1), (0, 10)),
        (publish(2, Some(1)), version(2), (20, 30)),
        (promote(1), version(1), (40, 50)),
        (promote(2), version(2), (60, 70)),
    ]
}

#[test]
fn a_life_with_rivals_and_lost_answers_has_an_order() {
    let told = [
        (promote(1), Some(ModelAnswer::NoSuchModel), (0, 40)),
        (publish(1, None), None, (0, 0)),
        // Told again, since the answer was lost.
        (publish(1, None), version(1), (10, 30)),
        (
            publish(3, Some(2)),
            Some(ModelAnswer::NoSuchVersion(2)),
            (50, 70),
        ),
        (publish(2, Some(1)), version(2), (55, 75)),
        (
            ModelCall::Rollback { to: None },
            Some(ModelAnswer::NothingBefore),
            (80, 120),
        ),
        (promote(1), version(1), (85, 100)),
        (promote(2), None, (130, 0)),
        (ModelCall::Read, line(2, &[1]), (140, 150)),
        (ModelCall::Read, line(2, &[1, 2]), (160, 170)),
        (ModelCall::Rollback { to: None }, version(1), (180, 190)),
        (ModelCall::Read, line(2, &[1]), (200, 210)),
    ];
    assert_eq!(verdict(&told), Verdict::Linearizable);
}

#[test]
fn a_lost_promotion_is_found() {
    let mut told = two_served();
    told.push((ModelCall::Read, line(2, &[1]), (80, 90)));
    assert!(is_broken(&told));
    told.pop();
    told.push((ModelCall::Read, line(2, &[1, 2]), (80, 90)));
    assert_eq!(verdict(&told), Verdict::Linearizable);
}

#[test]
fn a_promotion_that_one_reader_saw_and_a_later_one_did_not_is_found() {
    let mut told = two_served();
    // Its outcome is unknown: it may be seen or not, and once seen it stays.
    told[3].1 = None;
    told.push((ModelCall::Read, line(2, &[1, 2]), (80, 90)));
    assert_eq!(verdict(&told), Verdict::Linearizable);
    told.push((ModelCall::Read, line(2, &[1]), (100, 110)));
    assert!(is_broken(&told));
}

#[test]
fn a_rollback_to_what_did_not_serve_before_is_found() {
    let mut told = two_served();
    let back = ModelCall::Rollback { to: None };
    told.push((back, version(2), (80, 90)));
    assert!(is_broken(&told));
    told.pop();
    told.push((back, version(1), (80, 90)));
    assert_eq!(verdict(&told), Verdict::Linearizable);
    told.push((ModelCall::Read, line(2, &[1, 2]), (100, 110)));
    assert!(is_broken(&told));
}

#[test]
fn a_lost_version_and_one_number_for_two_are_found() {
    let lost = [
        (publish(1, None), version(1), (0, 10)),
        (publish(2, Some(1)), version(2), (20, 30)),
        (ModelCall::Read, line(1, &[]), (40, 50)),
    ];
    assert!(is_broken(&lost));
    let same = [
        (publish(1, None), version(1), (0, 10)),
        (publish(2, None), version(1), (0, 10)),
    ];
    assert!(is_broken(&same));
}
