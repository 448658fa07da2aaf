//! What a simulated disk holds and does: its files and names, the faults that are drawn, the syncs
//! that have not ended, and what a power cut leaves.

use super::file::File;
use super::{DiskCounters, DiskRates};
use crate::time::WorldTime;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) files: BTreeMap<u64, File>,
    pub(super) names: BTreeMap<String, u64>,
    /// Names as of the last sync of their folder.
    pub(super) synced_names: BTreeMap<String, u64>,
    pub(super) next: u64,
}

pub(super) struct Inner {
    pub(super) image: Image,
    pub(super) time: WorldTime,
    /// Syncs of files that have not ended, one after the other.
    pub(super) under_way: Vec<(Duration, u64)>,
    /// When the last thing that was begun ends.
    pub(super) busy_until: Duration,
    pub(super) rng: ChaCha8Rng,
    pub(super) rates: DiskRates,
    pub(super) counters: DiskCounters,
}

impl Inner {
    pub(super) fn replace(&mut self, image: Image) {
        self.image = image;
        self.under_way.clear();
    }

    /// Takes the time of one sync, and says when it ends; zero where syncs take none.
    pub(super) fn work(&mut self) -> Duration {
        let took = self.rates.sync_time;
        if took.is_zero() {
            return Duration::ZERO;
        }
        self.counters.slow += 1;
        self.busy_until = self.busy_until.max(self.time.now()) + took;
        self.busy_until
    }

    /// Makes durable what was to be by now.
    pub(super) fn end_syncs(&mut self) {
        let now = self.time.now();
        let ended = self.under_way.iter().take_while(|(end, _)| *end <= now);
        let ended = ended.count();
        self.end_first(ended);
    }

    pub(super) fn end_all_syncs(&mut self) {
        self.end_first(self.under_way.len());
    }

    fn end_first(&mut self, count: usize) {
        for (_, id) in self.under_way.drain(..count) {
            if let Some(file) = self.image.files.get_mut(&id) {
                file.sync();
            }
        }
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability.min(1.0))
    }

    pub(super) fn read_fault(&mut self) -> io::Result<()> {
        if self.chance(self.rates.read_error) {
            self.counters.errors += 1;
            self.counters.read_errors += 1;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    pub(super) fn write_fault(&mut self) -> io::Result<()> {
        if self.chance(self.rates.write_error) {
            self.counters.errors += 1;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    pub(super) fn file(&self, name: &str) -> io::Result<&File> {
        let id = self.image.names.get(name).ok_or_else(missing)?;
        self.image.files.get(id).ok_or_else(missing)
    }

    pub(super) fn file_mut(&mut self, name: &str) -> &mut File {
        let image = &mut self.image;
        let id = *image.names.entry(name.to_owned()).or_insert_with(|| {
            image.next += 1;
            image.next
        });
        image.files.entry(id).or_default()
    }

    pub(super) fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.end_syncs();
        self.write_fault()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        let used = self.used();
        let held = self.file(name).map_or(0, |file| file.bytes().len());
        let grown = (used - held + held.max(end)) as u64;
        if self.rates.capacity.is_some_and(|capacity| grown > capacity) {
            self.counters.full += 1;
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        self.file_mut(name).write(start, bytes);
        Ok(())
    }

    /// A file that was removed gives its room back at once, whatever a power cut may bring back.
    pub(super) fn used(&self) -> usize {
        let ids = self.image.names.values();
        let files = ids.filter_map(|id| self.image.files.get(id));
        files.map(|file| file.bytes().len()).sum()
    }

    pub(super) fn power_cut(&mut self) {
        self.end_syncs();
        self.counters.cut_short += self.under_way.len() as u64;
        self.under_way.clear();
        self.busy_until = Duration::ZERO;
        self.image.names = self.image.synced_names.clone();
        let Inner {
            image,
            rng,
            counters,
            ..
        } = self;
        for file in image.files.values_mut() {
            let cut = file.power_cut(rng);
            counters.torn += u64::from(cut.torn);
            counters.lost_bytes += cut.lost;
        }
        self.collect();
    }

    pub(super) fn flip_bit(&mut self, part: &str, spare: usize) -> bool {
        let image = &self.image;
        let size = |id: &u64| image.files.get(id).map_or(0, |file| file.bytes().len());
        let mut candidates: Vec<(u64, usize)> = image
            .names
            .iter()
            .filter(|(name, _)| name.contains(part))
            .map(|(_, id)| (*id, size(id)))
            .collect();
        if let Some((_, bytes)) = candidates.last_mut() {
            *bytes = bytes.saturating_sub(spare);
        }
        candidates.retain(|(_, bytes)| *bytes > 0);
        if candidates.is_empty() {
            return false;
        }
        let (id, bytes) = candidates[self.rng.random_range(0..candidates.len())];
        let bit = self.rng.random_range(0..bytes * 8);
        let Some(file) = self.image.files.get_mut(&id) else {
            return false;
        };
        file.flip(bit);
        self.counters.flips += 1;
        true
    }

    /// Drops files that no name, synced or not, leads to.
    pub(super) fn collect(&mut self) {
        let image = &mut self.image;
        let (names, synced) = (&image.names, &image.synced_names);
        image
            .files
            .retain(|id, _| names.values().chain(synced.values()).any(|used| used == id));
    }
}

pub(super) fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}
