use super::*;

const UNIX: Duration = Duration::from_secs(1_000_000);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_calendar_is_wrong_by_its_offset_and_by_its_drift_since() {
    let mut calendar = Calendar::default();
    assert_eq!(calendar.shows(UNIX, secs(5)), UNIX);
    calendar.set(secs(5), -2000);
    assert_eq!(calendar.shows(UNIX, secs(9)), UNIX - secs(2));
    calendar.drift(secs(10), 10_000);
    assert_eq!(calendar.shows(UNIX, secs(10)), UNIX - secs(2));
    assert_eq!(calendar.shows(UNIX, secs(110)), UNIX - secs(1));
    assert_eq!(calendar.shows(UNIX, secs(510)), UNIX + secs(3));
}

#[test]
fn a_drift_that_changes_keeps_what_was_gained() {
    let mut calendar = Calendar::default();
    calendar.drift(secs(0), 1000);
    calendar.drift(secs(1000), -1000);
    assert_eq!(calendar.shows(UNIX, secs(1000)), UNIX + secs(1));
    assert_eq!(calendar.shows(UNIX, secs(3000)), UNIX - secs(1));
    calendar.set(secs(3000), 0);
    calendar.drift(secs(3000), 0);
    assert_eq!(calendar.shows(UNIX, secs(9000)), UNIX);
}
