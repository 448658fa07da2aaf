use super::*;
use crate::history::{Call, Verdict, check};
use std::time::Duration;

type Told = (JobCall, Option<JobAnswer>, (u64, u64));

const JOB: JobId = JobId(7);
const BODY: ContentHash = ContentHash([1; 32]);

fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

fn done(answer: u8) -> JobEnd {
    JobEnd::Done(ContentHash([answer; 32]))
}

fn accept(job: JobId) -> JobCall {
    JobCall::Accept { job, body: BODY }
}

fn assign(number: u8, seen: u64) -> JobCall {
    JobCall::Assign {
        job: JOB,
        node: node(number),
        seen: Epoch(seen),
    }
}

fn end(number: u8, epoch: u64, how: JobEnd) -> JobCall {
    JobCall::End {
        job: JOB,
        node: node(number),
        epoch: Epoch(epoch),
        how,
    }
}

fn is(epoch: u64) -> Option<JobAnswer> {
    Some(JobAnswer::Is {
        job: JOB,
        epoch: Epoch(epoch),
        already: false,
    })
}

fn seen(epoch: u64, stage: JobStage) -> Option<JobAnswer> {
    Some(JobAnswer::Seen(Some(JobView {
        job: JOB,
        body: BODY,
        epoch: Epoch(epoch),
        stage,
    })))
}

/// Each call with what it was told and when; none: the outcome is not known.
fn verdict(told: &[Told]) -> Verdict {
    let calls: Vec<Call<JobCall, JobAnswer>> = told
        .iter()
        .map(|(call, answer, (sent, answered))| Call {
            operation: call.clone(),
            answer: answer.clone(),
            sent: Duration::from_millis(*sent),
            answered: Duration::from_millis(*answered),
        })
        .collect();
    check(&KeyedJob, &calls, 100_000)
}

fn is_broken(told: &[Told]) -> bool {
    matches!(verdict(told), Verdict::Violation { .. })
}

#[test]
fn a_life_with_rivals_and_lost_answers_has_an_order() {
    let fenced = Some(JobAnswer::Fenced { epoch: Epoch(2) });
    let already = Some(JobAnswer::Is {
        job: JOB,
        epoch: Epoch(1),
        already: true,
    });
    let told = [
        (accept(JobId(8)), None, (0, 0)),
        (accept(JOB), is(1), (0, 20)),
        (accept(JobId(9)), already, (5, 30)),
        (JobCall::Read, Some(JobAnswer::Seen(None)), (0, 40)),
        // Two want it at once, one gets it.
        (assign(1, 1), fenced, (50, 80)),
        (assign(2, 1), is(2), (50, 90)),
        (JobCall::Read, seen(1, JobStage::Accepted), (60, 75)),
        // The answer to the end was lost; the end was not.
        (end(2, 2, done(1)), None, (100, 0)),
        (assign(3, 2), Some(JobAnswer::Ended), (200, 210)),
        (JobCall::Read, seen(2, JobStage::Ended(done(1))), (220, 230)),
    ];
    assert_eq!(verdict(&told), Verdict::Linearizable);
}

#[test]
fn a_stale_read_of_a_jobs_state_is_found() {
    let after = |stage| {
        [
            (accept(JOB), is(1), (0, 10)),
            (assign(1, 1), is(2), (20, 30)),
            (end(1, 2, done(1)), is(2), (40, 50)),
            (JobCall::Read, seen(2, stage), (60, 70)),
        ]
    };
    assert_eq!(
        verdict(&after(JobStage::Ended(done(1)))),
        Verdict::Linearizable
    );
    assert!(is_broken(&after(JobStage::Assigned(node(1)))));
    let gone = [
        (accept(JOB), is(1), (0, 10)),
        (JobCall::Read, Some(JobAnswer::Seen(None)), (20, 30)),
    ];
    assert!(is_broken(&gone));
}

#[test]
fn two_ends_with_two_answers_are_found() {
    let ends = |second: JobEnd, told: JobAnswer| {
        [
            (accept(JOB), is(1), (0, 10)),
            (assign(1, 1), is(2), (20, 30)),
            (end(1, 2, done(1)), is(2), (40, 90)),
            (end(1, 2, second), Some(told), (45, 95)),
        ]
    };
    let also = |already| JobAnswer::Is {
        job: JOB,
        epoch: Epoch(2),
        already,
    };
    assert_eq!(
        verdict(&ends(done(1), also(true))),
        Verdict::Linearizable,
        "the same end told again"
    );
    assert_eq!(
        verdict(&ends(done(2), JobAnswer::Ended)),
        Verdict::Linearizable
    );
    for already in [false, true] {
        assert!(is_broken(&ends(done(2), also(already))), "{already}");
    }
    let failed = JobEnd::Failed("no memory".to_owned());
    assert!(is_broken(&ends(failed, also(false))));
}

#[test]
fn one_key_for_two_jobs_or_two_bodies_is_found() {
    let second = JobId(8);
    let twice = [
        (accept(JOB), is(1), (0, 10)),
        (
            accept(second),
            Some(JobAnswer::Is {
                job: second,
                epoch: Epoch(1),
                already: false,
            }),
            (5, 20),
        ),
    ];
    assert!(is_broken(&twice));
    let other = JobCall::Accept {
        job: second,
        body: ContentHash([2; 32]),
    };
    let answered = |answer| {
        [
            (accept(JOB), is(1), (0, 10)),
            (other.clone(), Some(answer), (20, 30)),
        ]
    };
    let conflict = JobAnswer::Conflict { job: JOB };
    assert_eq!(verdict(&answered(conflict)), Verdict::Linearizable);
    let taken = JobAnswer::Is {
        job: JOB,
        epoch: Epoch(1),
        already: true,
    };
    assert!(is_broken(&answered(taken)));
}

#[test]
fn a_job_that_is_given_away_twice_in_one_epoch_is_found() {
    let told = [
        (accept(JOB), is(1), (0, 10)),
        (assign(1, 1), is(2), (20, 40)),
        (assign(2, 1), is(2), (20, 40)),
    ];
    assert!(is_broken(&told));
}

#[test]
fn an_older_holder_that_ends_a_job_late_is_found() {
    let late = |answer| {
        [
            (accept(JOB), is(1), (0, 10)),
            (assign(1, 1), is(2), (20, 30)),
            (assign(2, 2), is(3), (40, 50)),
            (end(1, 2, done(1)), Some(answer), (60, 70)),
        ]
    };
    let fenced = JobAnswer::Fenced { epoch: Epoch(3) };
    assert_eq!(verdict(&late(fenced)), Verdict::Linearizable);
    let ended = JobAnswer::Is {
        job: JOB,
        epoch: Epoch(2),
        already: false,
    };
    assert!(is_broken(&late(ended)));
}

#[test]
fn who_held_a_cancelled_job_is_fenced() {
    let cancel = JobCall::Cancel { job: JOB };
    let told = [
        (accept(JOB), is(1), (0, 10)),
        (assign(1, 1), is(2), (20, 30)),
        (cancel, is(3), (40, 50)),
        (
            end(1, 2, done(1)),
            Some(JobAnswer::Fenced { epoch: Epoch(3) }),
            (60, 70),
        ),
        (JobCall::Read, seen(3, JobStage::Cancelled), (80, 90)),
    ];
    assert_eq!(verdict(&told), Verdict::Linearizable);
}
