//! Sums over many random lives: budgets and views stay true.

use crate::budget::{Budget, affected, pause};
use crate::{Backoff, Cause, Intensity, StartFault, Strategy};
use base::Time;
use std::time::Duration;

#[test]
fn a_budget_counts_within_its_span() {
    let mut budget = Budget::new(Intensity {
        restarts: 2,
        span: Duration::from_secs(10),
    });
    let at = |seconds: u64| Time::from_millis(seconds * 1000);
    assert!(budget.spend(at(0)));
    assert!(budget.spend(at(5)));
    assert!(!budget.spend(at(9)), "the third within ten seconds");
    assert!(budget.spend(at(11)), "the first has aged");
    assert!(!budget.spend(at(12)));
}

#[test]
fn a_strategy_says_whom_a_failure_takes_along() {
    assert_eq!(affected(Strategy::OneForOne, 1, 4), 1..2);
    assert_eq!(affected(Strategy::OneForAll, 1, 4), 0..4);
    assert_eq!(affected(Strategy::RestForOne, 1, 4), 1..4);
}

#[test]
fn waits_double_up_to_a_bound_and_differ() {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        most: Duration::from_secs(1),
    };
    for (tries, bound) in [(0, 100), (1, 200), (2, 400), (5, 1000), (100, 1000)] {
        for draw in [0, 1, 12_345_678, u64::MAX] {
            let wait = pause(backoff, tries, draw);
            assert!(wait <= Duration::from_millis(bound), "{tries}: {wait:?}");
            assert!(
                wait >= Duration::from_millis(bound / 2),
                "{tries}: {wait:?}"
            );
        }
    }
    assert_ne!(pause(backoff, 0, 7), pause(backoff, 0, 8));
}

#[test]
fn a_cause_survives_being_a_number() {
    let causes = [
        Cause::Finished,
        Cause::Stopped,
        Cause::Killed,
        Cause::Panic,
        Cause::Failed(0),
        Cause::Failed(u16::MAX),
        Cause::Escalated,
        Cause::Startup(StartFault::Panic),
        Cause::Startup(StartFault::Failed(7)),
        Cause::Startup(StartFault::Ended),
        Cause::Startup(StartFault::Late),
        Cause::Startup(StartFault::Interrupted),
        Cause::Startup(StartFault::NoInbox),
    ];
    for cause in causes {
        assert_eq!(Cause::unpack(cause.pack()), Some(cause));
    }
    assert_eq!(Cause::unpack(0), None);
}
