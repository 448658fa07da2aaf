//! Who is served next, and how long a failed call rests: functions from facts to a choice. Pure.

use base::JobId;
use std::time::Duration;

/// A job that has a call waiting for a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) job: JobId,
    /// Its calls that this model works on.
    pub(crate) running: u32,
    /// Its calls that any model works on, and how many it may have.
    pub(crate) running_in_all: u32,
    pub(crate) cap: u32,
    /// When it was last given a slot, as a count of slots given; 0 is never.
    pub(crate) served: u64,
}

/// The job that gets the next slot: of those below their cap the one with the fewest calls running,
/// among equals the one that was served longest ago. With calls of equal length this is round
/// robin; a job that comes late gets every free slot until it has its share.
pub(crate) fn next(candidates: impl Iterator<Item = Candidate>) -> Option<JobId> {
    candidates
        .filter(|candidate| candidate.running_in_all < candidate.cap)
        .min_by_key(|candidate| (candidate.running, candidate.served, candidate.job))
        .map(|candidate| candidate.job)
}

/// How often and after which waits a call is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    pub(crate) retries: u32,
    pub(crate) wait: Duration,
    pub(crate) wait_max: Duration,
}

impl RetryPolicy {
    /// The rest before try `tried + 1`: doubling, spread over its upper half by `salt` so that a
    /// thousand refused calls do not come back in one instant, and not before the server's wish.
    pub(crate) fn rest(&self, tried: u32, wish: Option<Duration>, salt: u64) -> Duration {
        let doubled = self
            .wait
            .saturating_mul(1 << tried.saturating_sub(1).min(MOST_DOUBLINGS));
        let base = doubled.max(wish.unwrap_or_default()).min(self.wait_max);
        let part = u32::try_from(salt.wrapping_mul(GOLDEN) >> 56).unwrap_or(0);
        let spread = match wish {
            Some(_) => base + doubled.min(self.wait_max) * part / 256,
            None => base / 2 + base / 2 * part / 256,
        };
        spread.min(self.wait_max)
    }
}

/// 2^16 times any sensible wait is past `wait_max`.
const MOST_DOUBLINGS: u32 = 16;

/// 2^64 over the golden ratio: neighbouring numbers land far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(job: u64, running: u32, cap: u32, served: u64) -> Candidate {
        Candidate {
            job: JobId(job),
            running,
            running_in_all: running,
            cap,
            served,
        }
    }

    #[test]
    fn the_next_slot_goes_to_the_job_with_least() {
        let cases: [(&str, &[Candidate], Option<u64>); 7] = [
            ("nobody waits", &[], None),
            ("one job takes all", &[candidate(1, 9, 10, 9)], Some(1)),
            ("at its cap", &[candidate(1, 10, 10, 9)], None),
            (
                "fewest running",
                &[candidate(1, 3, 10, 1), candidate(2, 1, 10, 9)],
                Some(2),
            ),
            (
                "least recently served",
                &[candidate(1, 2, 10, 8), candidate(2, 2, 10, 7)],
                Some(2),
            ),
            (
                "never served",
                &[candidate(1, 0, 10, 8), candidate(2, 0, 10, 0)],
                Some(2),
            ),
            (
                "a capped job is passed",
                &[candidate(1, 1, 1, 1), candidate(2, 5, 9, 2)],
                Some(2),
            ),
        ];
        for (name, candidates, chosen) in cases {
            assert_eq!(
                next(candidates.iter().copied()),
                chosen.map(JobId),
                "{name}"
            );
        }
    }

    #[test]
    fn a_cap_counts_calls_at_every_model() {
        let elsewhere = Candidate {
            running_in_all: 4,
            ..candidate(1, 0, 4, 0)
        };
        assert_eq!(next([elsewhere].into_iter()), None);
    }

    #[test]
    fn rests_double_and_stay_within_bounds() {
        let millis = Duration::from_millis;
        let policy = RetryPolicy {
            retries: 9,
            wait: millis(100),
            wait_max: millis(1000),
        };
        for (tried, low, high) in [(1, 50, 100), (2, 100, 200), (3, 200, 400), (40, 500, 1000)] {
            for salt in 0..100 {
                let rest = policy.rest(tried, None, salt);
                assert!(
                    (millis(low)..=millis(high)).contains(&rest),
                    "{tried} {salt} {rest:?}"
                );
            }
        }
        let wished = policy.rest(1, Some(millis(700)), 3);
        assert!((millis(700)..=millis(800)).contains(&wished));
        assert_eq!(policy.rest(1, Some(millis(90_000)), 3), millis(1000));
    }

    #[test]
    fn rests_of_neighbours_differ() {
        let policy = RetryPolicy {
            retries: 1,
            wait: Duration::from_secs(1),
            wait_max: Duration::from_secs(9),
        };
        let rests: std::collections::BTreeSet<Duration> =
            (0..100).map(|salt| policy.rest(1, None, salt)).collect();
        assert!(rests.len() > 50, "{}", rests.len());
    }
}
