//! The log that agreement gave, the state after it, and the image that every replica must come to
//! at each checkpoint.

use super::oracle::Oracle;
use super::report::{Breach, LedgerCounts, hold};
use crate::ledger::{LogPoint, Rejection, Stamped, State};
use crate::machine;
use crate::snapshot::Image;
use crate::types::{Applied, Entry, Payload, Record};
use base::ContentHash;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Committed {
    /// Each entry, and what it gave where it was committed.
    entries: Vec<(Entry, Applied)>,
    pub(super) term: u64,
    pub(super) state: Arc<State>,
    oracle: Oracle,
    /// The image's hash at each checkpoint.
    hashes: BTreeMap<u64, ContentHash>,
    /// The newest images, so that replicas which made the same share the bytes.
    newest: VecDeque<(u64, Bytes)>,
}

impl Committed {
    /// Entries of the log.
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn entry(&self, index: u64) -> Option<&(Entry, Applied)> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    pub(super) fn revived(&self) -> u64 {
        self.oracle.revived()
    }

    pub(super) fn append(
        &mut self,
        payload: Payload,
        stamped: Option<&Stamped>,
        counts: &mut LedgerCounts,
    ) -> Result<(), Breach> {
        let point = LogPoint {
            term: self.term,
            index: self.len(),
        };
        let entry = Record { point, payload }.entry();
        let entry = entry.ok_or_else(|| ("voters are nodes", point.to_string()))?;
        // Not each time: the parts that change are copied for it.
        let look = point.index.is_multiple_of(LOOK_EVERY);
        let before = look.then(|| State::clone(&self.state));
        let applied = machine::apply(Arc::make_mut(&mut self.state), &entry)
            .map_err(|fault| (READABLE, fault.to_string()))?;
        if let (Some(before), Err(why)) = (before, &applied.result) {
            nothing_changed(before, &self.state, why)?;
        }
        if let Some(stamped) = stamped {
            self.oracle.follow(stamped, &applied, &self.state)?;
        }
        counts.entries += 1;
        counts.note(&applied.result);
        self.entries.push((entry, applied));
        if is_checkpoint(point.index) {
            self.check()?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Breach> {
        self.oracle.check(&self.state)?;
        let image = image(&self.state)?;
        self.hashes.insert(image.index(), image.hash);
        self.newest.push_back((image.index(), image.bytes));
        if self.newest.len() > SHARED {
            self.newest.pop_front();
        }
        Ok(())
    }

    /// A replica came to this image.
    pub(super) fn compare(&self, image: &Image) -> Result<(), Breach> {
        let known = self.hashes.get(&image.index());
        let kept = self.kept(image.index());
        let same = known == Some(&image.hash) && kept.is_none_or(|kept| *kept == image.bytes);
        hold(ONE_IMAGE, same, || {
            let (index, hash) = (image.index(), image.hash);
            format!("at entry {index}: {hash}, elsewhere {known:?}")
        })
    }

    /// An image's bytes, in memory once for all who made it.
    pub(super) fn shared(&self, image: &Image) -> Bytes {
        self.kept(image.index()).unwrap_or(&image.bytes).clone()
    }

    fn kept(&self, index: u64) -> Option<&Bytes> {
        let mut newest = self.newest.iter();
        newest.find(|(at, _)| *at == index).map(|(_, bytes)| bytes)
    }
}

pub(super) fn image(state: &Arc<State>) -> Result<Image, Breach> {
    Image::of(Arc::clone(state)).map_err(|error| ("a state can be written", error.to_string()))
}

/// Where all replicas make an image and compare it.
pub(super) fn is_checkpoint(index: u64) -> bool {
    (index + 1).is_multiple_of(CHECK_EVERY)
}

fn nothing_changed(before: State, after: &State, why: &Rejection) -> Result<(), Breach> {
    let only_moved = State {
        applied: after.applied,
        now: after.now,
        ..before
    };
    hold(
        "a refused command changes nothing",
        only_moved == *after,
        || format!("at {:?}: {why:?}", after.applied),
    )
}

pub(super) const ONE_IMAGE: &str = "one log gives one image";
pub(super) const READABLE: &str = "a committed entry can be read";
/// Entries from one checkpoint to the next.
const CHECK_EVERY: u64 = 256;
/// Entries from one look at what a refusal changed to the next.
const LOOK_EVERY: u64 = 16;
/// Images whose bytes are kept for sharing.
const SHARED: usize = 8;
