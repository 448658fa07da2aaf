//! A simulated disk that keeps what a real one keeps: after a power cut only what was synced is
//! there (file data by `sync`, names by `sync_dir`), and the last write may be torn anywhere.
//!
//! Faults are drawn from the disk's own stream and counted: errors of reads and writes, a full
//! disk, bit flips in data at rest, slow syncs. It belongs to the world, not to the host, so that
//! it outlives a crash; an old image of it can be kept and put back.
//!
//! A slow sync is begun ([`SimDisk::begin_sync`]) and takes its time; a power cut in that time may
//! tear what it was to make durable. Only who waits for [`SimDisk::lag`] may use it; a plain
//! [`SimDisk::sync`] takes no time.

mod file;
mod inner;

use crate::time::WorldTime;
use inner::{Image, Inner, missing};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Rates of one disk. Probabilities are per operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskRates {
    /// A write or sync fails with EIO.
    pub write_error: f64,
    pub read_error: f64,
    /// A sync that was begun takes this long.
    pub sync_time: Duration,
    /// Bytes that fit, all files together. A file that grew by its length alone is not refused:
    /// the replicated store takes its room so, and the log meets the end of the disk.
    pub capacity: Option<u64>,
}

/// What happened to a disk; a world asserts that its faults happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    pub syncs: u64,
    /// Of them, those that took time.
    pub slow: u64,
    /// Of them, those that a power cut came before the end of.
    pub cut_short: u64,
    pub errors: u64,
    /// Of them, those of reads.
    pub read_errors: u64,
    pub full: u64,
    pub torn: u64,
    pub lost_bytes: u64,
    pub flips: u64,
}

impl DiskCounters {
    pub(crate) fn add(&mut self, more: DiskCounters) {
        self.syncs += more.syncs;
        self.slow += more.slow;
        self.cut_short += more.cut_short;
        self.errors += more.errors;
        self.read_errors += more.read_errors;
        self.full += more.full;
        self.torn += more.torn;
        self.lost_bytes += more.lost_bytes;
        self.flips += more.flips;
    }
}

/// One host's disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

/// A whole disk as it was at some time.
#[derive(Clone)]
pub struct DiskImage(Image);

impl SimDisk {
    pub fn new(seed: u64, time: WorldTime) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(Inner {
            image: Image::default(),
            time,
            under_way: Vec::new(),
            busy_until: Duration::ZERO,
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

    /// How long the disk still works at the syncs that were begun.
    pub fn lag(&self) -> Duration {
        let inner = self.lock();
        inner.busy_until.saturating_sub(inner.time.now())
    }

    /// Syncs that a power cut would come before the end of now.
    pub fn syncs_under_way(&self) -> usize {
        let inner = self.lock();
        let now = inner.time.now();
        let under_way = inner.under_way.iter();
        under_way.filter(|(end, _)| *end > now).count()
    }

    pub fn image(&self) -> DiskImage {
        DiskImage(self.lock().image.clone())
    }

    /// Puts an old image back, as an administrator who restores a backup does.
    pub fn restore(&self, image: &DiskImage) {
        self.lock().replace(image.0.clone());
    }

    pub fn wipe(&self) {
        self.lock().replace(Image::default());
    }

    /// The machine loses power: unsynced names and data go, the last unsynced bytes are torn.
    pub fn power_cut(&self) {
        self.lock().power_cut();
    }

    /// Flips one random bit of data at rest in a file whose name contains `part`; false when there
    /// is none.
    pub fn flip_bit(&self, part: &str) -> bool {
        self.flip_bit_before(part, 0)
    }

    /// As [`SimDisk::flip_bit`], but not among the last `spare` bytes of the last such file.
    pub fn flip_bit_before(&self, part: &str, spare: usize) -> bool {
        self.lock().flip_bit(part, spare)
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
        inner.end_syncs();
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

    /// As [`SimDisk::sync`], done once [`SimDisk::lag`] is over.
    ///
    /// # Errors
    /// No such file, or a drawn EIO (the data may then be durable or not).
    pub fn begin_sync(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.write_fault()?;
        let id = *inner.image.names.get(name).ok_or_else(missing)?;
        inner.counters.syncs += 1;
        let until = inner.work();
        // What makes a new file whole ends at once, and with it what was begun before: nothing may
        // be durable that names what is not.
        if until.is_zero() || !inner.file(name)?.was_synced() {
            inner.end_all_syncs();
            inner.file_mut(name).sync();
        } else {
            inner.under_way.push((until, id));
        }
        Ok(())
    }

    /// As [`SimDisk::sync_dir`]: durable at once, and the disk is busy with it.
    ///
    /// # Errors
    /// A drawn EIO.
    pub fn begin_sync_dir(&self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.work();
        inner.end_all_syncs();
        drop(inner);
        self.sync_dir()
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

#[cfg(test)]
mod tests;
