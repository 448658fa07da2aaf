use super::*;
use base::{ContentHash, Epoch, NodeId, Time};
use raft::ledger::JobPhase;

fn record(epoch: u64, phase: JobPhase) -> JobRecord {
    JobRecord {
        key: "k".to_owned(),
        body: ContentHash([1; 32]),
        owner: "n1".to_owned(),
        accepted: Time::ZERO,
        epoch: Epoch(epoch),
        phase,
    }
}

fn with(node: u8) -> JobPhase {
    let node = NodeId([node; 16]);
    JobPhase::Assigned { node }
}

fn done(answer: u8) -> JobPhase {
    JobPhase::Done {
        answer: ContentHash([answer; 32]),
        holders: Vec::new(),
        at: Time::ZERO,
    }
}

#[test]
fn a_job_goes_on_and_is_handed_on_under_a_new_epoch() {
    let given = record(2, with(1));
    for next in [
        record(2, with(1)),
        record(3, with(1)),
        record(3, with(2)),
        record(2, done(1)),
        record(3, JobPhase::Cancelled { at: Time::ZERO }),
    ] {
        assert!(may_follow(&given, &next), "{next:?}");
    }
    assert!(may_follow(&record(1, JobPhase::Accepted), &given));
}

#[test]
fn what_an_older_holder_would_do_late_is_found() {
    let given = record(3, with(2));
    for next in [record(2, done(1)), record(2, with(1)), record(3, with(1))] {
        assert!(!may_follow(&given, &next), "{next:?}");
    }
    assert!(!may_follow(
        &record(1, JobPhase::Accepted),
        &record(1, with(1))
    ));
    assert!(!may_follow(&record(3, done(1)), &record(3, done(2))));
    assert!(!may_follow(&record(3, done(1)), &record(4, with(1))));
}
