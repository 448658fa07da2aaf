use super::*;
use crate::objects::{CallPlace, Heard};
use base::{ContentHash, Epoch, JobId, Time};
use raft::ledger;
use std::collections::BTreeMap;
use std::sync::Arc;

const HASH: ContentHash = ContentHash([1; 32]);
const OTHER: ContentHash = ContentHash([2; 32]);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Calls on one model, one after the other.
#[derive(Default)]
struct Calls {
    told: Told,
    now: u64,
}

impl Calls {
    fn sent(&mut self, call: ModelCall) -> CallPlace {
        let models = &mut self.told.models;
        let (object, name) = models.pick("model", "c");
        assert_eq!(name, NAME);
        self.now += 10;
        models.sent(object, call, ms(self.now))
    }

    fn answered(&mut self, call: ModelCall, version: u32) {
        let place = self.sent(call);
        let answer = Heard::Answer(ModelAnswer::Version(version));
        self.told.models.heard(place, answer, ms(self.now + 5));
    }

    /// What is wrong at the end.
    fn broken(&self, state: &ledger::State) -> Option<&'static str> {
        let outcome = models_are_linearizable(&self.told, state, ms(self.now + 10));
        outcome.err().map(|(invariant, _)| invariant)
    }
}

fn publish(hash: ContentHash) -> ModelCall {
    ModelCall::Publish { hash, parent: None }
}

/// A ledger in which one model has these versions, and these served.
fn with(hashes: &[ContentHash], promoted: &[u32]) -> ledger::State {
    let mut model = ledger::Model::default();
    for (number, hash) in (1..).zip(hashes) {
        let version = ledger::ModelVersion {
            parent: None,
            hash: *hash,
            size: 1,
            metrics: BTreeMap::new(),
            holders: Vec::new(),
            published: Time::ZERO,
            stage: ledger::Stage::Published,
        };
        model.versions.insert(number, version);
    }
    model.promoted = promoted.to_vec();
    let mut state = ledger::State::default();
    let models = Arc::make_mut(&mut state.models);
    models.0.insert(NAME.to_owned(), model);
    state
}

#[test]
fn an_acknowledged_promotion_that_is_lost_in_the_end_is_found() {
    let mut calls = Calls::default();
    calls.answered(publish(HASH), 1);
    calls.answered(ModelCall::Promote { version: 1 }, 1);
    assert_eq!(calls.broken(&with(&[HASH], &[1])), None);
    let lost = calls.broken(&with(&[HASH], &[]));
    assert_eq!(lost, Some("a model is linearizable"));
    assert!(calls.broken(&ledger::State::default()).is_some());
}

#[test]
fn a_version_that_nobody_published_is_found() {
    let mut calls = Calls::default();
    calls.answered(publish(HASH), 1);
    assert!(calls.broken(&with(&[HASH, OTHER], &[])).is_some());
    let refused = calls.sent(publish(OTHER));
    calls.told.models.heard(refused, Heard::Refused, ms(100));
    assert!(calls.broken(&with(&[HASH, OTHER], &[])).is_some());
}

#[test]
fn a_version_whose_answer_was_lost_may_be_there_or_not() {
    let mut calls = Calls::default();
    calls.sent(publish(OTHER));
    calls.answered(publish(HASH), 2);
    assert_eq!(calls.broken(&with(&[OTHER, HASH], &[])), None);
    assert!(calls.broken(&with(&[HASH, OTHER], &[])).is_some());
    let mut calls = Calls::default();
    calls.sent(publish(OTHER));
    calls.answered(publish(HASH), 1);
    assert_eq!(calls.broken(&with(&[HASH], &[])), None);
}

#[test]
fn an_accepted_job_that_is_lost_in_the_end_is_found() {
    let mut told = Told::default();
    let (object, _) = told.jobs.pick("job", "c");
    let job = JobId(7);
    let place = told
        .jobs
        .sent(object, JobCall::Accept { job, body: HASH }, ms(1));
    // It may never have come.
    let nothing = ledger::State::default();
    assert_eq!(jobs_are_linearizable(&told, &nothing, ms(9)), Ok(()));
    let accepted = JobAnswer::Is {
        job,
        epoch: Epoch(1),
        already: false,
    };
    told.jobs.heard(place, Heard::Answer(accepted), ms(5));
    let lost = jobs_are_linearizable(&told, &nothing, ms(9));
    assert_eq!(lost.unwrap_err().0, "a job is linearizable");
}

#[test]
fn as_many_unknown_outcomes_as_there_may_be_are_searched_through() {
    let mut calls = Calls::default();
    for version in 1..=5 {
        let hash = ContentHash([version; 32]);
        calls.answered(publish(hash), u32::from(version));
    }
    for version in 1..=3 {
        calls.sent(ModelCall::Promote { version });
    }
    for version in [4, 5, 4, 5] {
        calls.answered(ModelCall::Promote { version }, version);
    }
    let hashes: Vec<ContentHash> = (1..=5).map(|n| ContentHash([n; 32])).collect();
    // Each of the open three may come at any time, at most once.
    let state = with(&hashes, &[4, 3, 5, 1, 4, 5, 2]);
    assert_eq!(calls.broken(&state), None);
    let state = with(&hashes, &[4, 3, 5, 3, 4, 5]);
    assert_eq!(calls.broken(&state), Some("a model is linearizable"));
}

#[test]
fn a_register_that_forgets_is_found() {
    let call = |operation, answer, sent| Call {
        operation,
        answer,
        sent: ms(sent),
        answered: ms(sent + 5),
    };
    let mut told = Told::default();
    told.register.extend([
        call(RegisterCall::Write(3), Some(RegisterAnswer::Written), 10),
        call(RegisterCall::Write(4), None, 20),
        call(RegisterCall::Read, None, 30),
        call(RegisterCall::Read, Some(RegisterAnswer::Value(3)), 40),
    ]);
    assert_eq!(register_is_linearizable(&told), Ok(()));
    let forgets = call(RegisterCall::Read, Some(RegisterAnswer::Value(0)), 50);
    told.register.push(forgets);
    assert!(register_is_linearizable(&told).is_err());
}

const NAME: &str = "model 0";
