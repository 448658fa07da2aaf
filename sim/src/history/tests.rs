use super::*;
use proptest::prelude::*;

/// One register: writes answer with nothing, reads with the value.
struct Register;

#[derive(Clone, Debug)]
enum Op {
    Write(u8),
    Read,
}

impl Model for Register {
    type State = u8;
    type Operation = Op;
    type Answer = Option<u8>;

    fn initial(&self) -> u8 {
        0
    }

    fn step(&self, state: &u8, operation: &Op) -> (u8, Option<u8>) {
        match operation {
            Op::Write(value) => (*value, None),
            Op::Read => (*state, Some(*state)),
        }
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn write(value: u8, sent: u64, answered: u64) -> Call<Op, Option<u8>> {
    Call {
        operation: Op::Write(value),
        answer: Some(None),
        sent: ms(sent),
        answered: ms(answered),
    }
}

fn lost(value: u8, sent: u64) -> Call<Op, Option<u8>> {
    Call {
        answer: None,
        ..write(value, sent, sent)
    }
}

fn read(value: u8, sent: u64, answered: u64) -> Call<Op, Option<u8>> {
    Call {
        operation: Op::Read,
        answer: Some(Some(value)),
        sent: ms(sent),
        answered: ms(answered),
    }
}

fn verdict(calls: &[Call<Op, Option<u8>>]) -> Verdict {
    check(&Register, calls, 100_000)
}

#[test]
fn a_read_sees_a_write_that_was_answered_before_it() {
    assert_eq!(
        verdict(&[write(1, 0, 10), read(1, 20, 30)]),
        Verdict::Linearizable
    );
    let stale = verdict(&[write(1, 0, 10), read(0, 20, 30)]);
    assert_eq!(stale, Verdict::Violation { stuck_at: 1 });
}

#[test]
fn overlapping_calls_may_take_either_order() {
    for value in [0, 1] {
        let calls = [write(1, 0, 30), read(value, 10, 20)];
        assert_eq!(verdict(&calls), Verdict::Linearizable);
    }
}

#[test]
fn readers_may_not_see_time_run_backwards() {
    let calls = [write(1, 0, 100), read(1, 10, 20), read(0, 30, 40)];
    assert!(matches!(verdict(&calls), Verdict::Violation { .. }));
}

#[test]
fn an_unknown_outcome_may_show_late_or_never() {
    assert_eq!(
        verdict(&[lost(1, 0), read(0, 10, 20)]),
        Verdict::Linearizable
    );
    let late = [lost(1, 0), read(0, 10, 20), read(1, 30, 40)];
    assert_eq!(verdict(&late), Verdict::Linearizable);
    let flickers = [lost(1, 0), read(1, 10, 20), read(0, 30, 40)];
    assert!(matches!(verdict(&flickers), Verdict::Violation { .. }));
    let early = [read(1, 0, 5), lost(1, 10)];
    assert!(matches!(verdict(&early), Verdict::Violation { .. }));
}

#[test]
fn an_unknown_outcome_that_changes_nothing_is_not_searched_for() {
    let mut calls: Vec<_> = (0..30).map(|_| lost(1, 0)).collect();
    calls.extend([write(1, 10, 20), read(0, 30, 40)]);
    let verdict = check(&Register, &calls, 5_000);
    assert!(matches!(verdict, Verdict::Violation { .. }), "{verdict:?}");
}

#[test]
fn a_search_that_is_cut_off_is_not_a_pass() {
    let calls: Vec<_> = (0..40).map(|i| write(i, 0, 100)).collect();
    assert_eq!(check(&Register, &calls, 3), Verdict::Undecided);
}

proptest! {
    /// A history that a real register produced, with calls stretched around their effects, passes;
    /// with one read changed to a value never written, it fails.
    #[test]
    fn what_a_register_did_is_linearizable(
        plan in proptest::collection::vec((0u8..4, any::<bool>(), 0u64..40, 0u64..40), 1..40),
        broken in any::<proptest::sample::Index>(),
    ) {
        let mut value = 0;
        let mut calls = Vec::new();
        for (i, (new, is_read, before, after)) in plan.iter().enumerate() {
            let at = 100 + 10 * i as u64;
            if *is_read {
                calls.push(read(value, at - before, at + after));
            } else {
                value = *new;
                calls.push(write(value, at - before, at + after));
            }
        }
        prop_assert_eq!(verdict(&calls), Verdict::Linearizable);
        let index = broken.index(calls.len());
        if let Some(Some(_)) = calls[index].answer {
            calls[index].answer = Some(Some(77));
            let failed = matches!(verdict(&calls), Verdict::Violation { .. });
            prop_assert!(failed);
        }
    }
}
