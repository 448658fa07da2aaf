use super::*;

fn after(seen: &[(u64, u64)], next: (u64, u64)) -> Result<(), Breach> {
    let mut terms = Terms::default();
    for point in seen {
        terms.see(*point, "n1").unwrap();
    }
    terms.see(next, "n2")
}

#[test]
fn a_later_entry_is_of_the_same_term_or_a_later_one() {
    let seen = [(4, 1), (9, 2), (20, 5)];
    for next in [
        (4, 1),
        (6, 1),
        (6, 2),
        (9, 2),
        (12, 2),
        (12, 5),
        (21, 5),
        (30, 9),
    ] {
        assert_eq!(after(&seen, next), Ok(()), "{next:?}");
    }
}

#[test]
fn what_a_leader_without_a_committed_entry_does_is_found() {
    let seen = [(100, 1)];
    assert_eq!(after(&seen, (100, 2)).unwrap_err().0, "log matching");
    assert_eq!(after(&seen, (95, 2)).unwrap_err().0, "leader completeness");
    assert_eq!(
        after(&[(100, 3)], (101, 2)).unwrap_err().0,
        "leader completeness"
    );
}
