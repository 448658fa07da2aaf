//! What befalls hosts and links.

use super::{SwimWorld, addr, node_id};
use crate::{Liveness, Swim, SwimInput, SwimSettingsError};
use base::Time;
use std::time::Duration;

pub(super) struct Host {
    pub(super) swim: Option<Swim>,
    pub(super) boot: u64,
    /// Processes that ran here; events for an earlier one are never seen by a later.
    pub(super) lives: u64,
    pub(super) paused_until: Option<Time>,
    /// Datagrams that wait for a stopped process.
    pub(super) backlog: u64,
}

impl Host {
    pub(super) fn new(swim: Swim) -> Host {
        Host {
            swim: Some(swim),
            boot: 1,
            lives: 1,
            paused_until: None,
            backlog: 0,
        }
    }

    pub(super) fn is_awake(&self, now: Time) -> bool {
        self.swim.is_some() && self.paused_until.is_none_or(|wake| wake <= now)
    }
}

impl SwimWorld {
    /// `kill -9`.
    pub fn kill(&mut self, index: usize) {
        self.hosts[index].swim = None;
    }

    /// The host's next life, knowing only the seeds.
    pub fn restart(&mut self, index: usize) -> Result<(), SwimSettingsError> {
        let boot = self.hosts[index].boot + 1;
        self.revive(index, boot)
    }

    /// The host starts from a copy of its disk that was made before its first restart.
    pub fn restart_from_old_disk(&mut self, index: usize) -> Result<(), SwimSettingsError> {
        self.revive(index, 1)
    }

    fn revive(&mut self, index: usize, boot: u64) -> Result<(), SwimSettingsError> {
        let swim = self.machine(index, boot)?;
        let lives = self.hosts[index].lives + 1;
        self.hosts[index] = Host {
            boot,
            lives,
            ..Host::new(swim)
        };
        let seeds = (0..self.hosts.len())
            .filter(|seed| *seed != index)
            .take(2)
            .map(|seed| (node_id(seed), addr(seed)))
            .collect();
        self.input(index, SwimInput::Announce(seeds));
        Ok(())
    }

    /// SIGSTOP for this long.
    pub fn pause(&mut self, index: usize, span: Duration) {
        let host = &mut self.hosts[index];
        host.paused_until = Some(self.now + span);
        host.backlog = 0;
    }

    /// Cuts or mends one direction.
    pub fn set_cut(&mut self, from: usize, to: usize, cut: bool) {
        let n = self.hosts.len();
        self.cut[from * n + to] = cut;
    }

    /// Only pairs for which `joined` holds can talk.
    pub fn partition(&mut self, joined: impl Fn(usize, usize) -> bool) {
        let n = self.hosts.len();
        for from in 0..n {
            for to in 0..n {
                self.cut[from * n + to] = !joined(from, to);
            }
        }
    }

    pub fn heal(&mut self) {
        self.cut.fill(false);
    }

    /// Every living host sees every other living host alive, and no dead one.
    pub fn agrees(&self) -> bool {
        let living: Vec<usize> = (0..self.hosts.len())
            .filter(|index| self.hosts[*index].swim.is_some())
            .collect();
        living.iter().all(|index| {
            let host = &self.hosts[*index];
            host.swim.as_ref().is_some_and(|swim| {
                (0..self.hosts.len()).all(|other| {
                    let seen = swim.liveness(node_id(other));
                    if other == *index {
                        true
                    } else if self.hosts[other].swim.is_some() {
                        seen == Some(Liveness::Alive)
                    } else {
                        !seen.is_some_and(Liveness::is_active)
                    }
                })
            })
        })
    }
}
