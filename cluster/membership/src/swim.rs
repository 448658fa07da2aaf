//! The machine: inputs go to foca, what foca says becomes effects, and our rules stand between.

mod dial;
mod probe;
mod verdict;

use crate::codec::{self, Peeked, SwimCodec};
use crate::health::{Census, Health};
use crate::pace::Pace;
use crate::peer::{Change, Peers};
use crate::sink::{Fact, Sink};
use crate::timers::{Key, Purpose, Timers};
use crate::{
    Link, Liveness, Member, PeerView, Standing, SwimCounts, SwimSettings, SwimSettingsError,
    SwimView, act_at_once,
};
use base::{NodeId, Time};
use bytes::Bytes;
use foca::{Foca, NoCustomBroadcast, Timer};
use probe::CurrentProbe;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// What happens to a node.
#[derive(Clone, Debug)]
pub enum SwimInput {
    /// Bytes of ours, and who sent them as the connection's certificate says.
    Datagram { from: NodeId, bytes: Bytes },
    /// A timer that an effect asked for.
    Timer(u64),
    /// Peers to dial now, and for ever while they are not members: seeds, or a roster on disk.
    Announce(Vec<(NodeId, SocketAddr)>),
    /// The cluster removed this node: it is never taken in again.
    Refuse(NodeId),
    /// Say goodbye.
    Leave,
}

/// What the shell must do, or tell the rest of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwimEffect {
    Send {
        to: NodeId,
        addr: SocketAddr,
        bytes: Bytes,
    },
    /// Give `Timer(timer)` back after this time.
    Schedule {
        after: Duration,
        timer: u64,
    },
    /// The peer lives: new, back from the dead, or with another address or life than before.
    Up(Member),
    /// The peer's process was started again: what was promised to the one before is void.
    Restarted(Member),
    Suspect(NodeId),
    /// The suspicion was refuted.
    Trusted(NodeId),
    Dead(Member),
    /// The peer said goodbye.
    Left(NodeId),
    /// The peer lives, and comes and goes too often to be used.
    Restless(NodeId),
    Link {
        node: NodeId,
        link: Link,
    },
    /// This node's own standing changed.
    Standing(Standing),
    /// The cluster took this process for dead; this is its next life.
    Renewed(Member),
}

/// One node's view of the membership. See the crate's documentation.
pub struct Swim {
    settings: SwimSettings,
    foca: Foca<Member, SwimCodec, Xoshiro256PlusPlus, NoCustomBroadcast>,
    rng: Xoshiro256PlusPlus,
    sink: Sink,
    timers: Timers,
    peers: Peers,
    health: Health,
    pace: Pace,
    probe: Option<CurrentProbe>,
    /// Of the pings that are ours and not foca's.
    ping_number: u8,
    /// foca's table as it was read last, place by place.
    last_seen: Vec<foca::Member<Member>>,
    seeds: BTreeMap<NodeId, SocketAddr>,
    refused: BTreeSet<NodeId>,
    refused_order: VecDeque<NodeId>,
    /// Lives since anybody answered us.
    fruitless_lives: u32,
    ended: Option<Standing>,
    reported: Standing,
    counts: SwimCounts,
    now: Time,
}

impl Swim {
    pub fn new(me: Member, settings: SwimSettings, seed: u64) -> Result<Swim, SwimSettingsError> {
        settings.check()?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let theirs = Xoshiro256PlusPlus::from_rng(&mut rng);
        Ok(Swim {
            foca: Foca::new(me, settings.foca(), theirs, SwimCodec),
            pace: Pace::new(settings.answer_within),
            settings,
            rng,
            sink: Sink::default(),
            timers: Timers::default(),
            peers: Peers::default(),
            health: Health::default(),
            probe: None,
            ping_number: 0,
            last_seen: Vec::new(),
            seeds: BTreeMap::new(),
            refused: BTreeSet::new(),
            refused_order: VecDeque::new(),
            fruitless_lives: 0,
            ended: None,
            reported: Standing::Alone,
            counts: SwimCounts::default(),
            now: Time::ZERO,
        })
    }

    pub fn me(&self) -> &Member {
        self.foca.identity()
    }

    /// Peers that live and may be given work.
    pub fn usable(&self) -> impl Iterator<Item = &Member> {
        let peers = self.peers.table.values();
        peers
            .filter(|peer| peer.is_usable())
            .map(|peer| &peer.member)
    }

    /// How many peers may be acted on (drained, replaced, declared lost) now.
    pub fn may_act_on(&self) -> usize {
        if self.ended.is_some() || self.health.doubt().is_some() {
            return 0;
        }
        let census = self.census();
        act_at_once(census.active + census.recently_dead).saturating_sub(census.gone())
    }

    pub fn standing(&self) -> Standing {
        if let Some(ended) = self.ended {
            return ended;
        }
        match self.health.doubt() {
            Some((why, since)) => Standing::SelfSuspect { why, since },
            None if self.foca.num_members() == 0 => Standing::Alone,
            None => Standing::Sound,
        }
    }

    pub fn view(&self) -> SwimView {
        let view = |peer: &crate::peer::Peer| PeerView {
            member: peer.member.clone(),
            liveness: peer.liveness,
            since: peer.since,
            link: peer.link,
            damped: peer.damped,
            round_trip: peer.round_trip,
        };
        SwimView {
            me: self.me().clone(),
            standing: self.standing(),
            peers: self.peers.table.values().map(view).collect(),
            stretch: self.pace.stretch(),
            may_act_on: self.may_act_on(),
            counts: self.counts,
        }
    }

    /// `None` for a stranger.
    pub fn liveness(&self, node: NodeId) -> Option<Liveness> {
        self.peers.get(node).map(|peer| peer.liveness)
    }

    pub fn counts(&self) -> SwimCounts {
        self.counts
    }

    /// Entries held, of every kind that inputs can add to.
    pub fn held(&self) -> usize {
        self.peers.table.len()
            + self.foca.iter_membership_state().len()
            + self.foca.updates_backlog()
            + self.timers.len()
            + self.seeds.len()
            + self.refused.len()
    }

    /// Takes one input at one time. Time that runs backwards stands still.
    pub fn step(&mut self, now: Time, input: SwimInput, out: &mut Vec<SwimEffect>) {
        self.now = self.now.max(now);
        if self.ended.is_some() {
            return self.after_the_end(input, out);
        }
        self.notice_pause(out);
        match input {
            SwimInput::Datagram { from, bytes } => self.datagram(from, &bytes, out),
            SwimInput::Timer(id) => {
                if let Some(purpose) = self.timers.fire(id) {
                    self.timer(purpose, out);
                }
            }
            SwimInput::Announce(peers) => self.announce(peers, out),
            SwimInput::Refuse(node) => self.refuse(node, out),
            SwimInput::Leave => self.leave(out),
        }
        if self.ended.is_none() && !self.timers.waits(Key::Dial) {
            self.arm(self.settings.dial_every, Purpose::Dial, out);
        }
        self.report_standing(out);
    }

    fn after_the_end(&mut self, input: SwimInput, out: &mut Vec<SwimEffect>) {
        if let SwimInput::Timer(id) = input
            && let Some(Purpose::Farewell { left }) = self.timers.fire(id)
        {
            self.farewell(left, out);
        }
    }

    /// A probe's end that is overdue by much means that this process stood still: what looks like
    /// everybody's silence is its own.
    fn notice_pause(&mut self, out: &mut Vec<SwimEffect>) {
        let Some(due) = self.timers.due(Key::Probe) else {
            return;
        };
        let late = self.now.since(due);
        if late <= self.settings.pause {
            return;
        }
        self.counts.pauses += 1;
        let fresh_doubt = self.health.doubt().is_none();
        self.health.paused(late, self.now);
        if fresh_doubt {
            self.counts.doubts += 1;
        }
        self.restart_probing(out);
        self.roll_call(0, out);
    }

    fn timer(&mut self, purpose: Purpose, out: &mut Vec<SwimEffect>) {
        match purpose {
            Purpose::Foca(timer @ Timer::ChangeSuspectToDown { .. }) => self.verdict(timer, out),
            Purpose::Foca(timer @ Timer::ProbeRandomMember(_)) => {
                self.health.probe_over();
                self.foca_timer(timer, out);
                self.reconsider(out);
            }
            Purpose::Foca(Timer::RemoveDown(member)) => {
                self.foca_timer(Timer::RemoveDown(member.clone()), out);
                self.forget(member.node);
            }
            Purpose::Foca(timer @ Timer::SendIndirectProbe { .. }) => {
                self.ask_again(out);
                self.foca_timer(timer, out);
            }
            Purpose::Foca(timer) => self.foca_timer(timer, out),
            Purpose::Confirm { node, left } => self.confirm(node, left, out),
            Purpose::Dial => self.dial(out),
            Purpose::Greet { known, idle } => self.greet(known, idle, out),
            Purpose::RollCall { calls } => self.roll_call(calls, out),
            Purpose::Calm { node } => self.calm(node, out),
            Purpose::Farewell { .. } => {}
        }
    }

    fn foca_timer(&mut self, timer: Timer<Member>, out: &mut Vec<SwimEffect>) {
        let done = self.foca.handle_timer(timer, &mut self.sink);
        self.tolerate(done);
        self.drain(out);
    }

    /// The only errors are a probe that a pause cut short, and codec errors, which the caps on
    /// identities exclude. foca goes on after both.
    fn tolerate(&mut self, done: Result<(), foca::Error>) {
        self.counts.stumbles += u64::from(done.is_err());
    }

    fn datagram(&mut self, from: NodeId, bytes: &[u8], out: &mut Vec<SwimEffect>) {
        self.counts.received += 1;
        if self.refused.contains(&from) {
            self.counts.refused += 1;
            return;
        }
        let Ok(peeked) = codec::peek(bytes) else {
            self.counts.garbled += 1;
            return;
        };
        let source = &peeked.header.src;
        if source.node != from || source.node == self.me().node {
            self.counts.forged += 1;
            return;
        }
        if !self.has_room_for(&peeked) {
            self.counts.crowded += 1;
            return;
        }
        let newer = |peer: &crate::peer::Peer| {
            peer.member != *source || peeked.header.src_incarnation > peer.incarnation
        };
        let news = peeked.updates > 0 || self.peers.get(from).is_none_or(newer);
        if self.foca.handle_data(bytes, &mut self.sink).is_err() {
            self.counts.garbled += 1;
        }
        if news {
            self.sink.facts.push(Fact::Changed);
        }
        self.drain(out);
    }

    /// Whether everybody that a datagram names fits into the table. Counted in full only when the
    /// table is nearly full.
    fn has_room_for(&self, peeked: &Peeked<'_>) -> bool {
        let known = self.foca.iter_membership_state().len();
        let claimed = usize::from(peeked.updates) + 1;
        if known + claimed <= self.settings.max_members {
            return true;
        }
        let strange = |member: &Member| !self.peers.table.contains_key(&member.node);
        let strangers = peeked.members().filter(strange).count();
        let new = strangers + usize::from(strange(&peeked.header.src));
        new == 0 || known + new <= self.settings.max_members
    }

    /// Turns what foca left in the sink into effects.
    fn drain(&mut self, out: &mut Vec<SwimEffect>) {
        let mut changed = false;
        for fact in std::mem::take(&mut self.sink.facts) {
            match fact {
                Fact::Pinged(header) => self.note_pinged(&header, out),
                Fact::Received(header) => self.note_received(&header, out),
                Fact::ProbeFailed(member) => {
                    changed = true;
                    self.counts.probes_failed += 1;
                    let left = self.confirmations();
                    self.confirm_soon(member.node, left, out);
                }
                Fact::Changed => changed = true,
                Fact::Renewed(me) => self.note_renewed(me, out),
            }
        }
        for (to, bytes) in std::mem::take(&mut self.sink.sends) {
            self.send(&to, bytes, out);
        }
        for (timer, after) in std::mem::take(&mut self.sink.timers) {
            self.arm_foca(timer, after, out);
        }
        if changed {
            self.read_table(out);
        }
    }

    fn send(&mut self, to: &Member, bytes: Bytes, out: &mut Vec<SwimEffect>) {
        if self.refused.contains(&to.node) || to.node == self.me().node {
            return;
        }
        self.counts.sent += 1;
        out.push(SwimEffect::Send {
            to: to.node,
            addr: to.addr,
            bytes,
        });
    }

    fn arm(&mut self, after: Duration, purpose: Purpose, out: &mut Vec<SwimEffect>) {
        let timer = self.timers.arm(self.now + after, purpose);
        out.push(SwimEffect::Schedule { after, timer });
    }

    fn arm_foca(&mut self, timer: Timer<Member>, after: Duration, out: &mut Vec<SwimEffect>) {
        let purpose = Purpose::Foca(timer.clone());
        if matches!(timer, Timer::ChangeSuspectToDown { .. }) && self.timers.holds(&timer) {
            // Every failed probe of a suspect asks for a verdict; the first one stands.
            return;
        }
        let after = match timer {
            Timer::ProbeRandomMember(_)
            | Timer::SendIndirectProbe { .. }
            | Timer::ChangeSuspectToDown { .. } => self.pace.stretched(after),
            Timer::PeriodicAnnounce(_)
            | Timer::PeriodicAnnounceDown(_)
            | Timer::PeriodicGossip(_)
            | Timer::RemoveDown(_) => after,
        };
        self.arm(after, purpose, out);
    }

    /// Looks for what changed in foca's table, which does not say.
    fn read_table(&mut self, out: &mut Vec<SwimEffect>) {
        let mut turned = Vec::new();
        for (place, update) in self.foca.iter_membership_state().enumerate() {
            // The table is shuffled now and then only, so most places hold what they held.
            match self.last_seen.get_mut(place) {
                Some(last) if last == update => continue,
                Some(last) => *last = update.clone(),
                None => self.last_seen.push(update.clone()),
            }
            turned.push(update.clone());
        }
        self.last_seen
            .truncate(self.foca.iter_membership_state().len());
        if turned.is_empty() {
            return;
        }
        let mut zombies = Vec::new();
        for update in turned {
            let node = update.id().node;
            if node == self.me().node {
                continue;
            }
            if !self.refused.contains(&node) {
                self.observe(&update, out);
            } else if update.state() != foca::State::Down {
                zombies.push(foca::Member::down(update.id().clone()));
            }
        }
        if !zombies.is_empty() {
            self.declare(zombies, out);
        }
        self.reconsider(out);
    }

    fn observe(&mut self, update: &foca::Member<Member>, out: &mut Vec<SwimEffect>) {
        let node = update.id().node;
        for change in self.peers.observe(update, self.now) {
            let member = update.id().clone();
            match change {
                Change::Up { restarted: true } => out.push(SwimEffect::Restarted(member)),
                Change::Up { restarted: false } => out.push(SwimEffect::Up(member)),
                Change::Suspect => out.push(SwimEffect::Suspect(node)),
                Change::Trusted => out.push(SwimEffect::Trusted(node)),
                Change::Dead { was_usable: true } => out.push(SwimEffect::Dead(member)),
                Change::Dead { was_usable: false } => {}
                Change::Left => out.push(SwimEffect::Left(node)),
                Change::Restless => {
                    out.push(SwimEffect::Restless(node));
                    self.arm(CALM_CHECK, Purpose::Calm { node }, out);
                }
            }
        }
    }

    /// Tells foca, and through it the cluster, what we know from elsewhere.
    fn declare(&mut self, updates: Vec<foca::Member<Member>>, out: &mut Vec<SwimEffect>) {
        let updates = updates.into_iter();
        let done = self.foca.apply_many(updates, true, &mut self.sink);
        self.tolerate(done);
        self.drain(out);
    }

    fn ago(&self, span: Duration) -> Time {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Time(self.now.0.saturating_sub(micros))
    }

    fn census(&self) -> Census {
        let mut census = Census::default();
        let since = self.health.roll_since();
        for peer in self.peers.table.values() {
            if peer.liveness.is_active() {
                census.active += 1;
                census.suspect += usize::from(peer.liveness == Liveness::Suspect);
                let roll = since.max(Some(self.ago(ROLL_WINDOW)));
                census.present += usize::from(peer.answered.is_some() && peer.answered >= roll);
            } else if peer.liveness == Liveness::Dead && self.now.since(peer.since) < RECENTLY {
                census.recently_dead += 1;
            }
        }
        census
    }

    fn reconsider(&mut self, out: &mut Vec<SwimEffect>) {
        let sound_for = self.pace.stretched(SOUND_FOR);
        if !self.health.reconsider(self.census(), self.now, sound_for) {
            return;
        }
        if self.health.doubt().is_some() {
            self.fall_into_doubt(out);
        } else {
            self.timers.cancel(Key::RollCall);
        }
    }

    fn report_standing(&mut self, out: &mut Vec<SwimEffect>) {
        let standing = self.standing();
        if standing != self.reported {
            self.reported = standing;
            if standing == Standing::Sound {
                self.greet(0, 0, out);
            }
            out.push(SwimEffect::Standing(standing));
        }
    }

    fn calm(&mut self, node: NodeId, out: &mut Vec<SwimEffect>) {
        let Some(peer) = self.peers.get_mut(node) else {
            return;
        };
        if peer.calmed(self.now) {
            if peer.liveness.is_active() {
                let member = peer.member.clone();
                out.push(SwimEffect::Up(member));
            }
        } else if peer.damped {
            self.arm(CALM_CHECK, Purpose::Calm { node }, out);
        }
    }

    fn forget(&mut self, node: NodeId) {
        let known = |update: &foca::Member<Member>| update.id().node == node;
        if !self.foca.iter_membership_state().any(known) {
            self.peers.table.remove(&node);
        }
    }
}

/// Deaths that still count when a node asks itself whether a majority is left.
const RECENTLY: Duration = Duration::from_secs(60);
/// Answers to a roll call count this long.
const ROLL_WINDOW: Duration = Duration::from_secs(2);
/// After a roll call that a majority answered, many gone peers are believed to be gone.
const SOUND_FOR: Duration = Duration::from_secs(3);
/// Restless peers are looked at this often.
const CALM_CHECK: Duration = Duration::from_secs(5);
/// Removed nodes remembered; their certificates run out long before that many more were removed.
const MAX_REFUSED: usize = 16_384;
/// Seeds remembered.
const MAX_SEEDS: usize = 1024;
