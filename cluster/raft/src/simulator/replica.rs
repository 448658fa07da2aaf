//! One replica: its part of the log, the state that it made of it, and the images that it starts
//! from after a crash. Entries are applied by the code that applies them in a node.

use super::committed::{Committed, ONE_IMAGE, READABLE, image, is_checkpoint};
use super::dice::Dice;
use super::report::{Breach, LedgerCounts, hold};
use crate::ledger::{Command, State};
use crate::machine;
use crate::snapshot::Image;
use base::ContentHash;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Replica {
    /// `None` while it is down.
    pub(super) state: Option<Arc<State>>,
    /// The process that runs here; what is meant for an earlier one is never seen by a later.
    pub(super) life: u64,
    /// Entries below this one lie in its log.
    have: u64,
    /// Entries below this one are safe there, as the leader knows.
    pub(super) acked: u64,
    /// The entry that the leader sends next.
    pub(super) sent: u64,
    /// The newest two, the older first.
    images: Vec<Saved>,
    /// The entry and hash of an image that came from another, until the cluster's is known.
    foreign: Option<(u64, ContentHash)>,
    pub(super) pace: Duration,
    /// It is about to apply what it has.
    pub(super) busy: bool,
}

/// An image on a replica's disk.
pub(super) struct Saved {
    /// The first entry that is not in it.
    pub(super) next: u64,
    pub(super) bytes: Bytes,
}

impl Replica {
    pub(super) fn new(dice: &mut Dice) -> Replica {
        let slow = dice.chance(SLOW);
        Replica {
            state: Some(Arc::default()),
            life: 1,
            have: 0,
            acked: 0,
            sent: 0,
            images: Vec::new(),
            foreign: None,
            pace: if slow { SLOW_PACE } else { PACE },
            busy: false,
        }
    }

    /// Whether it runs and has applied all entries below this one.
    pub(super) fn is_at(&self, entries: u64) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| next(state) == entries)
    }

    /// Whether there is anything to apply.
    pub(super) fn lags(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| next(state) < self.have)
    }

    pub(super) fn newest_image(&self) -> Option<&Saved> {
        self.images.last()
    }

    /// All that it has is durable, and the leader hears so.
    pub(super) fn acknowledge(&mut self) {
        self.acked = self.acked.max(self.have);
        self.sent = self.sent.max(self.acked);
    }

    /// Entries arrived. What does not join what is there is thrown away: it will come again.
    pub(super) fn receive(&mut self, entries: Range<u64>, counts: &mut LedgerCounts) {
        if entries.start > self.have {
            counts.gaps += 1;
            return;
        }
        counts.entries_again += self.have.min(entries.end) - entries.start;
        self.have = self.have.max(entries.end);
    }

    /// Applies a batch, and says what is to be told the cluster when that made an image.
    pub(super) fn apply(
        &mut self,
        log: &Committed,
        dice: &mut Dice,
        counts: &mut LedgerCounts,
    ) -> Result<Option<Command>, Breach> {
        let Some(state) = self.state.as_mut() else {
            return Ok(None);
        };
        let first = next(state);
        let end = self.have.min(first + 1 + dice.below(BATCH) as u64);
        let mut taken = None;
        for index in first..end {
            let Some((entry, expected)) = log.entry(index) else {
                return Err((READABLE, format!("entry {index} was never committed")));
            };
            let applied = machine::apply(Arc::make_mut(state), entry)
                .map_err(|fault| (READABLE, fault.to_string()))?;
            counts.applied += 1;
            hold("one log gives one outcome", applied == *expected, || {
                format!(
                    "{:?}, elsewhere {:?}: {entry:?}",
                    applied.result, expected.result
                )
            })?;
            if is_checkpoint(index) {
                let made = image(state)?;
                log.compare(&made)?;
                counts.images_compared += 1;
                taken = Some(machine::taken(&made));
                if dice.chance(KEEPS) {
                    keep(&mut self.images, index + 1, log.shared(&made));
                }
            }
        }
        if let Some((index, hash)) = self.foreign
            && let Some(known) = state.snapshots.get(&index)
        {
            hold(ONE_IMAGE, *known == hash, || {
                format!("{hash} was installed at entry {index}")
            })?;
            self.foreign = None;
        }
        Ok(taken)
    }

    /// The power goes; of its log only what it acknowledged is surely there.
    pub(super) fn crash(&mut self, dice: &mut Dice, counts: &mut LedgerCounts) {
        let open_end = usize::try_from(self.have - self.acked).unwrap_or(usize::MAX - 1);
        let lost = dice.below(open_end + 1) as u64;
        self.have -= lost;
        self.state = None;
        self.foreign = None;
        self.life += 1;
        self.busy = false;
        counts.crashes += 1;
        counts.tails_lost += u64::from(lost > 0);
    }

    /// From the newest image that is sound, or, where it has none, from the log's beginning.
    pub(super) fn restart(
        &mut self,
        dice: &mut Dice,
        counts: &mut LedgerCounts,
    ) -> Result<(), Breach> {
        if dice.chance(ALL_GONE) {
            self.images.clear();
        }
        if dice.chance(DAMAGED)
            && let Some(newest) = self.images.pop()
        {
            refuse_damage(&newest.bytes, dice)?;
            counts.images_damaged += 1;
        }
        let state = match self.images.last() {
            Some(newest) => {
                counts.from_image += 1;
                read(&newest.bytes)?.state
            }
            None => {
                counts.from_nothing += 1;
                Arc::default()
            }
        };
        self.have = self.have.max(next(&state));
        counts.replayed += self.have - next(&state);
        self.state = Some(state);
        Ok(())
    }

    /// Another's image arrived. One that is behind what is here replaces nothing.
    pub(super) fn install(
        &mut self,
        bytes: Bytes,
        counts: &mut LedgerCounts,
    ) -> Result<(), Breach> {
        let image = read(&bytes)?;
        let (there, here) = (
            next(&image.state),
            self.state.as_ref().map(|state| next(state)),
        );
        if here.is_none_or(|here| there <= here) {
            counts.images_stale += 1;
            return Ok(());
        }
        counts.images_installed += 1;
        self.foreign = Some((image.index(), image.hash));
        self.have = self.have.max(there);
        keep(&mut self.images, there, bytes);
        self.state = Some(image.state);
        Ok(())
    }
}

/// The entry that is applied next.
fn next(state: &State) -> u64 {
    state.applied.map_or(0, |applied| applied.index + 1)
}

fn keep(images: &mut Vec<Saved>, next: u64, bytes: Bytes) {
    images.push(Saved { next, bytes });
    if images.len() > KEPT {
        images.remove(0);
    }
}

fn read(bytes: &Bytes) -> Result<Image, Breach> {
    Image::read(bytes.clone()).map_err(|error| ("a sound image can be read", error.to_string()))
}

/// A bit of it flips, and nobody takes it for an image any more.
pub(super) fn refuse_damage(bytes: &Bytes, dice: &mut Dice) -> Result<(), Breach> {
    let mut damaged = bytes.to_vec();
    let at = dice.below(damaged.len());
    damaged[at] ^= 1 << dice.below(8);
    let found = Image::read(Bytes::from(damaged)).is_err();
    hold("a damaged image is found", found, || {
        format!("byte {at} of {}", bytes.len())
    })
}

/// Replicas in a thousand that are slow.
const SLOW: u32 = 125;
const SLOW_PACE: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(20);
/// Most entries in one batch.
const BATCH: usize = 256;
/// Images in a thousand that a replica keeps of those that it made, so that it starts from older
/// ones, too.
const KEEPS: u32 = 600;
/// Images that a replica keeps.
const KEPT: usize = 2;
/// Starts in a thousand that find no image at all.
const ALL_GONE: u32 = 50;
/// Starts in a thousand that find the newest image damaged.
const DAMAGED: u32 = 250;
