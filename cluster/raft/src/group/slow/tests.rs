use super::*;

const NEXT: NodeId = NodeId([2; 16]);
const LAST: NodeId = NodeId([3; 16]);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The leader's own time, and the two others'.
fn times(own: u64, next: u64, last: u64) -> DiskTimes {
    DiskTimes {
        own: Some(millis(own)),
        others: BTreeMap::from([(NEXT, millis(next)), (LAST, millis(last))]),
    }
}

/// Looks so often, half a second apart from that second on: who should lead at the last one.
fn looks(disk: &mut SlowDisk, second: u64, count: u64, times: &DiskTimes) -> BTreeSet<NodeId> {
    let mut last = BTreeSet::new();
    for look in 0..count {
        assert_eq!(last, BTreeSet::new(), "at the last look only");
        last = disk.look(Time::from_millis(second * 1000 + look * 500), times);
    }
    last
}

#[test]
fn who_is_ten_times_faster_is_named_after_four_looks_in_a_row() {
    let both = BTreeSet::from([NEXT, LAST]);
    let one = BTreeSet::from([LAST]);
    let nobody = BTreeSet::new();
    for (own, next, last, expected) in [
        (100, 1, 1, &both),
        (100, 10, 10, &both),
        (100, 11, 2, &one),
        (100, 11, 11, &nobody),
        (100, 100, 120, &nobody),
        // Nobody waits for it.
        (9, 0, 0, &nobody),
        (10, 1, 1, &both),
    ] {
        let times = times(own, next, last);
        let mut disk = SlowDisk::default();
        assert_eq!(looks(&mut disk, 0, 3, &times), nobody);
        let named = disk.look(Time::from_millis(1500), &times);
        assert_eq!(&named, expected, "{own} ms against {next} and {last}");
    }
}

#[test]
fn a_quick_batch_or_a_quiet_time_in_between_begins_anew() {
    let slow = times(100, 1, 1);
    for between in [times(1, 1, 1), DiskTimes::default()] {
        let mut disk = SlowDisk::default();
        looks(&mut disk, 0, 3, &slow);
        assert!(disk.look(Time::from_millis(1500), &between).is_empty());
        assert!(looks(&mut disk, 2, 3, &slow).is_empty());
        assert!(!looks(&mut disk, 4, 1, &slow).is_empty());
    }
}

#[test]
fn a_batch_that_is_still_being_written_is_no_news() {
    let slow = times(900, 1, 1);
    let waiting = DiskTimes {
        own: None,
        ..slow.clone()
    };
    let mut disk = SlowDisk::default();
    for look in 0..7 {
        let seen = if look % 2 == 0 { &slow } else { &waiting };
        let named = disk.look(Time::from_millis(look * 500), seen);
        assert_eq!(named.is_empty(), look < 6, "at look {look}");
    }
}

#[test]
fn nobody_is_named_twice_within_a_minute() {
    let slow = times(100, 1, 1);
    let mut disk = SlowDisk::default();
    assert!(!looks(&mut disk, 0, 4, &slow).is_empty());
    assert!(looks(&mut disk, 2, 116, &slow).is_empty(), "to second 59.5");
    let again = disk.look(Time::from_millis(61_500), &slow);
    assert!(!again.is_empty());
}
