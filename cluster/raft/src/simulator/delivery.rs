//! The log on its way to the replicas, and what befalls them.

use super::replica::refuse_damage;
use super::report::Breach;
use super::{Event, LedgerWorld};
use bytes::Bytes;
use std::ops::Range;
use std::time::Duration;

/// What the leader sends to the process that runs at a replica.
pub(super) struct Parcel {
    to: usize,
    life: u64,
    content: Content,
}

enum Content {
    Entries(Range<u64>),
    Image(Bytes),
}

impl LedgerWorld {
    /// The leader sends a replica what it has not sent yet, and at times what nobody acknowledged.
    pub(super) fn push(&mut self, to: usize) {
        let pause = self.dice.span(PUSH_LEAST, PUSH_MOST);
        self.after(pause, Event::Push { to });
        let len = self.committed.len();
        let heartbeat = self.dice.chance(HEARTBEAT);
        let replica = &mut self.replicas[to];
        if heartbeat {
            replica.sent = replica.acked;
        }
        let (life, acked) = (replica.life, replica.acked);
        let far = len - acked > FAR;
        if (far || self.dice.chance(UNASKED)) && self.send_image(to, acked, far) {
            return;
        }
        let first = self.replicas[to].sent;
        let entries = first..len.min(first + PARCEL);
        if entries.is_empty() {
            return;
        }
        self.replicas[to].sent = entries.end;
        if self.dice.chance(self.spec.loss) {
            self.counts.entries_lost += 1;
            return;
        }
        let copies = if self.dice.chance(TWICE) { 2 } else { 1 };
        for _ in 0..copies {
            let late = self.dice.span(LEAST_DELAY, MOST_DELAY);
            let content = Content::Entries(entries.clone());
            self.after(late, Event::Arrives(Parcel { to, life, content }));
        }
    }

    /// Sends another's newest image; where it is `needed`, only one that is ahead of what was
    /// acknowledged. Whether it did.
    fn send_image(&mut self, to: usize, acked: u64, needed: bool) -> bool {
        let donor = self.dice.below(self.replicas.len());
        let Some(saved) = self.replicas[donor].newest_image() else {
            return false;
        };
        if donor == to || (needed && saved.next <= acked) {
            return false;
        }
        let content = Content::Image(saved.bytes.clone());
        let life = self.replicas[to].life;
        let late = self.dice.span(IMAGE_LEAST, IMAGE_MOST);
        self.after(late, Event::Arrives(Parcel { to, life, content }));
        true
    }

    pub(super) fn arrives(&mut self, parcel: Parcel) -> Result<(), Breach> {
        let replica = &mut self.replicas[parcel.to];
        if replica.life != parcel.life || replica.state.is_none() {
            self.counts.to_the_dead += 1;
            return Ok(());
        }
        match parcel.content {
            Content::Entries(entries) => replica.receive(entries, &mut self.counts),
            Content::Image(bytes) if self.dice.chance(GARBLED) => {
                refuse_damage(&bytes, &mut self.dice)?;
                self.counts.images_garbled += 1;
            }
            Content::Image(bytes) => replica.install(bytes, &mut self.counts)?,
        }
        if !self.replicas[parcel.to].lags() {
            self.answer(parcel.to);
        }
        self.wake(parcel.to);
        Ok(())
    }

    /// What a replica has is durable, and it says so, which may get lost.
    fn answer(&mut self, from: usize) {
        if !self.dice.chance(self.spec.loss) {
            self.replicas[from].acknowledge();
        }
    }

    /// Lets a replica apply what it has, in its own time.
    fn wake(&mut self, at: usize) {
        let replica = &mut self.replicas[at];
        if replica.busy || !replica.lags() {
            return;
        }
        replica.busy = true;
        let (life, pace) = (replica.life, replica.pace);
        let pause = self.dice.span(pace / 2, pace * 3 / 2);
        self.after(pause, Event::Apply { at, life });
    }

    pub(super) fn apply(&mut self, at: usize, life: u64) -> Result<(), Breach> {
        let replica = &mut self.replicas[at];
        if replica.life != life {
            return Ok(());
        }
        replica.busy = false;
        let taken = replica.apply(&self.committed, &mut self.dice, &mut self.counts)?;
        self.answer(at);
        self.wake(at);
        // In a cluster the leader tells it; that others say the same changes nothing.
        let tells = self.dice.below(self.replicas.len()) < TELLERS;
        if let Some(command) = taken.filter(|_| tells && !self.quiet) {
            self.propose(command);
        }
        Ok(())
    }

    /// Some replica loses power, and comes back later.
    pub(super) fn trouble(&mut self) {
        if self.quiet {
            return;
        }
        let count = u32::try_from(self.replicas.len()).unwrap_or(u32::MAX);
        self.after(LIFE / count, Event::Trouble);
        let at = self.dice.below(self.replicas.len());
        let replica = &mut self.replicas[at];
        if replica.state.is_some() {
            replica.crash(&mut self.dice, &mut self.counts);
            let dark = self.dice.span(DARK_LEAST, DARK_MOST);
            self.after(dark, Event::Restart { at });
        }
    }

    pub(super) fn restart(&mut self, at: usize) -> Result<(), Breach> {
        self.replicas[at].restart(&mut self.dice, &mut self.counts)?;
        self.wake(at);
        Ok(())
    }
}

/// From one message of the leader to a replica to the next.
const PUSH_LEAST: Duration = Duration::from_millis(50);
const PUSH_MOST: Duration = Duration::from_millis(250);
const LEAST_DELAY: Duration = Duration::from_millis(1);
const MOST_DELAY: Duration = Duration::from_millis(200);
const IMAGE_LEAST: Duration = Duration::from_millis(50);
const IMAGE_MOST: Duration = Duration::from_millis(1500);
/// Messages in a thousand before which the leader learns what a replica really has.
const HEARTBEAT: u32 = 200;
/// Entries that a replica may be behind and still gets entries, not an image.
const FAR: u64 = 500;
/// Most entries in one message.
const PARCEL: u64 = 128;
/// Messages in a thousand that are images which nobody needs.
const UNASKED: u32 = 2;
/// Messages in a thousand that arrive twice.
const TWICE: u32 = 20;
/// Images in a thousand that are damaged on their way.
const GARBLED: u32 = 200;
/// Replicas that tell the cluster the hash of an image, about.
const TELLERS: usize = 3;
/// How long a replica runs, on average.
const LIFE: Duration = Duration::from_secs(60);
/// How long one is down.
const DARK_LEAST: Duration = Duration::from_millis(100);
const DARK_MOST: Duration = Duration::from_secs(15);
