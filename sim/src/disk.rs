//! A simulated disk that keeps what a real one keeps: after a power cut only what was synced is
//! there (file data by `sync`, names by `sync_dir`), and the last write may be torn anywhere.
//!
//! Faults are drawn from the disk's own stream and counted: errors of reads and writes, a full
//! disk, bit flips in data at rest, slow syncs. It belongs to the world, not to the host, so that
//! it outlives a crash; an old image of it can be kept and put back.

mod file;

use file::File;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rates of one disk. Probabilities are per operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskRates {
    /// A write or sync fails with EIO.
    pub write_error: f64,
    pub read_error: f64,
    /// A sync takes this long.
    pub sync_time: Duration,
    /// Bytes that fit, all files together.
    pub capacity: Option<u64>,
}

/// What happened to a disk; a world asserts that its faults happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    pub syncs: u64,
    pub errors: u64,
    pub full: u64,
    pub torn: u64,
    pub lost_bytes: u64,
    pub flips: u64,
}

#[derive(Clone, Debug, Default)]
struct Image {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    /// Names as of the last sync of their folder.
    synced_names: BTreeMap<String, u64>,
    next: u64,
}

struct Inner {
    image: Image,
    rng: ChaCha8Rng,
    rates: DiskRates,
    counters: DiskCounters,
}

/// One host's disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

/// A whole disk as it was at some time.
#[derive(Clone)]
pub struct DiskImage(Image);

impl SimDisk {
    pub fn new(seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(Inner {
            image: Image::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            rates: DiskRates::default(),
            counters: DiskCounters::default(),
        })))
    }

    // A mutex, since the world and the host of one thread share the disk.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_rates(&self, rates: DiskRates) {
        self.lock().rates = rates;
    }

    pub fn counters(&self) -> DiskCounters {
        self.lock().counters
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.lock().used() as u64
    }

    /// Bytes that still fit; none on a disk without a bound.
    pub fn free(&self) -> Option<u64> {
        let inner = self.lock();
        let capacity = inner.rates.capacity?;
        Some(capacity.saturating_sub(inner.used() as u64))
    }

    /// How long the disk takes for a sync.
    pub fn sync_time(&self) -> Duration {
        self.lock().rates.sync_time
    }

    pub fn image(&self) -> DiskImage {
        DiskImage(self.lock().image.clone())
    }

    /// Puts an old image back, as an administrator who restores a backup does.
    pub fn restore(&self, image: &DiskImage) {
        self.lock().image = image.0.clone();
    }

    pub fn wipe(&self) {
        self.lock().image = Image::default();
    }

    /// The machine loses power: unsynced names and data go, the last unsynced bytes are torn.
    pub fn power_cut(&self) {
        self.lock().power_cut();
    }

    /// Flips one random bit of data at rest in a file whose name contains `part`; false when there
    /// is none.
    pub fn flip_bit(&self, part: &str) -> bool {
        self.lock().flip_bit(part)
    }

    pub fn names(&self) -> Vec<String> {
        self.lock().image.names.keys().cloned().collect()
    }

    /// # Errors
    /// No such file, or a drawn EIO.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut inner = self.lock();
        inner.read_fault()?;
        inner.file(name).map(|file| file.bytes().to_vec())
    }

    /// # Errors
    /// No such file, a range beyond its end, or a drawn EIO.
    pub fn read_at(&self, name: &str, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inner = self.lock();
        inner.read_fault()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = inner.file(name)?.bytes().get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// # Errors
    /// A drawn EIO, or a full disk.
    pub fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_at(name, offset, bytes)
    }

    /// # Errors
    /// A drawn EIO, or a full disk; part of the bytes may then be written.
    pub fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        let end = inner.file(name).map_or(0, |file| file.bytes().len() as u64);
        inner.write_at(name, end, bytes)
    }

    /// # Errors
    /// No such file, or a drawn EIO.
    pub fn set_len(&self, name: &str, len: u64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        inner.file_mut(name).resize(len);
        Ok(())
    }

    /// # Errors
    /// No such file.
    pub fn len(&self, name: &str) -> io::Result<u64> {
        self.lock().file(name).map(|file| file.bytes().len() as u64)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().image.names.is_empty()
    }

    /// # Errors
    /// No such file, or a drawn EIO (the data may then be durable or not).
    pub fn sync(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        inner.file(name)?;
        inner.counters.syncs += 1;
        inner.file_mut(name).sync();
        Ok(())
    }

    /// Makes names durable: files that were made, renamed or removed.
    ///
    /// # Errors
    /// A drawn EIO.
    pub fn sync_dir(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        inner.counters.syncs += 1;
        inner.image.synced_names = inner.image.names.clone();
        inner.collect();
        Ok(())
    }

    /// # Errors
    /// No such file, or a drawn EIO.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        let id = inner.image.names.remove(from).ok_or_else(missing)?;
        inner.image.names.insert(to.to_owned(), id);
        Ok(())
    }

    /// # Errors
    /// No such file, or a drawn EIO.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        inner.image.names.remove(name).ok_or_else(missing)?;
        Ok(())
    }
}

impl Inner {
    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability.min(1.0))
    }

    fn read_fault(&mut self) -> io::Result<()> {
        if self.chance(self.rates.read_error) {
            self.counters.errors += 1;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    fn write_fault(&mut self) -> io::Result<()> {
        if self.chance(self.rates.write_error) {
            self.counters.errors += 1;
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        Ok(())
    }

    fn file(&self, name: &str) -> io::Result<&File> {
        let id = self.image.names.get(name).ok_or_else(missing)?;
        self.image.files.get(id).ok_or_else(missing)
    }

    fn file_mut(&mut self, name: &str) -> &mut File {
        let image = &mut self.image;
        let id = *image.names.entry(name.to_owned()).or_insert_with(|| {
            image.next += 1;
            image.next
        });
        image.files.entry(id).or_default()
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
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

    fn used(&self) -> usize {
        let files = self.image.files.values();
        files.map(|file| file.bytes().len()).sum()
    }

    fn power_cut(&mut self) {
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

    fn flip_bit(&mut self, part: &str) -> bool {
        let image = &self.image;
        let candidates: Vec<u64> = image
            .names
            .iter()
            .filter(|(name, _)| name.contains(part))
            .map(|(_, id)| *id)
            .filter(|id| {
                image
                    .files
                    .get(id)
                    .is_some_and(|file| !file.bytes().is_empty())
            })
            .collect();
        if candidates.is_empty() {
            return false;
        }
        let id = candidates[self.rng.random_range(0..candidates.len())];
        let Some(file) = self.image.files.get_mut(&id) else {
            return false;
        };
        let bit = self.rng.random_range(0..file.bytes().len() * 8);
        file.flip(bit);
        self.counters.flips += 1;
        true
    }

    /// Drops files that no name, synced or not, leads to.
    fn collect(&mut self) {
        let image = &mut self.image;
        let (names, synced) = (&image.names, &image.synced_names);
        image
            .files
            .retain(|id, _| names.values().chain(synced.values()).any(|used| used == id));
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
