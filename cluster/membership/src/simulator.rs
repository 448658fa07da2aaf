//! A cluster of [`Swim`] machines on a network that loses, delays, cuts and repeats datagrams, for
//! tests and measurements. Everything follows from one seed.

mod hosts;
mod report;
pub mod trial;

pub use report::{Death, NetCounts};

use crate::{Member, Swim, SwimEffect, SwimInput, SwimSettings, SwimSettingsError};
use base::{NodeId, Time};
use bytes::Bytes;
use hosts::Host;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What the network does to every datagram.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Lost datagrams in a thousand.
    pub loss: u32,
    /// Datagrams in a thousand that arrive twice.
    pub twice: u32,
    /// One-way delay: this much, and up to `jitter` more.
    pub delay: Duration,
    pub jitter: Duration,
}

impl Weather {
    /// A switched network with a round trip of 1 ms.
    pub fn lan(loss: u32) -> Weather {
        Weather {
            loss,
            twice: 0,
            delay: Duration::from_micros(450),
            jitter: Duration::from_micros(100),
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Time,
    order: u64,
    host: usize,
    /// The process that it is for; a later one never sees it.
    life: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Datagram { from: usize, bytes: Bytes },
    Timer(u64),
}

/// The simulated cluster.
pub struct SwimWorld {
    hosts: Vec<Host>,
    settings: SwimSettings,
    pub weather: Weather,
    /// `cut[from * n + to]`: nothing passes in that direction.
    cut: Vec<bool>,
    queue: BinaryHeap<Reverse<Event>>,
    order: u64,
    rng: Xoshiro256PlusPlus,
    now: Time,
    effects: Vec<SwimEffect>,
    deaths: Vec<Death>,
    counts: NetCounts,
}

impl SwimWorld {
    /// `n` hosts that were started at once, each knowing two seeds.
    pub fn new(
        n: usize,
        seed: u64,
        weather: Weather,
        settings: SwimSettings,
    ) -> Result<SwimWorld, SwimSettingsError> {
        let mut world = SwimWorld {
            hosts: Vec::new(),
            settings,
            weather,
            cut: vec![false; n * n],
            queue: BinaryHeap::new(),
            order: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            now: Time::from_millis(1000),
            effects: Vec::new(),
            deaths: Vec::new(),
            counts: NetCounts::default(),
        };
        for index in 0..n {
            let swim = world.machine(index, 1)?;
            world.hosts.push(Host::new(swim));
        }
        for index in 0..n {
            world.meet_seeds(index);
        }
        Ok(world)
    }

    fn machine(&mut self, index: usize, boot: u64) -> Result<Swim, SwimSettingsError> {
        let me = Member::new(node_id(index), boot, addr(index));
        Swim::new(me, self.settings.clone(), self.rng.random())
    }

    fn meet_seeds(&mut self, index: usize) {
        let seeds = (0..2).map(|seed| (node_id(seed), addr(seed))).collect();
        self.input(index, SwimInput::Announce(seeds));
    }

    pub fn now(&self) -> Time {
        self.now
    }

    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// A host's machine; `None` while it is down.
    pub fn swim(&self, index: usize) -> Option<&Swim> {
        self.hosts[index].swim.as_ref()
    }

    pub fn counts(&self) -> NetCounts {
        self.counts
    }

    /// A number below `bound`, from the world's seed.
    pub fn draw(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound.max(1))
    }

    /// Gives a host an input now.
    pub fn input(&mut self, index: usize, input: SwimInput) {
        let mut effects = std::mem::take(&mut self.effects);
        if let Some(swim) = self.hosts[index].swim.as_mut() {
            swim.step(self.now, input, &mut effects);
        }
        for effect in effects.drain(..) {
            self.apply(index, effect);
        }
        self.effects = effects;
    }

    fn apply(&mut self, index: usize, effect: SwimEffect) {
        match effect {
            SwimEffect::Send { to, bytes, .. } => self.transmit(index, host_index(to), bytes),
            SwimEffect::Schedule { after, timer } => {
                self.push(self.now + after, index, What::Timer(timer));
            }
            SwimEffect::Dead(member) => {
                let victim = host_index(member.node);
                let host = &self.hosts[victim];
                let unjust = host.is_awake(self.now) && host.boot == member.boot;
                self.deaths.push(Death {
                    at: self.now,
                    seen_by: index,
                    victim,
                    member,
                    unjust,
                });
            }
            SwimEffect::Up(_)
            | SwimEffect::Restarted(_)
            | SwimEffect::Suspect(_)
            | SwimEffect::Trusted(_)
            | SwimEffect::Left(_)
            | SwimEffect::Restless(_)
            | SwimEffect::Link { .. }
            | SwimEffect::Standing(_)
            | SwimEffect::Renewed(_) => {}
        }
    }

    fn transmit(&mut self, from: usize, to: usize, bytes: Bytes) {
        if to >= self.hosts.len() {
            return;
        }
        self.counts.sent += 1;
        self.counts.bytes += bytes.len() as u64;
        if self.cut[from * self.hosts.len() + to] {
            self.counts.cut += 1;
            return;
        }
        if self.chance(self.weather.loss) {
            self.counts.lost += 1;
            return;
        }
        if self.chance(self.weather.twice) {
            self.counts.twice += 1;
            self.fly(from, to, bytes.clone());
        }
        self.fly(from, to, bytes);
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.random_range(0..1000) < per_mille
    }

    fn fly(&mut self, from: usize, to: usize, bytes: Bytes) {
        let jitter = u64::try_from(self.weather.jitter.as_micros()).unwrap_or(u64::MAX);
        let extra = Duration::from_micros(self.rng.random_range(0..=jitter));
        let at = self.now + self.weather.delay + extra;
        self.push(at, to, What::Datagram { from, bytes });
    }

    fn push(&mut self, at: Time, host: usize, what: What) {
        self.order += 1;
        self.queue.push(Reverse(Event {
            at,
            order: self.order,
            host,
            life: self.hosts[host].lives,
            what,
        }));
    }

    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self
            .queue
            .peek()
            .is_some_and(|Reverse(next)| next.at <= end)
        {
            if let Some(Reverse(event)) = self.queue.pop() {
                self.now = event.at;
                self.happen(event);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        let host = &mut self.hosts[event.host];
        if host.lives != event.life || host.swim.is_none() {
            self.counts.to_the_dead += 1;
            return;
        }
        if let Some(wake) = host.paused_until.filter(|wake| *wake > event.at) {
            // A stopped process: its socket keeps some datagrams, its timers fire when it wakes.
            if matches!(event.what, What::Datagram { .. }) {
                host.backlog += 1;
                if host.backlog > SOCKET_DATAGRAMS {
                    self.counts.overflowed += 1;
                    return;
                }
            }
            self.counts.held += 1;
            self.queue.push(Reverse(Event { at: wake, ..event }));
            return;
        }
        let input = match event.what {
            What::Datagram { from, bytes } => {
                self.counts.delivered += 1;
                let from = node_id(from);
                SwimInput::Datagram { from, bytes }
            }
            What::Timer(id) => SwimInput::Timer(id),
        };
        self.input(event.host, input);
    }

    /// Runs until `done`, looked at every 10 ms. `None` when that took longer than `limit`.
    pub fn run_until(
        &mut self,
        limit: Duration,
        done: impl Fn(&SwimWorld) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        while !done(self) {
            if self.now.since(start) >= limit {
                return None;
            }
            self.run_for(LOOK_EVERY);
        }
        Some(self.now.since(start))
    }
}

/// The id of the host at an index.
pub fn node_id(index: usize) -> NodeId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(index as u64).to_be_bytes());
    NodeId(id)
}

fn host_index(node: NodeId) -> usize {
    let mut index = [0; 8];
    index.copy_from_slice(&node.0[..8]);
    usize::try_from(u64::from_be_bytes(index)).unwrap_or(usize::MAX)
}

pub fn addr(index: usize) -> SocketAddr {
    let [_, _, high, low] = u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, high, low)), PORT)
}

const PORT: u16 = 7000;
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Datagrams that a stopped process finds in its socket when it wakes.
const SOCKET_DATAGRAMS: u64 = 200;
