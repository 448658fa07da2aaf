//! What is known of each peer beyond foca's table: since when, over which links, how restless.

use crate::Member;
use base::{NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Whether a peer lives, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Liveness {
    Alive,
    /// Somebody could not reach it; it has a short time to object.
    Suspect,
    Dead,
    /// It said goodbye.
    Left,
}

impl Liveness {
    pub fn is_active(self) -> bool {
        matches!(self, Liveness::Alive | Liveness::Suspect)
    }
}

/// What this node's own path to a peer does, while others reach that peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Works,
    /// The peer is heard, and does not hear us.
    NoWayOut,
    /// The peer is not heard. Whether it hears us is unknown here; its own view says.
    NoWayIn,
}

#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) member: Member,
    pub(crate) incarnation: u16,
    pub(crate) liveness: Liveness,
    pub(crate) since: Time,
    /// Last reply to something we sent to it: proof of both directions.
    pub(crate) answered: Option<Time>,
    /// Last datagram of any kind that came straight from it.
    pub(crate) heard: Option<Time>,
    /// Last time that we told it that it is suspected.
    pub(crate) told: Option<Time>,
    pub(crate) link: Link,
    /// Probes in a row that only reached it through others, and when the first of them began.
    pub(crate) detours: u32,
    pub(crate) detours_since: Time,
    pub(crate) round_trip: Option<Duration>,
    restlessness: Restlessness,
    /// Restless peers are not announced as alive until they calm down.
    pub(crate) damped: bool,
}

impl Peer {
    fn new(update: &foca::Member<Member>, liveness: Liveness, now: Time) -> Peer {
        Peer {
            member: update.id().clone(),
            incarnation: update.incarnation(),
            liveness,
            since: now,
            answered: None,
            heard: None,
            told: None,
            link: Link::Works,
            detours: 0,
            detours_since: now,
            round_trip: None,
            restlessness: Restlessness::default(),
            damped: false,
        }
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.liveness.is_active() && !self.damped
    }

    /// A direct answer came. `true` when the link was broken before.
    pub(crate) fn link_works(&mut self) -> bool {
        self.detours = 0;
        std::mem::replace(&mut self.link, Link::Works) != Link::Works
    }

    /// A probe reached the peer through others only. `true` when that makes the link broken.
    pub(crate) fn detoured(&mut self, began: Time) -> bool {
        if self.detours == 0 {
            self.detours_since = began;
        }
        self.detours = self.detours.saturating_add(1);
        if self.detours < DETOURS {
            return false;
        }
        let heard = self.heard.is_some_and(|at| at >= self.detours_since);
        let link = if heard { Link::NoWayOut } else { Link::NoWayIn };
        std::mem::replace(&mut self.link, link) != link
    }

    /// `true` when the peer calmed down, so that it can be announced again.
    pub(crate) fn calmed(&mut self, now: Time) -> bool {
        let calm = self.damped && self.restlessness.level(now) < CALM;
        self.damped &= !calm;
        calm
    }
}

/// A penalty that halves with time; each return from the dead adds to it.
#[derive(Clone, Copy, Debug, Default)]
struct Restlessness {
    level: u64,
    at: Time,
}

impl Restlessness {
    /// Straight lines between the halvings, so that no floating point is needed.
    fn level(self, now: Time) -> u64 {
        let elapsed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let half = u64::try_from(HALF_LIFE.as_micros()).unwrap_or(u64::MAX);
        let halved = self.level >> (elapsed / half).min(63);
        halved - halved * (elapsed % half) / half / 2
    }

    fn returned(&mut self, now: Time) -> u64 {
        self.level = self.level(now).saturating_add(RETURN);
        self.at = now;
        self.level
    }
}

/// What changed for one peer between two looks at foca's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Alive, and it was not, or it has another address or life than before.
    Up {
        restarted: bool,
    },
    Suspect,
    Trusted,
    Dead {
        was_usable: bool,
    },
    Left,
    /// Came back too often; it is alive, and not announced.
    Restless,
}

#[derive(Debug, Default)]
pub(crate) struct Peers {
    pub(crate) table: BTreeMap<NodeId, Peer>,
}

impl Peers {
    pub(crate) fn get(&self, node: NodeId) -> Option<&Peer> {
        self.table.get(&node)
    }

    pub(crate) fn get_mut(&mut self, node: NodeId) -> Option<&mut Peer> {
        self.table.get_mut(&node)
    }

    /// Compares foca's word on a member with what we knew.
    pub(crate) fn observe(&mut self, update: &foca::Member<Member>, now: Time) -> Vec<Change> {
        let liveness = match update.state() {
            foca::State::Alive => Liveness::Alive,
            foca::State::Suspect => Liveness::Suspect,
            foca::State::Down if update.id().leaving => Liveness::Left,
            foca::State::Down => Liveness::Dead,
        };
        match self.table.get_mut(&update.id().node) {
            Some(peer) => peer.turn(update, liveness, now),
            None => {
                let peer = Peer::new(update, liveness, now);
                self.table.insert(update.id().node, peer);
                match liveness {
                    Liveness::Alive => vec![Change::Up { restarted: false }],
                    Liveness::Suspect => vec![Change::Up { restarted: false }, Change::Suspect],
                    Liveness::Dead | Liveness::Left => Vec::new(),
                }
            }
        }
    }
}

impl Peer {
    fn turn(
        &mut self,
        update: &foca::Member<Member>,
        liveness: Liveness,
        now: Time,
    ) -> Vec<Change> {
        self.incarnation = update.incarnation();
        let same_life = self.member == *update.id();
        if same_life && self.liveness == liveness {
            return Vec::new();
        }
        let restarted = self.member.boot != update.id().boot;
        let was_usable = self.is_usable();
        let before = std::mem::replace(&mut self.liveness, liveness);
        self.member = update.id().clone();
        if before != liveness {
            self.since = now;
        }
        if before.is_active() && liveness.is_active() {
            return self.stayed(before, same_life, restarted);
        }
        match liveness {
            Liveness::Alive | Liveness::Suspect => self.came_back(restarted, now),
            Liveness::Dead if before.is_active() => vec![Change::Dead { was_usable }],
            Liveness::Left if before != Liveness::Left => vec![Change::Left],
            Liveness::Dead | Liveness::Left => Vec::new(),
        }
    }

    fn stayed(&self, before: Liveness, same_life: bool, restarted: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        if !same_life && !self.damped {
            changes.push(Change::Up { restarted });
        }
        if before != self.liveness {
            let trusted = self.liveness == Liveness::Alive;
            changes.push(if trusted {
                Change::Trusted
            } else {
                Change::Suspect
            });
        }
        changes
    }

    fn came_back(&mut self, restarted: bool, now: Time) -> Vec<Change> {
        if self.restlessness.returned(now) > RESTLESS {
            self.damped = true;
        }
        if self.damped {
            return vec![Change::Restless];
        }
        let mut changes = vec![Change::Up { restarted }];
        if self.liveness == Liveness::Suspect {
            changes.push(Change::Suspect);
        }
        changes
    }
}

/// Probes in a row, each with two direct pings, before a link counts as broken: at 10 % loss this
/// happens by chance to one probe in 20,000.
const DETOURS: u32 = 3;
/// Added to a peer's restlessness by each return.
const RETURN: u64 = 1000;
/// Above this a peer is damped: the fourth return within half a minute.
const RESTLESS: u64 = 3 * RETURN;
/// Below this it is announced again: after about a minute without a death.
const CALM: u64 = RETURN;
const HALF_LIFE: Duration = Duration::from_secs(30);
