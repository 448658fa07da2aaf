//! How long to wait for one peer before asking again.

use std::time::Duration;

/// A peer's round trip, smoothed, and its deviation (RFC 6298, with limits of a LAN).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    seen: Option<(Duration, Duration)>,
}

impl Pace {
    pub(super) fn took(&mut self, trip: Duration) {
        self.seen = Some(match self.seen {
            None => (trip, trip / 2),
            Some((mean, deviation)) => (
                (mean * 7 + trip) / 8,
                (deviation * 3 + trip.abs_diff(mean)) / 4,
            ),
        });
    }

    /// Until the first repetition, and the second; then twice as long each time.
    pub(super) fn patience(&self) -> Duration {
        let (mean, deviation) = self.seen.unwrap_or((FIRST_TRIP, FIRST_TRIP / 2));
        (mean + 4 * deviation).clamp(PATIENCE_MIN, PATIENCE_MAX)
    }
}

const FIRST_TRIP: Duration = Duration::from_millis(1);
/// Below, a scheduler's hiccup on the peer would look like loss.
const PATIENCE_MIN: Duration = Duration::from_millis(3);
const PATIENCE_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_the_round_trip_within_its_limits() {
        let mut pace = Pace::default();
        assert_eq!(pace.patience(), Duration::from_millis(3));
        (0..50).for_each(|_| pace.took(Duration::from_millis(1)));
        assert_eq!(pace.patience(), PATIENCE_MIN);
        (0..50).for_each(|_| pace.took(Duration::from_millis(80)));
        assert!(pace.patience() >= Duration::from_millis(80));
        (0..50).for_each(|_| pace.took(Duration::from_secs(9)));
        assert_eq!(pace.patience(), PATIENCE_MAX);
    }
}
