//! Whether and when a dead child is started again. Pure: a table of facts to a choice.

use base::Time;
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Restarts {
    most: u32,
    window: Duration,
    backoff: Duration,
    /// Deaths within the window, oldest first.
    deaths: VecDeque<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start again after this pause.
    After(Duration),
    /// It died too often of late.
    GiveUp { deaths: u32 },
}

impl Restarts {
    pub(crate) fn new(most: u32, window: Duration, backoff: Duration) -> Restarts {
        Restarts {
            most,
            window,
            backoff,
            deaths: VecDeque::new(),
        }
    }

    pub(crate) fn died(&mut self, now: Time) {
        self.forget(now);
        self.deaths.push_back(now);
        // The verdict is the same for any number above the limit.
        if self.deaths.len() > self.most as usize + 1 {
            self.deaths.pop_front();
        }
    }

    pub(crate) fn verdict(&mut self, now: Time) -> Verdict {
        self.forget(now);
        let deaths = u32::try_from(self.deaths.len()).unwrap_or(u32::MAX);
        if deaths > self.most {
            return Verdict::GiveUp { deaths };
        }
        match deaths.checked_sub(1) {
            None => Verdict::After(Duration::ZERO),
            Some(doublings) => {
                let factor = 1 << doublings.min(MOST_DOUBLINGS);
                Verdict::After(self.backoff.saturating_mul(factor))
            }
        }
    }

    fn forget(&mut self, now: Time) {
        let window = u64::try_from(self.window.as_micros()).unwrap_or(u64::MAX);
        while self
            .deaths
            .front()
            .is_some_and(|death| now.0.saturating_sub(death.0) > window)
        {
            self.deaths.pop_front();
        }
    }
}

/// The pause grows to 64 times the first one.
const MOST_DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Time {
        Time(n * 1_000_000)
    }

    #[test]
    fn the_pause_doubles_until_there_were_too_many_deaths_and_time_forgives() {
        let ms = Duration::from_millis;
        let mut restarts = Restarts::new(3, Duration::from_secs(60), ms(100));
        assert_eq!(restarts.verdict(seconds(0)), Verdict::After(ms(0)));
        for (at, pause) in [(1, 100), (2, 200), (3, 400)] {
            restarts.died(seconds(at));
            assert_eq!(restarts.verdict(seconds(at)), Verdict::After(ms(pause)));
        }
        restarts.died(seconds(4));
        assert_eq!(restarts.verdict(seconds(4)), Verdict::GiveUp { deaths: 4 });
        assert_eq!(restarts.verdict(seconds(61)), Verdict::GiveUp { deaths: 4 });
        assert_eq!(restarts.verdict(seconds(62)), Verdict::After(ms(400)));
        assert_eq!(restarts.verdict(seconds(200)), Verdict::After(ms(0)));
    }
}
