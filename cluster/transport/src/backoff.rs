//! How long to wait before the next try of what failed. Pure.

use std::time::Duration;

/// Full jitter: anything from nothing to a bound that doubles with each failure, so that nodes
/// which lost each other together do not come back together. `draw` is any random number.
pub fn pause(failures: u32, first: Duration, most: Duration, draw: u64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX));
    let bound = u64::try_from(doubled.min(most).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(draw % bound.saturating_add(1))
}

#[cfg(test)]
mod tests;
