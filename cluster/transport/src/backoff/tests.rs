use super::*;
use proptest::prelude::*;

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

proptest! {
    #[test]
    fn a_pause_is_within_its_bound(failures: u32, draw: u64) {
        let pause = pause(failures, FIRST, MOST, draw);
        prop_assert!(pause <= MOST);
        if failures < 5 {
            prop_assert!(pause <= FIRST * (1 << failures));
        }
    }
}

#[test]
fn the_whole_bound_is_used() {
    let bound = u64::try_from(MOST.as_micros()).unwrap();
    assert_eq!(pause(20, FIRST, MOST, bound), MOST);
    assert_eq!(pause(20, FIRST, MOST, bound + 1), Duration::ZERO);
    assert_eq!(pause(0, FIRST, MOST, 100_000), FIRST);
}
