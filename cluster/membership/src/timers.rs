//! The timers that wait: one per purpose and node, so that no sequence of inputs makes them grow.

use crate::Member;
use base::{NodeId, Time};
use foca::Timer;
use std::collections::BTreeMap;

/// What a timer is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    Foca(Timer<Member>),
    /// Tell a suspect that it is one, this many times more.
    Confirm {
        node: NodeId,
        left: u32,
    },
    /// Dial seeds and dead members.
    Dial,
    /// Ask for lists of members until they bring nobody new: who was known at the last question,
    /// and
    /// how many questions brought nobody since.
    Greet {
        known: usize,
        idle: u32,
    },
    /// Ask all peers whether we are the one that is cut off; counts the calls so far.
    RollCall {
        calls: u32,
    },
    /// Look whether a peer that came and went has calmed down.
    Calm {
        node: NodeId,
    },
    /// Say goodbye again, this many times more.
    Farewell {
        left: u32,
    },
}

/// A second timer under one key replaces the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Probe,
    Indirect,
    Roster,
    RosterOfDown,
    Gossip,
    Verdict(NodeId),
    Forget(NodeId),
    Confirm(NodeId),
    Dial,
    Greet,
    RollCall,
    Calm(NodeId),
    Farewell,
}

impl Purpose {
    pub(crate) fn key(&self) -> Key {
        match self {
            Purpose::Foca(Timer::ProbeRandomMember(_)) => Key::Probe,
            Purpose::Foca(Timer::SendIndirectProbe { .. }) => Key::Indirect,
            Purpose::Foca(Timer::PeriodicAnnounce(_)) => Key::Roster,
            Purpose::Foca(Timer::PeriodicAnnounceDown(_)) => Key::RosterOfDown,
            Purpose::Foca(Timer::PeriodicGossip(_)) => Key::Gossip,
            Purpose::Foca(Timer::ChangeSuspectToDown { member_id, .. }) => {
                Key::Verdict(member_id.node)
            }
            Purpose::Foca(Timer::RemoveDown(member)) => Key::Forget(member.node),
            Purpose::Confirm { node, .. } => Key::Confirm(*node),
            Purpose::Dial => Key::Dial,
            Purpose::Greet { .. } => Key::Greet,
            Purpose::RollCall { .. } => Key::RollCall,
            Purpose::Calm { node } => Key::Calm(*node),
            Purpose::Farewell { .. } => Key::Farewell,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    next: u64,
    waiting: BTreeMap<u64, (Time, Purpose)>,
    by_key: BTreeMap<Key, u64>,
}

impl Timers {
    /// The id to hand out.
    pub(crate) fn arm(&mut self, due: Time, purpose: Purpose) -> u64 {
        let id = self.next;
        self.next += 1;
        if let Some(replaced) = self.by_key.insert(purpose.key(), id) {
            self.waiting.remove(&replaced);
        }
        self.waiting.insert(id, (due, purpose));
        id
    }

    /// `None` for an id that was replaced, cancelled, fired before, or never given.
    pub(crate) fn fire(&mut self, id: u64) -> Option<Purpose> {
        let (_, purpose) = self.waiting.remove(&id)?;
        self.by_key.remove(&purpose.key());
        Some(purpose)
    }

    pub(crate) fn take(&mut self, key: Key) -> Option<Purpose> {
        let id = self.by_key.remove(&key)?;
        self.waiting.remove(&id).map(|(_, purpose)| purpose)
    }

    pub(crate) fn cancel(&mut self, key: Key) {
        let _gone = self.take(key);
    }

    /// Whether exactly this timer of foca's waits already.
    pub(crate) fn holds(&self, timer: &Timer<Member>) -> bool {
        let key = Purpose::Foca(timer.clone()).key();
        let waiting = self.by_key.get(&key).and_then(|id| self.waiting.get(id));
        matches!(waiting, Some((_, Purpose::Foca(other))) if other == timer)
    }

    pub(crate) fn due(&self, key: Key) -> Option<Time> {
        let id = self.by_key.get(&key)?;
        self.waiting.get(id).map(|(due, _)| *due)
    }

    pub(crate) fn waits(&self, key: Key) -> bool {
        self.by_key.contains_key(&key)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
