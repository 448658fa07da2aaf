//! Who dies: a suspect whose time is up, unless it answered, or unless the trouble may be ours.

use super::{Swim, SwimEffect};
use crate::health::Proof;
use crate::timers::Purpose;
use crate::{Liveness, Member};
use base::NodeId;
use foca::Timer;
use std::time::Duration;

impl Swim {
    /// A suspect's time is up.
    pub(super) fn verdict(&mut self, timer: Timer<Member>, out: &mut Vec<SwimEffect>) {
        let Timer::ChangeSuspectToDown {
            member_id: suspect,
            incarnation,
            ..
        } = &timer
        else {
            return;
        };
        // foca 2.0.0 tells a suspect that it is dead even when it has refuted.
        if !self.is_suspected(suspect, *incarnation) {
            return;
        }
        let node = suspect.node;
        if self.health.doubt().is_some() {
            self.counts.held += 1;
            return self.put_off(timer, out);
        }
        if self.answered_since_suspected(node) {
            self.counts.spared += 1;
            self.tell(node, out);
            return self.put_off(timer, out);
        }
        let patience = self.pace.stretched(self.settings.answer_within);
        if self.health.prove(self.census(), self.now, patience) == Proof::Asked {
            self.call_absent(out);
            if self.health.doubt().is_some() {
                self.fall_into_doubt(out);
            }
            return self.arm(patience / 2, Purpose::Foca(timer), out);
        }
        self.foca_timer(timer, out);
        self.reconsider(out);
    }

    pub(super) fn fall_into_doubt(&mut self, out: &mut Vec<SwimEffect>) {
        self.counts.doubts += 1;
        self.roll_call(0, out);
    }

    fn is_suspected(&self, suspect: &Member, incarnation: u16) -> bool {
        self.peers.get(suspect.node).is_some_and(|peer| {
            peer.liveness == Liveness::Suspect
                && peer.member == *suspect
                && peer.incarnation == incarnation
        })
    }

    fn put_off(&mut self, timer: Timer<Member>, out: &mut Vec<SwimEffect>) {
        self.arm_foca(timer, self.settings.suspect_for, out);
    }

    fn answered_since_suspected(&self, node: NodeId) -> bool {
        // Measured from the last time that this was asked, so that one answer buys one delay.
        let delay = self.pace.stretched(self.settings.suspect_for);
        self.peers.get(node).is_some_and(|peer| {
            let from = peer.since.max(self.ago(delay));
            peer.liveness == Liveness::Suspect && peer.answered >= Some(from)
        })
    }

    /// Asks everybody who has not answered lately: are they gone, or is it us?
    pub(super) fn roll_call(&mut self, calls: u32, out: &mut Vec<SwimEffect>) {
        if self.health.doubt().is_none() {
            return;
        }
        self.call_absent(out);
        let every = if calls < QUICK_CALLS { QUICK } else { SLOW };
        let calls = calls.saturating_add(1);
        self.arm(self.pace.stretched(every), Purpose::RollCall { calls }, out);
    }

    fn call_absent(&mut self, out: &mut Vec<SwimEffect>) {
        let lately = self.health.roll_since().max(Some(self.ago(SLOW)));
        let absent: Vec<(Member, Liveness)> = self
            .peers
            .table
            .values()
            .filter(|peer| peer.liveness.is_active() && peer.answered < lately)
            .map(|peer| (peer.member.clone(), peer.liveness))
            .collect();
        for (member, liveness) in absent {
            if liveness == Liveness::Suspect {
                self.tell(member.node, out);
            } else {
                self.ping(&member, &[], out);
            }
        }
    }
}

/// The first calls follow each other quickly, since one lost datagram must not keep us in doubt.
const QUICK_CALLS: u32 = 5;
const QUICK: Duration = Duration::from_millis(100);
/// A partition may last: one call a second finds its end soon enough.
const SLOW: Duration = Duration::from_secs(1);
