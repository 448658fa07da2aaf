//! Verdicts come from numbers, and numbers read well.

use super::*;

fn row(value: f64, target: Target) -> Reached {
    Row::new("work", Measured::new(value, Unit::Seconds, ""), target).reached
}

#[test]
fn a_verdict_is_a_comparison() {
    assert_eq!(row(2.0, Target::at_least(2.0)), Reached::Yes);
    assert_eq!(row(1.9, Target::at_least(2.0)), Reached::No);
    assert_eq!(row(2.0, Target::at_most(2.0)), Reached::Yes);
    assert_eq!(row(2.1, Target::at_most(2.0)), Reached::No);
    assert_eq!(row(2.0, Target::below(2.0)), Reached::No);
    assert_eq!(row(1.0, Target::None), Reached::Open);
}

#[test]
fn what_was_not_measured_reaches_nothing() {
    for target in [
        Target::at_least(0.0),
        Target::at_most(f64::MAX),
        Target::below(1.0),
    ] {
        assert_eq!(row(f64::NAN, target), Reached::No);
    }
}

#[test]
fn a_bar_of_a_peer_needs_the_peer() {
    assert_eq!(
        row(9.0, Target::times(2.0, "etcd", Some(4.0))),
        Reached::Yes
    );
    assert_eq!(row(7.0, Target::times(2.0, "etcd", Some(4.0))), Reached::No);
    let absent = Target::times(2.0, "etcd", None);
    assert_eq!(absent.reached(1e9), Reached::Open);
    let unmeasured = Target::times(2.0, "etcd", Some(f64::NAN));
    assert_eq!(unmeasured.reached(1e9), Reached::No);
}

#[test]
fn numbers_have_three_digits_and_a_unit() {
    for (value, shown) in [
        (0.000_000_123, "123 ns"),
        (0.000_016_7, "16.7 us"),
        (0.000_616, "616 us"),
        (0.0045, "4.50 ms"),
        (1.5, "1.50 s"),
        (f64::NAN, "-"),
    ] {
        assert_eq!(Unit::Seconds.show(value), shown);
    }
    assert_eq!(Unit::PerSecond.show(4700.0), "4700 /s");
    assert_eq!(Unit::PerSecond.show(52_340.0), "52.3 k/s");
    assert_eq!(Unit::SimulatedPerCpu.show(412.3), "412 : 1");
}

#[test]
fn a_rate_is_of_the_median_round() {
    let measured = Measured::rate(&[30.0, 10.0, 20.0], None);
    assert_eq!(measured.value, 20.0);
    assert_eq!(measured.beside, "3 rounds 10 /s to 30 /s");
}
