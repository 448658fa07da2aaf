use super::*;
use std::time::Duration;

fn ledger(sub_calls: u32, tokens: u64) -> Ledger {
    let budgets = Budgets {
        turns: 5,
        sub_calls,
        tokens,
        wall: Duration::from_secs(100),
        depth: 2,
        consecutive_errors: 3,
    };
    Ledger::new(budgets, &JobOptions::default(), Time::ZERO)
}

fn tokens(count: u64) -> Usage {
    Usage {
        prompt_tokens: count,
        ..Usage::default()
    }
}

fn done(count: u64) -> SubCallResult {
    SubCallResult {
        ok: true,
        usage: tokens(count),
        ..SubCallResult::default()
    }
}

#[test]
fn sub_calls_are_granted_up_to_the_budget_and_counted_when_granted() {
    let mut ledger = ledger(10, 1000);
    let (admission, limit) = ledger.admit(Time::ZERO, BatchNumber(1), 7, false);
    assert_eq!((admission.granted, limit), (7, None));
    let (admission, limit) = ledger.admit(Time::ZERO, BatchNumber(2), 7, false);
    assert_eq!((admission.granted, limit), (3, Some(LimitKind::SubCalls)));
    let (admission, _) = ledger.admit(Time::ZERO, BatchNumber(3), 1, false);
    assert_eq!((admission.granted, ledger.tally().sub_calls), (0, 10));
}

#[test]
fn tokens_kept_for_the_closing_call_are_not_spent_on_sub_calls() {
    let mut ledger = ledger(10, 1000);
    ledger.keep_for_closing(400);
    ledger.root_used(tokens(599));
    let (admission, _) = ledger.admit(Time::ZERO, BatchNumber(1), 1, false);
    assert_eq!(admission.granted, 1);
    ledger.sub_call_done(BatchNumber(1), &done(1));
    let (admission, limit) = ledger.admit(Time::ZERO, BatchNumber(2), 1, false);
    assert_eq!((admission.granted, limit), (0, Some(LimitKind::Tokens)));
}

#[test]
fn children_get_shares_that_come_back_unspent() {
    let mut ledger = ledger(103, 1000);
    let (admission, _) = ledger.admit(Time::ZERO, BatchNumber(1), 3, true);
    let child = admission.child.unwrap();
    assert_eq!((child.sub_calls, child.tokens, child.depth), (25, 250, 1));
    assert_eq!(child.wall, Duration::from_secs(80));
    assert_eq!((ledger.sub_calls_left(), ledger.tokens_left()), (25, 250));
    for _ in 0..3 {
        let child = Tally {
            sub_calls: 10,
            root_usage: tokens(20),
            sub_usage: tokens(30),
            ..Tally::default()
        };
        let result = SubCallResult {
            child: Some(child),
            ..done(0)
        };
        ledger.sub_call_done(BatchNumber(1), &result);
    }
    assert_eq!((ledger.sub_calls_left(), ledger.tokens_left()), (70, 850));
    assert_eq!(
        (ledger.tally().sub_calls, ledger.tally().tokens()),
        (33, 150)
    );
}

#[test]
fn without_depth_recursive_calls_are_plain() {
    let mut ledger = ledger(10, 1000);
    ledger.budgets.depth = 0;
    let (admission, limit) = ledger.admit(Time::ZERO, BatchNumber(1), 2, true);
    assert_eq!((admission.granted, admission.child, limit), (2, None, None));
}

#[test]
fn a_stopped_block_gives_its_shares_back() {
    let mut ledger = ledger(10, 1000);
    ledger.admit(Time::ZERO, BatchNumber(1), 1, true);
    assert!(ledger.tokens_left() < 1000);
    ledger.block_ended();
    assert_eq!(ledger.tokens_left(), 1000);
    // What the child still reports is counted all the same.
    ledger.sub_call_done(BatchNumber(1), &done(10));
    assert_eq!(ledger.tokens_left(), 990);
}

#[test]
fn absurd_reports_do_not_overflow() {
    let mut ledger = ledger(u32::MAX, u64::MAX);
    for _ in 0..1000 {
        ledger.root_used(Usage {
            prompt_tokens: u64::MAX,
            cached_tokens: u64::MAX,
            completion_tokens: u64::MAX,
        });
        ledger.admit(Time::ZERO, BatchNumber(1), u32::MAX, true);
    }
    assert_eq!(ledger.tally().tokens(), 2000 << 40);
    assert!(!ledger.is_over(Time::from_millis(99_999)));
    assert!(ledger.is_closing_time(Time::from_millis(80_000)));
    assert!(ledger.is_over(Time::from_millis(100_000)));
}
