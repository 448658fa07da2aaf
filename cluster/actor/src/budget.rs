//! The arithmetic of restarts. Pure.

use crate::{Backoff, Intensity, Strategy};
use base::Time;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// The restarts of the last while.
#[derive(Debug)]
pub(crate) struct Budget {
    intensity: Intensity,
    restarts: VecDeque<Time>,
}

impl Budget {
    pub(crate) fn new(intensity: Intensity) -> Budget {
        Budget {
            intensity,
            restarts: VecDeque::new(),
        }
    }

    /// Books one restart. `false` when it is one too many.
    pub(crate) fn spend(&mut self, now: Time) -> bool {
        let span = self.intensity.span;
        while self
            .restarts
            .front()
            .is_some_and(|at| now.since(*at) > span)
        {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.intensity.restarts as usize {
            return false;
        }
        self.restarts.push_back(now);
        true
    }
}

/// Whom the failure of child `failed` takes along, itself included.
pub(crate) fn affected(strategy: Strategy, failed: usize, children: usize) -> Range<usize> {
    match strategy {
        Strategy::OneForOne => failed..failed + 1,
        Strategy::OneForAll => 0..children,
        Strategy::RestForOne => failed..children,
    }
}

/// The wait before restart number `tries` (from 0), `draw` being any random number.
pub(crate) fn pause(backoff: Backoff, tries: u32, draw: u64) -> Duration {
    let factor = 1_u32.checked_shl(tries.min(31)).unwrap_or(u32::MAX);
    let bound = backoff.first.saturating_mul(factor).min(backoff.most);
    let half = u64::try_from(bound.as_micros() / 2).unwrap_or(u64::MAX);
    Duration::from_micros(half + draw % half.saturating_add(1))
}
