//! What came of it: deaths, just and unjust, and what the network did.

use super::SwimWorld;
use crate::Member;
use base::Time;
use std::collections::BTreeSet;
use std::time::Duration;

/// One host declared another dead.
#[derive(Clone, Debug)]
pub struct Death {
    pub at: Time,
    pub seen_by: usize,
    pub victim: usize,
    pub member: Member,
    /// The victim was running at that moment.
    pub unjust: bool,
}

/// What the network did; each fault has its counter, so that a test can prove that it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCounts {
    pub sent: u64,
    pub bytes: u64,
    pub delivered: u64,
    pub lost: u64,
    pub twice: u64,
    pub cut: u64,
    /// For a host that was down, or for an earlier life of it.
    pub to_the_dead: u64,
    /// Waited for a stopped process.
    pub held: u64,
    /// Found its socket full.
    pub overflowed: u64,
}

impl SwimWorld {
    pub fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// Lives that were ended in somebody's view although their process was running: each once,
    /// however many hosts believed it.
    pub fn false_deaths(&self) -> usize {
        let unjust = self.deaths.iter().filter(|death| death.unjust);
        let lives: BTreeSet<(usize, u64, u32)> = unjust
            .map(|death| (death.victim, death.member.boot, death.member.renewals))
            .collect();
        lives.len()
    }

    /// How long after `killed` every living host had seen the death; `None` while some has not.
    pub fn seen_by_all(&self, victim: usize, killed: Time) -> Option<Duration> {
        let mut last = killed;
        for index in 0..self.hosts.len() {
            if index == victim || self.hosts[index].swim.is_none() {
                continue;
            }
            let seen = self.deaths.iter().rev().find(|death| {
                death.seen_by == index && death.victim == victim && death.at >= killed
            })?;
            last = last.max(seen.at);
        }
        Some(last.since(killed))
    }

    pub fn forget_deaths(&mut self) {
        self.deaths.clear();
    }
}
