//! The simulated network's faults, drawn per datagram from the world's own seeded stream: loss,
//! bursts, duplicates, delay with a tail, partitions of every shape, path-MTU black holes.
//!
//! turmoil's own `fail_rate` is not loss of one datagram: it empties a link in both directions and
//! heals one-way partitions. So turmoil only carries datagrams, and this file decides about them.

use crate::trace::Trace;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rates of one phase of a world. Probabilities are per datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub loss: f64,
    pub duplicate: f64,
    /// A datagram that is held back by up to `tail`, so that later ones overtake it.
    pub reorder: f64,
    pub tail: Duration,
    /// Chance that a datagram begins a burst on its link, in which all datagrams are lost.
    pub burst: f64,
    pub burst_length: Duration,
}

/// What the network did to datagrams; a world asserts that its faults happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub sent: u64,
    pub lost: u64,
    pub in_bursts: u64,
    pub duplicated: u64,
    pub delayed: u64,
    pub blocked: u64,
    pub too_large: u64,
    /// Of them, those that a path takes which was not narrowed: the others only ask how wide it is.
    pub swallowed: u64,
}

/// One simulated network; clones are the same network.
#[derive(Clone)]
pub struct Fabric(Arc<Mutex<Inner>>);

struct Inner {
    rng: ChaCha8Rng,
    rates: Rates,
    blocked: BTreeSet<(IpAddr, IpAddr)>,
    bursts: BTreeMap<(IpAddr, IpAddr), Duration>,
    counters: Counters,
    mtu: usize,
    trace: Trace,
}

/// What happens to one datagram: how often it arrives, and after which extra delays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) copies: Vec<Duration>,
}

impl Fabric {
    pub fn new(seed: u64, trace: Trace) -> Fabric {
        Fabric(Arc::new(Mutex::new(Inner {
            rng: ChaCha8Rng::seed_from_u64(seed ^ STREAM),
            rates: Rates::default(),
            blocked: BTreeSet::new(),
            bursts: BTreeMap::new(),
            counters: Counters::default(),
            mtu: MTU,
            trace,
        })))
    }

    // A mutex, since the sockets of all hosts and the world share one network on one thread.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_rates(&self, rates: Rates) {
        self.lock().rates = rates;
    }

    pub fn rates(&self) -> Rates {
        self.lock().rates
    }

    pub fn counters(&self) -> Counters {
        self.lock().counters
    }

    /// Datagrams above this size vanish, as on a path whose routers drop and do not tell.
    pub fn set_mtu(&self, bytes: usize) {
        self.lock().mtu = bytes;
    }

    /// From now on nothing passes from `from` to `to` (the other direction is another matter).
    pub fn block(&self, from: IpAddr, to: IpAddr) {
        self.lock().blocked.insert((from, to));
    }

    pub fn unblock(&self, from: IpAddr, to: IpAddr) {
        self.lock().blocked.remove(&(from, to));
    }

    /// All partitions end, and paths are as wide as before; rates stay.
    pub fn heal(&self) {
        let mut inner = self.lock();
        inner.blocked.clear();
        inner.mtu = MTU;
    }

    pub(crate) fn trace(&self) -> Trace {
        self.lock().trace.clone()
    }

    pub(crate) fn decide(&self, from: SocketAddr, to: SocketAddr, bytes: usize) -> Fate {
        let mut inner = self.lock();
        let now = inner.trace.now();
        inner.decide(now, (from.ip(), to.ip()), bytes)
    }
}

impl Inner {
    fn decide(&mut self, now: Duration, link: (IpAddr, IpAddr), bytes: usize) -> Fate {
        self.counters.sent += 1;
        if self.blocked.contains(&link) {
            self.counters.blocked += 1;
            return Fate::default();
        }
        if bytes > self.mtu {
            self.counters.too_large += 1;
            self.counters.swallowed += u64::from(bytes <= MTU);
            return Fate::default();
        }
        let rates = self.rates;
        if self.in_burst(now, link, rates) {
            self.counters.in_bursts += 1;
            return Fate::default();
        }
        if self.chance(rates.loss) {
            self.counters.lost += 1;
            return Fate::default();
        }
        let mut fate = Fate {
            copies: vec![self.delay(rates)],
        };
        if self.chance(rates.duplicate) {
            self.counters.duplicated += 1;
            let delay = self.delay(rates);
            fate.copies.push(delay);
        }
        fate
    }

    fn in_burst(&mut self, now: Duration, link: (IpAddr, IpAddr), rates: Rates) -> bool {
        if self.bursts.get(&link).is_some_and(|end| now < *end) {
            return true;
        }
        if self.chance(rates.burst) {
            self.bursts.insert(link, now + rates.burst_length);
            return true;
        }
        false
    }

    fn delay(&mut self, rates: Rates) -> Duration {
        if rates.tail.is_zero() || !self.chance(rates.reorder) {
            return Duration::ZERO;
        }
        self.counters.delayed += 1;
        // Squared, so that short delays are common and the tail is long.
        let part: f64 = self.rng.random();
        rates.tail.mul_f64(part * part)
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability.min(1.0))
    }
}

/// Keeps this stream apart from the others that a world draws from its seed.
const STREAM: u64 = 0x6661_6272_6963;

/// UDP payload of Ethernet's 1,500 bytes over IPv4.
const MTU: usize = 1472;

#[cfg(test)]
mod tests;
