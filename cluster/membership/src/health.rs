//! A node's doubt in itself: when more seems wrong with the others than can be, it is us.

use base::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why a node suspects itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// More peers are dead or suspect than may be at once.
    ManyGone { gone: usize, of: usize },
    /// A peer's death was to be declared, and no majority answered when asked first.
    NoMajority { present: usize, of: usize },
    /// Nobody answered, neither directly nor through others, for this many probes in a row.
    Silence { probes: u32 },
    /// This process stood still, or its clock jumped.
    Pause { late: Duration },
}

/// How many of `peers` may be acted on at once (declared dead, restarted, drained): a third. One is
/// always possible, since three nodes must survive the death of one.
pub fn act_at_once(peers: usize) -> usize {
    match peers {
        0 => 0,
        _ => (peers / 3).max(1),
    }
}

/// The census that a judgement needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Alive or suspect.
    pub(crate) active: usize,
    pub(crate) suspect: usize,
    /// Died a short while ago: still part of the cluster whose majority counts.
    pub(crate) recently_dead: usize,
    /// Answered us since the roll call began.
    pub(crate) present: usize,
}

impl Census {
    fn peers(&self) -> usize {
        self.active + self.recently_dead
    }

    pub(crate) fn gone(&self) -> usize {
        self.suspect + self.recently_dead
    }

    fn too_many_gone(&self) -> bool {
        self.gone() > act_at_once(self.peers())
    }

    fn majority_present(&self) -> bool {
        (self.present + 1) * 2 > self.peers() + 1
    }
}

/// Whether a node may declare a death now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A majority answered a moment ago.
    Given,
    /// Ask all, and look again.
    Asked,
}

/// A majority is being asked.
#[derive(Clone, Copy, Debug)]
struct Asking {
    since: Time,
    last: Time,
    tries: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Health {
    doubt: Option<(Doubt, Time)>,
    asking: Option<Asking>,
    proven: Option<Time>,
    /// A roll call was passed: no further doubt because of many gone until then.
    sound_until: Time,
    silent_probes: u32,
    answered_this_probe: bool,
}

impl Health {
    pub(crate) fn doubt(&self) -> Option<(Doubt, Time)> {
        self.doubt
    }

    /// Answers count from here.
    pub(crate) fn roll_since(&self) -> Option<Time> {
        let asking = self.asking.map(|asking| asking.since);
        self.doubt.map(|(_, since)| since).max(asking)
    }

    /// A death is declared only by a node that has just heard from a majority. Asked again and
    /// again
    /// without one, it falls into doubt.
    pub(crate) fn prove(&mut self, census: Census, now: Time, patience: Duration) -> Proof {
        let recent = |at: Time| now.since(at) < PROOF_LASTS;
        if census.peers() < 2 || self.proven.is_some_and(recent) {
            return Proof::Given;
        }
        // A question whose suspect refuted was never looked at again: its answers are old.
        let asking = self
            .asking
            .filter(|asking| now.since(asking.last) < patience);
        self.asking = None;
        match asking {
            Some(_) if census.majority_present() => {
                self.proven = Some(now);
                return Proof::Given;
            }
            Some(Asking { tries, .. }) if tries >= PROOF_TRIES => {
                let (present, of) = (census.present, census.peers());
                self.doubt = Some((Doubt::NoMajority { present, of }, now));
            }
            _ => {
                self.asking = Some(Asking {
                    since: asking.map_or(now, |asking| asking.since),
                    last: now,
                    tries: asking.map_or(0, |asking| asking.tries) + 1,
                });
            }
        }
        Proof::Asked
    }

    /// A reply to something we sent arrived: both directions work.
    pub(crate) fn answered(&mut self) {
        self.answered_this_probe = true;
        self.silent_probes = 0;
    }

    /// A probe's period is over.
    pub(crate) fn probe_over(&mut self) {
        if !self.answered_this_probe {
            self.silent_probes = self.silent_probes.saturating_add(1);
        }
        self.answered_this_probe = false;
    }

    pub(crate) fn paused(&mut self, late: Duration, now: Time) {
        self.silent_probes = 0;
        self.doubt = Some((Doubt::Pause { late }, now));
    }

    /// Enters or leaves doubt as the census says. `true` when that changed.
    pub(crate) fn reconsider(&mut self, census: Census, now: Time, sound_for: Duration) -> bool {
        let before = self.doubt.is_some();
        match self.doubt {
            None => self.doubt = self.reason(census, now).map(|doubt| (doubt, now)),
            Some((doubt, since)) if self.dispelled(doubt, since, census, now) => {
                self.doubt = None;
                self.silent_probes = 0;
                self.sound_until = now + sound_for;
            }
            Some(_) => {}
        }
        before != self.doubt.is_some()
    }

    fn reason(&self, census: Census, now: Time) -> Option<Doubt> {
        // With one peer, its death and our deafness look the same; the quorum decides, not we.
        if census.peers() < 2 || now < self.sound_until {
            return None;
        }
        if census.too_many_gone() {
            let (gone, of) = (census.gone(), census.peers());
            return Some(Doubt::ManyGone { gone, of });
        }
        let probes = self.silent_probes;
        (probes >= SILENT_PROBES).then_some(Doubt::Silence { probes })
    }

    fn dispelled(&self, doubt: Doubt, since: Time, census: Census, now: Time) -> bool {
        if census.majority_present() {
            return true;
        }
        if census.too_many_gone() {
            return false;
        }
        match doubt {
            Doubt::ManyGone { .. } => true,
            Doubt::NoMajority { .. } => census.peers() < 2,
            Doubt::Silence { .. } => self.silent_probes == 0 || census.peers() < 2,
            Doubt::Pause { .. } => now.since(since) > WAKE_FOR || census.peers() < 2,
        }
    }
}

/// Probes without any answer. At 30 % loss three in a row happen every few minutes, and cost one
/// roll
/// call; three probes end before a suspect's time does.
const SILENT_PROBES: u32 = 3;
/// An answer of a majority is proof this long: a partition that began since has no victims yet.
const PROOF_LASTS: Duration = Duration::from_millis(200);
/// At 30 % loss one of 20 peers does not answer any of these.
const PROOF_TRIES: u32 = 5;
/// After a pause the backlog of datagrams and timers is worked off within this.
const WAKE_FOR: Duration = Duration::from_secs(2);
