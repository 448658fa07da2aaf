//! When a certificate is to be replaced. Pure: dates in, a choice out.

use crate::verify::CLOCK_LEEWAY;
use std::time::Duration;

/// How a certificate stands. Times are since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing to do yet.
    Fresh { due_in: Duration },
    /// Two thirds of its life are over: renew, and try again until it works.
    Due { left: Duration },
    /// Renewal has failed for half of the last third: a person should look.
    Late { left: Duration },
    /// Over. Peers refuse it; its holder proves that it has the key, and gets another one.
    Ended,
    /// It begins later than clocks may be apart: it was made under a clock that was ahead. Peers
    /// refuse it as they refuse an ended one.
    Early,
}

impl Renewal {
    pub fn of(not_before: Duration, not_after: Duration, now: Duration) -> Renewal {
        let life = not_after.saturating_sub(not_before);
        let due = not_before + life * 2 / 3;
        let late = not_before + life * 5 / 6;
        if now + CLOCK_LEEWAY < not_before {
            Renewal::Early
        } else if now >= not_after {
            Renewal::Ended
        } else if now >= late {
            Renewal::Late {
                left: not_after - now,
            }
        } else if now >= due {
            Renewal::Due {
                left: not_after - now,
            }
        } else {
            Renewal::Fresh { due_in: due - now }
        }
    }

    /// Whether nobody believes it now.
    pub fn is_void(self) -> bool {
        matches!(self, Renewal::Ended | Renewal::Early)
    }

    /// Whether there is nothing to do yet.
    pub fn is_fresh(self) -> bool {
        matches!(self, Renewal::Fresh { .. })
    }
}

#[cfg(test)]
mod tests;
