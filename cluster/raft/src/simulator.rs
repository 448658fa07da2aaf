//! Many replicas of the ledger under one log, for tests and measurements. Pure: time is virtual,
//! and everything follows from one seed.
//!
//! Agreement is not simulated: the log is one list. What lies before it and behind it is:
//!
//! * Who proposes looks at some replica's state, which may be seconds old. Proposals and answers
//!   get lost, arrive twice, late and in another order, and are sent again under the same key. So
//!   the log holds repetitions, epochs that are over, joiners that race for one token.
//! * Replicas get the log with gaps and repetitions, apply it in batches at their own pace, crash,
//!   come back from their newest image, an older one or none, and install those of others.
//!
//! An oracle with books of its own judges what each entry did where it was committed. Each replica
//! must come to the same outcome of each entry, however it got there, and at each checkpoint to the
//! same image, byte for byte.

mod acts;
mod committed;
mod delivery;
mod dice;
mod oracle;
mod proposals;
mod replica;
mod report;

pub use report::{LedgerBreach, LedgerCounts};

use crate::ledger::State;
use acts::Acts;
use base::{ContentHash, Time};
use committed::{Committed, ONE_IMAGE, image};
use delivery::Parcel;
use dice::Dice;
use proposals::{Call, Letter};
use replica::Replica;
use report::{Breach, hold};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSpec {
    pub replicas: usize,
    /// Commands that all proposers together think of in a second; the log gets some more, since
    /// they repeat what nobody answered.
    pub per_second: u32,
    /// Lost messages in a thousand.
    pub loss: u32,
    pub seed: u64,
}

/// The replicas, the log that they share, and all who propose.
pub struct LedgerWorld {
    spec: LedgerSpec,
    dice: Dice,
    now: Time,
    /// How far the cluster's time is ahead of the virtual one: so much of it passed at once.
    ahead: Duration,
    queue: BTreeMap<(Time, u64), Event>,
    order: u64,
    committed: Committed,
    replicas: Vec<Replica>,
    acts: Acts,
    calls: BTreeMap<u64, Call>,
    /// The youngest proposal that arrived.
    arrived: u64,
    /// Nobody proposes and nothing fails any more.
    quiet: bool,
    counts: LedgerCounts,
}

enum Event {
    Act,
    Proposed(Letter),
    Answered { call: u64 },
    Retry { call: u64 },
    Push { to: usize },
    Arrives(Parcel),
    Apply { at: usize, life: u64 },
    Trouble,
    Restart { at: usize },
}

impl LedgerWorld {
    /// A cluster that was just founded, with replicas that know nothing of it yet.
    pub fn new(spec: LedgerSpec) -> Result<LedgerWorld, LedgerBreach> {
        let mut dice = Dice::new(spec.seed);
        let count = spec.replicas.max(1);
        let replicas = (0..count).map(|_| Replica::new(&mut dice)).collect();
        let mut world = LedgerWorld {
            spec,
            dice,
            now: Time::ZERO,
            ahead: Duration::ZERO,
            queue: BTreeMap::new(),
            order: 0,
            committed: Committed::default(),
            replicas,
            acts: Acts::default(),
            calls: BTreeMap::new(),
            arrived: 0,
            quiet: false,
            counts: LedgerCounts::default(),
        };
        world.found().map_err(|breach| world.breach(breach))?;
        for to in 0..count {
            world.push(to);
        }
        world.after(Duration::ZERO, Event::Act);
        world.after(FIRST_TROUBLE, Event::Trouble);
        Ok(world)
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// The state after all that was committed.
    pub fn state(&self) -> &State {
        &self.committed.state
    }

    pub fn counts(&self) -> LedgerCounts {
        LedgerCounts {
            revived: self.committed.revived(),
            ..self.counts.clone()
        }
    }

    /// Differs for runs that differ.
    pub fn hash(&self) -> ContentHash {
        self.committed.state.hash()
    }

    /// So much of the cluster's time passes at once, and nothing happens meanwhile.
    pub fn pass(&mut self, span: Duration) {
        self.ahead += span;
    }

    pub fn run_for(&mut self, span: Duration) -> Result<(), LedgerBreach> {
        let end = self.now + span;
        while let Some(next) = self.queue.first_entry() {
            if next.key().0 > end {
                break;
            }
            let ((at, _), event) = next.remove_entry();
            self.now = at;
            self.happen(event).map_err(|breach| self.breach(breach))?;
        }
        self.now = end;
        Ok(())
    }

    /// The end of a run: nobody proposes any more, all replicas come back and catch up, and are
    /// then the same, byte for byte.
    pub fn settle(&mut self) -> Result<(), LedgerBreach> {
        self.quiet = true;
        let limit = self.now + SETTLE_LIMIT;
        while !self.caught_up() && self.now < limit {
            self.run_for(SETTLE_STEP)?;
        }
        self.all_equal().map_err(|breach| self.breach(breach))
    }

    fn caught_up(&self) -> bool {
        let len = self.committed.len();
        self.calls.is_empty() && self.replicas.iter().all(|replica| replica.is_at(len))
    }

    fn all_equal(&self) -> Result<(), Breach> {
        hold("every replica catches up", self.caught_up(), || {
            let (open, len) = (self.calls.len(), self.committed.len());
            let behind = self.replicas.iter().filter(|replica| !replica.is_at(len));
            format!(
                "{} are behind {len} entries, {open} calls wait",
                behind.count()
            )
        })?;
        let expected = image(&self.committed.state)?;
        for state in self
            .replicas
            .iter()
            .filter_map(|replica| replica.state.as_ref())
        {
            let found = image(state)?;
            hold(ONE_IMAGE, found.bytes == expected.bytes, || {
                format!("in the end: {}, elsewhere {}", found.hash, expected.hash)
            })?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Breach> {
        match event {
            Event::Act => self.act(),
            Event::Proposed(letter) => self.proposed(&letter),
            Event::Arrives(parcel) => self.arrives(parcel),
            Event::Apply { at, life } => self.apply(at, life),
            Event::Restart { at } => self.restart(at),
            Event::Push { to } => {
                self.push(to);
                Ok(())
            }
            Event::Retry { call } => {
                self.retry(call);
                Ok(())
            }
            Event::Answered { call } => {
                self.calls.remove(&call);
                Ok(())
            }
            Event::Trouble => {
                self.trouble();
                Ok(())
            }
        }
    }

    /// Events of one moment happen in the order in which they came about.
    fn after(&mut self, span: Duration, event: Event) {
        self.order += 1;
        self.queue.insert((self.now + span, self.order), event);
    }

    fn breach(&self, (rule, what): Breach) -> LedgerBreach {
        LedgerBreach {
            seed: self.spec.seed,
            at: self.now,
            rule,
            what,
        }
    }
}

/// Before anybody crashes, there is something to lose.
const FIRST_TROUBLE: Duration = Duration::from_secs(1);
/// Longer than the longest way of a proposal and the longest time that a replica is down.
const SETTLE_LIMIT: Duration = Duration::from_secs(120);
const SETTLE_STEP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
