//! How fast the network answers, and by how much that stretches every timeout.

use base::{NodeId, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// Round trips over all peers, smoothed as TCP does it (RFC 6298), in microseconds.
#[derive(Debug)]
pub(crate) struct Pace {
    answer_within: u64,
    smoothed: Option<u64>,
    variation: u64,
    /// The last pings that were sent, oldest first.
    sent: VecDeque<(u8, NodeId, Time)>,
}

impl Pace {
    pub(crate) fn new(answer_within: Duration) -> Pace {
        Pace {
            answer_within: micros(answer_within).max(1),
            smoothed: None,
            variation: 0,
            sent: VecDeque::new(),
        }
    }

    pub(crate) fn pinged(&mut self, number: u8, node: NodeId, now: Time) {
        if self.sent.len() == PINGS_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back((number, node, now));
    }

    /// The round trip that this answer ends. When the ping was repeated, the later one counts: a
    /// lost
    /// ping must not look like a slow link.
    pub(crate) fn answered(&mut self, number: u8, node: NodeId, now: Time) -> Option<Duration> {
        let asked = |(n, to, _): &(u8, NodeId, Time)| *n == number && *to == node;
        let at = self.sent.iter().rposition(asked)?;
        let (_, _, sent) = self.sent.remove(at)?;
        let trip = now.since(sent);
        let sample = micros(trip);
        match self.smoothed {
            None => {
                self.smoothed = Some(sample);
                self.variation = sample / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
        Some(trip)
    }

    /// Thousandths by which timeouts are longer than configured.
    pub(crate) fn stretch(&self) -> u64 {
        let Some(smoothed) = self.smoothed else {
            return WHOLE;
        };
        let needed = smoothed + 4 * self.variation;
        (needed * WHOLE / self.answer_within).clamp(WHOLE, MAX_STRETCH)
    }

    pub(crate) fn stretched(&self, span: Duration) -> Duration {
        let micros = micros(span).saturating_mul(self.stretch()) / WHOLE;
        Duration::from_micros(micros)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX / MAX_STRETCH)
}

/// One, in thousandths.
pub(crate) const WHOLE: u64 = 1000;
/// Thousandths: round trips of 1.3 s at the default `answer_within`. Beyond that a link is broken.
const MAX_STRETCH: u64 = 16 * WHOLE;
/// Pings remembered: 16 s of them at the default rate, longer than any answer is worth.
const PINGS_KEPT: usize = 64;
