//! The network's faults of one world: drawn, set, and shown to have happened.

use super::{happened, plan};
use crate::fabric::{Counters, Rates};
use crate::world::{Broken, World};

/// What was drawn, and what had happened until then.
pub(super) struct Weather {
    rates: Rates,
    before: Counters,
}

impl Weather {
    pub(super) fn begin(world: &mut World) -> Weather {
        let rates = plan::rates(&mut world.rng);
        world.trace.event("world", format!("{rates:?}"));
        world.fabric.set_rates(rates);
        Weather {
            rates,
            before: world.fabric.counters(),
        }
    }

    /// That each fault that was drawn was seen, where enough datagrams passed for it to be certain.
    pub(super) fn happened(&self, world: &World) -> Result<(), Broken> {
        let (rates, before, now) = (self.rates, self.before, world.fabric.counters());
        let lost = now.lost - before.lost;
        let in_bursts = now.in_bursts - before.in_bursts;
        let duplicated = now.duplicated - before.duplicated;
        let delayed = now.delayed - before.delayed;
        let kept = (now.blocked - before.blocked) + (now.too_large - before.too_large);
        let delivered = now.sent - before.sent - kept - lost - in_bursts;
        let late = if rates.tail.is_zero() {
            0.0
        } else {
            rates.reorder
        };
        for (what, rate, times) in [
            ("a lost datagram", rates.loss, lost),
            ("a burst of loss", rates.burst, in_bursts),
            ("a datagram that came twice", rates.duplicate, duplicated),
            ("a datagram that came late", late, delayed),
        ] {
            if rate * delivered as f64 > CERTAIN {
                happened(world, what, times)?;
            }
        }
        Ok(())
    }
}

/// Times that a fault is expected, above which it never misses a seed: e to the minus 40.
const CERTAIN: f64 = 40.0;
