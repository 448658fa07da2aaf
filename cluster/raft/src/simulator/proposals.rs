//! Proposals on their way to the log: lost, twice, seconds late, asked again with the same key.

use super::acts::{node_id, some_members};
use super::report::Breach;
use super::{Event, LedgerWorld};
use crate::ledger::{Command, NewMember, Stamped, VoterSets};
use crate::machine;
use crate::types::Payload;
use base::{ClusterId, JobId, PeerRole, PeerRoles, Time};
use std::sync::Arc;
use std::time::Duration;

/// A command that nobody has answered yet.
pub(super) struct Call {
    command: Arc<Command>,
    tries: u32,
}

/// A proposal under way.
pub(super) struct Letter {
    call: u64,
    command: Arc<Command>,
    /// Which one it is of all that were sent.
    number: u64,
}

impl LedgerWorld {
    /// The first two entries of every log: who votes, and the cluster itself.
    pub(super) fn found(&mut self) -> Result<(), Breach> {
        let founder = node_id(0);
        self.committed.term = 1;
        let voters = VoterSets {
            configs: vec![vec![founder]],
            nodes: vec![founder],
        };
        self.committed
            .append(Payload::Voters(voters), None, &mut self.counts)?;
        self.commit(&Command::Found {
            cluster: ClusterId([1; 8]),
            member: NewMember {
                node: founder,
                name: "box0".to_owned(),
                roles: PeerRoles::of(&[PeerRole::Voter]),
                pool: None,
                address: "box0:7000".to_owned(),
                serial: [0; 16],
                version: 1,
            },
        })
    }

    /// Somebody thinks of something, from what some replica knows.
    pub(super) fn act(&mut self) -> Result<(), Breach> {
        if self.quiet {
            return Ok(());
        }
        self.after(
            Duration::from_secs(1) / self.spec.per_second.max(1),
            Event::Act,
        );
        if self.dice.chance(ELECTIONS) {
            self.committed.term += 1;
            self.committed
                .append(Payload::Blank, None, &mut self.counts)?;
            self.counts.elections += 1;
        }
        if self.dice.chance(VOTERS) {
            self.change_voters()?;
        }
        let asked = self.dice.below(self.replicas.len());
        let known = self.replicas[asked].state.as_ref();
        let view = known.unwrap_or(&self.committed.state);
        for command in self.acts.think(view, &mut self.dice) {
            self.propose(command);
        }
        Ok(())
    }

    /// Into a joint configuration, and out of it the next time.
    fn change_voters(&mut self) -> Result<(), Breach> {
        let state = &self.committed.state;
        let mut configs = state.voters.configs.clone();
        if configs.len() > 1 {
            configs.remove(0);
        } else {
            let count = 1 + self.dice.below(5);
            configs.push(some_members(state, &mut self.dice, count));
        }
        let nodes = state.members.live.keys().copied().collect();
        let voters = VoterSets { configs, nodes };
        self.counts.voters_changed += 1;
        self.committed
            .append(Payload::Voters(voters), None, &mut self.counts)
    }

    pub(super) fn propose(&mut self, command: Command) {
        self.order += 1;
        let command = Arc::new(command);
        self.calls.insert(self.order, Call { command, tries: 0 });
        self.send(self.order);
    }

    fn send(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.tries += 1;
        if call.tries > 1 {
            self.counts.retried += 1;
            // The key is what stays: each try brings an id of its own.
            if let Command::AcceptJob { job, .. } = Arc::make_mut(&mut call.command) {
                *job = JobId(self.dice.number());
            }
        }
        let command = Arc::clone(&call.command);
        if self.dice.chance(self.spec.loss) {
            self.counts.lost += 1;
        } else {
            if self.dice.chance(TWICE) {
                self.counts.twice += 1;
                self.fly(id, Arc::clone(&command));
            }
            self.fly(id, command);
        }
        self.after(RETRY, Event::Retry { call: id });
    }

    fn fly(&mut self, call: u64, command: Arc<Command>) {
        let mut delay = self.dice.span(LEAST_DELAY, MOST_DELAY);
        if self.dice.chance(LATE) {
            delay += self.dice.span(LEAST_LATE, MOST_LATE);
            self.counts.late += 1;
        }
        self.order += 1;
        let letter = Letter {
            call,
            command,
            number: self.order,
        };
        self.after(delay, Event::Proposed(letter));
    }

    pub(super) fn retry(&mut self, call: u64) {
        let Some(tries) = self.calls.get(&call).map(|call| call.tries) else {
            return;
        };
        if tries < TRIES {
            self.send(call);
        } else {
            self.calls.remove(&call);
            self.counts.given_up += 1;
        }
    }

    /// A proposal reached the leader, who commits it whatever came of its sender.
    pub(super) fn proposed(&mut self, letter: &Letter) -> Result<(), Breach> {
        self.counts.overtaken += u64::from(letter.number < self.arrived);
        self.arrived = self.arrived.max(letter.number);
        self.commit(&letter.command)?;
        if self.dice.chance(self.spec.loss) {
            self.counts.answers_lost += 1;
        } else {
            let delay = self.dice.span(LEAST_DELAY, MOST_DELAY);
            self.after(delay, Event::Answered { call: letter.call });
        }
        Ok(())
    }

    fn commit(&mut self, command: &Command) -> Result<(), Breach> {
        let stamped = Stamped {
            at: self.stamp(),
            by: format!("client {}", self.committed.len() % CLIENTS),
            command: command.clone(),
        };
        let proposal = machine::proposal(&stamped)
            .map_err(|error| ("a command can be written", error.to_string()))?;
        let payload = Payload::Command(proposal.0);
        self.committed
            .append(payload, Some(&stamped), &mut self.counts)
    }

    /// A leader that has applied little yet stamps what lies behind.
    fn stamp(&mut self) -> Time {
        let stamp = self.now + self.ahead;
        if !self.dice.chance(STAMPS_BACK) {
            return stamp;
        }
        let lag = u64::try_from(self.dice.span(Duration::ZERO, MOST_LAG).as_micros());
        let behind = Time(stamp.0.saturating_sub(lag.unwrap_or(u64::MAX)));
        self.counts.stamps_back += u64::from(behind < self.committed.state.now);
        behind
    }
}

/// Of a thousand acts, so many come with a new leader.
const ELECTIONS: u32 = 5;
/// Of a thousand acts, so many come with a change of the voters.
const VOTERS: u32 = 10;
/// Proposals in a thousand that arrive twice.
const TWICE: u32 = 30;
/// Proposals in a thousand whose sender stands still for seconds.
const LATE: u32 = 20;
/// Stamps in a thousand that lie behind.
const STAMPS_BACK: u32 = 20;
const MOST_LAG: Duration = Duration::from_secs(5);
const LEAST_DELAY: Duration = Duration::from_millis(1);
const MOST_DELAY: Duration = Duration::from_millis(20);
const LEAST_LATE: Duration = Duration::from_secs(1);
const MOST_LATE: Duration = Duration::from_secs(8);
/// From one try to the next.
const RETRY: Duration = Duration::from_millis(500);
const TRIES: u32 = 3;
const CLIENTS: u64 = 7;
