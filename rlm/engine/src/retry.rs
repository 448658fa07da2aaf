//! Whether, and how long after, a failed call is asked again. Pure: chance comes as a seed.

use crate::api::EngineError;
use std::time::Duration;

/// How failed calls are asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The wait before the second attempt; doubled before each further one.
    pub first_wait: Duration,
    /// No wait of our own is longer.
    pub longest_wait: Duration,
    /// A server that asks for a longer wait than this is not waited for.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: ATTEMPTS,
            first_wait: FIRST_WAIT,
            longest_wait: LONGEST_WAIT,
            patience: PATIENCE,
        }
    }
}

impl RetryPolicy {
    /// Asks once, whatever happens.
    pub fn never() -> RetryPolicy {
        RetryPolicy {
            attempts: 1,
            ..RetryPolicy::default()
        }
    }

    /// How long to wait before attempt `attempt` + 1 (the first is 1), after `error`; `None`
    /// to give
    /// up. `left` is what remains of the caller's deadline. `seed` spreads callers that failed at
    /// the same moment: equal seeds wait equally long.
    pub fn wait(
        &self,
        attempt: u32,
        error: &EngineError,
        left: Duration,
        seed: u64,
    ) -> Option<Duration> {
        if !error.retryable() || attempt >= self.attempts {
            return None;
        }
        // A garbled answer or a dead engine is asked again once: it may well be the request.
        if matches!(
            error,
            EngineError::Garbled { .. } | EngineError::Died { .. }
        ) && attempt > 1
        {
            return None;
        }
        let doubled = 2u32.saturating_pow(attempt - 1);
        let ours = self
            .first_wait
            .saturating_mul(doubled)
            .min(self.longest_wait);
        // Between half and all of it.
        let spread = ours / 2 + ours.mul_f64(fraction(seed, attempt) / 2.0);
        let wait = match error {
            EngineError::Busy {
                retry_after_ms: Some(ms),
                ..
            } => {
                let asked = Duration::from_millis(*ms);
                if asked > self.patience {
                    return None;
                }
                asked + spread.min(asked / 4)
            }
            EngineError::Busy { .. }
            | EngineError::TooLong { .. }
            | EngineError::Unsupported { .. }
            | EngineError::Refused { .. }
            | EngineError::Unreachable { .. }
            | EngineError::Garbled { .. }
            | EngineError::Died { .. }
            | EngineError::Deadline { .. }
            | EngineError::NotRecorded { .. } => spread,
        };
        (wait < left).then_some(wait)
    }
}

/// A number in 0..1 that a seed and an attempt determine (splitmix64).
fn fraction(seed: u64, attempt: u32) -> f64 {
    let mut x = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// With waits of 0.5, 1, 2 and 4 s: enough for a server that restarts a worker.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Rate limits are mostly by the minute.
const PATIENCE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after_ms: Option<u64>) -> EngineError {
        EngineError::Busy {
            engine: "e".into(),
            reason: "r".into(),
            retry_after_ms,
        }
    }

    fn garbled() -> EngineError {
        EngineError::Garbled {
            engine: "e".into(),
            reason: "r".into(),
            partial: String::new(),
        }
    }

    const LEFT: Duration = Duration::from_secs(600);

    #[test]
    fn waits_double_are_spread_and_end() {
        let policy = RetryPolicy::default();
        let waits = |seed| (1..6).map(move |n| policy.wait(n, &busy(None), LEFT, seed));
        let waits: Vec<Vec<Option<Duration>>> =
            (0..20).map(|seed| waits.clone()(seed).collect()).collect();
        for seeded in &waits {
            for (wait, full) in seeded.iter().zip([500, 1000, 2000, 4000]) {
                let full = Duration::from_millis(full);
                assert!(
                    wait.is_some_and(|wait| wait >= full / 2 && wait <= full),
                    "{wait:?}"
                );
            }
            assert_eq!(seeded[4], None);
        }
        assert_ne!(waits[0], waits[1], "seeds spread callers");
    }

    #[test]
    fn a_servers_own_wait_is_kept_up_to_our_patience() {
        let policy = RetryPolicy::default();
        let wait = policy.wait(1, &busy(Some(2000)), LEFT, 1).unwrap();
        assert!((2000..=2500).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!(policy.wait(1, &busy(Some(600_000)), LEFT, 1), None);
        let short = Duration::from_secs(1);
        assert_eq!(
            policy.wait(1, &busy(Some(2000)), short, 1),
            None,
            "past the deadline"
        );
    }

    #[test]
    fn what_cannot_help_is_not_done() {
        let policy = RetryPolicy::default();
        let refused = EngineError::Refused { reason: "r".into() };
        assert_eq!(policy.wait(1, &refused, LEFT, 1), None);
        assert!(policy.wait(1, &garbled(), LEFT, 1).is_some());
        assert_eq!(
            policy.wait(2, &garbled(), LEFT, 1),
            None,
            "asked again once"
        );
        assert_eq!(RetryPolicy::never().wait(1, &busy(None), LEFT, 1), None);
    }

    #[test]
    fn a_death_is_asked_again_once_by_the_engine_or_here() {
        let policy = RetryPolicy::default();
        let died = |asked_again| EngineError::Died {
            reason: "r".into(),
            partial: String::new(),
            asked_again,
        };
        assert!(policy.wait(1, &died(false), LEFT, 1).is_some());
        assert_eq!(policy.wait(2, &died(false), LEFT, 1), None);
        assert_eq!(policy.wait(1, &died(true), LEFT, 1), None);
        let older = r#"{"Died":{"reason":"r","partial":""}}"#;
        let older: EngineError = serde_json::from_str(older).unwrap();
        assert_eq!(older, died(false), "recorded before deaths said which");
    }
}
