use super::*;

#[test]
fn two_thirds_of_a_life_are_quiet() {
    let hour = Duration::from_secs(3600);
    let (from, to) = (100 * hour, 124 * hour);
    let at = |hours: u32| Renewal::of(from, to, hours * hour);
    assert_eq!(at(100), Renewal::Fresh { due_in: 16 * hour });
    assert_eq!(at(115), Renewal::Fresh { due_in: hour });
    assert_eq!(at(116), Renewal::Due { left: 8 * hour });
    assert_eq!(at(119), Renewal::Due { left: 5 * hour });
    assert_eq!(at(120), Renewal::Late { left: 4 * hour });
    assert_eq!(at(124), Renewal::Ended);
    assert!(at(124).is_void() && !at(120).is_void());
    assert!(at(115).is_fresh() && !at(116).is_fresh());
}

#[test]
fn a_certificate_of_a_clock_that_was_ahead_is_void() {
    let hour = Duration::from_secs(3600);
    let (from, to) = (100 * hour, 124 * hour);
    // Clocks may be a little apart.
    let behind = Renewal::of(from, to, from - CLOCK_LEEWAY);
    let due_in = 16 * hour + CLOCK_LEEWAY;
    assert_eq!(behind, Renewal::Fresh { due_in });
    let early = Renewal::of(from, to, from - CLOCK_LEEWAY - Duration::from_secs(1));
    assert_eq!(early, Renewal::Early);
    assert!(early.is_void() && !early.is_fresh());
}
