//! What probes tell beyond alive or not: round trips, one-way links, and who must hear that it is
//! suspected.

use super::{Swim, SwimEffect};
use crate::timers::{Key, Purpose};
use crate::{Liveness, Member, codec};
use base::{NodeId, Time};
use foca::{Header, Message};
use rand::RngExt;
use std::time::Duration;

/// foca's probe under way.
#[derive(Debug)]
pub(super) struct CurrentProbe {
    target: Member,
    number: u8,
    began: Time,
    /// The peer's own answer came.
    direct: bool,
    /// A helper's word came.
    detour: bool,
}

impl Swim {
    pub(super) fn note_pinged(&mut self, header: &Header<Member>, out: &mut Vec<SwimEffect>) {
        let Message::Ping(number) = header.message else {
            return;
        };
        self.conclude_probe(out);
        self.pace.pinged(number, header.dst.node, self.now);
        self.probe = Some(CurrentProbe {
            target: header.dst.clone(),
            number,
            began: self.now,
            direct: false,
            detour: false,
        });
    }

    /// While helpers are asked the peer gets a second ping: one lost datagram is not yet news.
    pub(super) fn ask_again(&mut self, out: &mut Vec<SwimEffect>) {
        let waiting = self.probe.as_ref().filter(|probe| !probe.direct);
        let Some((target, number)) = waiting.map(|probe| (probe.target.clone(), probe.number))
        else {
            return;
        };
        self.pace.pinged(number, target.node, self.now);
        self.write(&target, Message::Ping(number), &[], out);
    }

    /// The last probe is over: did the peer answer only through others?
    fn conclude_probe(&mut self, out: &mut Vec<SwimEffect>) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        if probe.direct || !probe.detour {
            return;
        }
        let node = probe.target.node;
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        if peer.detoured(probe.began) {
            let link = peer.link;
            out.push(SwimEffect::Link { node, link });
        }
    }

    pub(super) fn note_received(&mut self, header: &Header<Member>, out: &mut Vec<SwimEffect>) {
        let node = header.src.node;
        let now = self.now;
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        if peer.member != header.src || !peer.liveness.is_active() {
            return;
        }
        peer.heard = Some(now);
        let unaware =
            peer.liveness == Liveness::Suspect && header.src_incarnation <= peer.incarnation;
        let replied = match &header.message {
            Message::Ack(number) => self.note_ack(node, *number, out),
            Message::ForwardedAck { origin, .. } => {
                let probe = self.probe.as_mut();
                if let Some(probe) = probe.filter(|probe| probe.target.node == origin.node) {
                    probe.detour = true;
                }
                true
            }
            Message::IndirectAck { .. } | Message::Feed => true,
            Message::Ping(_)
            | Message::PingReq { .. }
            | Message::IndirectPing { .. }
            | Message::Announce
            | Message::Gossip
            | Message::Broadcast
            | Message::TurnUndead => false,
        };
        if replied {
            self.note_reply(node, out);
        }
        if unaware {
            self.tell_if_due(node, out);
        }
    }

    /// `false` for an answer to nothing that we asked.
    fn note_ack(&mut self, node: NodeId, number: u8, out: &mut Vec<SwimEffect>) -> bool {
        let Some(trip) = self.pace.answered(number, node, self.now) else {
            return false;
        };
        if let Some(probe) = self.probe.as_mut()
            && probe.target.node == node
            && probe.number == number
        {
            probe.direct = true;
        }
        if let Some(peer) = self.peers.get_mut(node) {
            peer.round_trip = Some(trip);
            if peer.link_works() {
                let link = peer.link;
                out.push(SwimEffect::Link { node, link });
            }
        }
        true
    }

    fn note_reply(&mut self, node: NodeId, out: &mut Vec<SwimEffect>) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.answered = Some(self.now);
        }
        self.fruitless_lives = 0;
        self.health.answered();
        if self.health.doubt().is_some() {
            self.reconsider(out);
        }
    }

    /// How often a suspect is told before its time is up.
    pub(super) fn confirmations(&self) -> u32 {
        let rounds =
            self.settings.suspect_for.as_micros() / self.settings.confirm_every.as_micros();
        u32::try_from(rounds).unwrap_or(u32::MAX)
    }

    pub(super) fn confirm_soon(&mut self, node: NodeId, left: u32, out: &mut Vec<SwimEffect>) {
        self.arm(Duration::ZERO, Purpose::Confirm { node, left }, out);
    }

    /// Tells a suspect that it is one, and asks helpers to reach it.
    pub(super) fn confirm(&mut self, node: NodeId, left: u32, out: &mut Vec<SwimEffect>) {
        let Some((member, suspicion)) = self.suspicion(node) else {
            return;
        };
        self.tell(node, out);
        self.ping_number = self.ping_number.wrapping_add(1);
        for helper in self.pick_helpers(node) {
            let message = Message::PingReq {
                target: member.clone(),
                probe_number: self.ping_number,
            };
            self.write(&helper, message, std::slice::from_ref(&suspicion), out);
        }
        if left > 1 {
            let every = self.pace.stretched(self.settings.confirm_every);
            let left = left - 1;
            self.arm(every, Purpose::Confirm { node, left }, out);
        }
    }

    fn tell_if_due(&mut self, node: NodeId, out: &mut Vec<SwimEffect>) {
        let every = self.settings.confirm_every;
        let told = self.peers.get(node).and_then(|peer| peer.told);
        if told.is_none_or(|at| self.now.since(at) >= every) {
            self.tell(node, out);
        }
    }

    /// A ping that carries the suspicion: its answer carries the refutation.
    pub(super) fn tell(&mut self, node: NodeId, out: &mut Vec<SwimEffect>) {
        let Some((member, suspicion)) = self.suspicion(node) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(node) {
            peer.told = Some(self.now);
        }
        self.counts.told += 1;
        self.ping(&member, std::slice::from_ref(&suspicion), out);
    }

    fn suspicion(&self, node: NodeId) -> Option<(Member, foca::Member<Member>)> {
        let peer = self.peers.get(node)?;
        let member = peer.member.clone();
        (peer.liveness == Liveness::Suspect).then(|| {
            let state = foca::State::Suspect;
            let suspicion = foca::Member::new(member.clone(), peer.incarnation, state);
            (member, suspicion)
        })
    }

    /// A ping of ours, beside foca's probes.
    pub(super) fn ping(
        &mut self,
        to: &Member,
        updates: &[foca::Member<Member>],
        out: &mut Vec<SwimEffect>,
    ) {
        self.ping_number = self.ping_number.wrapping_add(1);
        self.pace.pinged(self.ping_number, to.node, self.now);
        self.write(to, Message::Ping(self.ping_number), updates, out);
    }

    fn write(
        &mut self,
        to: &Member,
        message: Message<Member>,
        updates: &[foca::Member<Member>],
        out: &mut Vec<SwimEffect>,
    ) {
        let header = Header {
            src: self.me().clone(),
            src_incarnation: self.sink.incarnation,
            dst: to.clone(),
            message,
        };
        if let Some(bytes) = codec::craft(&header, updates) {
            self.send(to, bytes, out);
        }
    }

    fn pick_helpers(&mut self, besides: NodeId) -> Vec<Member> {
        let mut helpers: Vec<Member> = self
            .peers
            .table
            .values()
            .filter(|peer| peer.liveness == Liveness::Alive && peer.member.node != besides)
            .map(|peer| peer.member.clone())
            .collect();
        let wanted = usize::from(self.settings.helpers).min(helpers.len());
        let mut picked = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            picked.push(helpers.swap_remove(self.rng.random_range(0..helpers.len())));
        }
        picked
    }

    /// After a pause the probe under way means nothing: without its middle it is void for foca,
    /// which
    /// then blames nobody. The next one waits until the datagrams that came meanwhile were read.
    pub(super) fn restart_probing(&mut self, out: &mut Vec<SwimEffect>) {
        self.timers.cancel(Key::Indirect);
        self.probe = None;
        if let Some(purpose) = self.timers.take(Key::Probe) {
            self.arm(self.settings.probe_every, purpose, out);
        }
    }
}
