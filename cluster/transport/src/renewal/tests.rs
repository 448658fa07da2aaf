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
    // A clock that is behind.
    assert_eq!(at(99), Renewal::Fresh { due_in: 17 * hour });
}
