//! One node's blobs on its disk. A file in place bears the hash of its bytes as its name; what is
//! not whole yet lies under another name, and comes in place by a rename after it was hashed and
//! synced. Every call may block: nobody makes one on a thread of the runtime.

use super::{BlobDisk, BlobError};
use base::ContentHash;
use raft::DiskError;
use std::sync::Arc;

/// A handle; clones are the same shelf.
#[derive(Clone)]
pub(crate) struct Shelf {
    disk: Arc<dyn BlobDisk>,
    /// Bytes that stay free.
    reserve: u64,
}

/// What a file of the shelf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelved {
    Whole(ContentHash),
    /// The beginning of a blob, from a fetch that has not ended.
    Part(ContentHash),
    /// Put aside: its bytes are not those of its name.
    Bad(ContentHash),
    /// What a client began to hand in.
    Put(u64),
}

/// A blob that is being written. Its bytes are hashed as they come.
pub(crate) struct Intake {
    shelf: Shelf,
    file: Shelved,
    hasher: blake3::Hasher,
    len: u64,
    /// Some of its bytes were there before.
    resumed: bool,
}

impl Shelf {
    pub(crate) fn new(disk: Arc<dyn BlobDisk>, reserve: u64) -> Shelf {
        Shelf { disk, reserve }
    }

    /// Its bytes, if the blob is in place.
    pub(crate) fn size(&self, hash: ContentHash) -> Result<Option<u64>, BlobError> {
        self.size_of(Shelved::Whole(hash))
    }

    /// How much of it an unfinished fetch has brought.
    pub(crate) fn part_size(&self, hash: ContentHash) -> Result<Option<u64>, BlobError> {
        self.size_of(Shelved::Part(hash))
    }

    /// As many bytes as there are from `offset` on, at most `max`, as they stand there: whoever
    /// gets them all checks them.
    pub(crate) fn read(
        &self,
        hash: ContentHash,
        offset: u64,
        max: usize,
    ) -> Result<Vec<u8>, BlobError> {
        Ok(self.disk.read(&Shelved::Whole(hash).name(), offset, max)?)
    }

    /// Throws away what clients had begun to hand in when the last process ended.
    pub(crate) fn forget_puts(&self) {
        for file in self.list().unwrap_or_default() {
            if matches!(file, Shelved::Put(_))
                && let Err(error) = self.remove(file)
            {
                tracing::warn!(%error, "a piece of a blob stays for a while");
            }
        }
    }

    /// Everything here that is ours, in order.
    pub(crate) fn list(&self) -> Result<Vec<Shelved>, BlobError> {
        let names = self.disk.list()?;
        let mut ours: Vec<Shelved> = names
            .iter()
            .filter_map(|name| Shelved::of_name(name))
            .collect();
        ours.sort();
        Ok(ours)
    }

    /// For bytes whose hash is not known yet. `number` tells it from others under way.
    pub(crate) fn begin(&self, number: u64) -> Result<Intake, BlobError> {
        let intake = self.empty(Shelved::Put(number));
        intake.clear()?;
        Ok(intake)
    }

    /// Goes on where an earlier fetch of this blob ended. What it brought is hashed again.
    pub(crate) fn resume(&self, hash: ContentHash) -> Result<Intake, BlobError> {
        let mut intake = self.empty(Shelved::Part(hash));
        let Some(size) = self.part_size(hash)? else {
            intake.clear()?;
            return Ok(intake);
        };
        let file = intake.file;
        self.each(file, size, |bytes| {
            intake.hasher.update(bytes);
        })?;
        intake.len = size;
        intake.resumed = size > 0;
        Ok(intake)
    }

    /// Reads a blob through. One that rotted is put aside, so that it is not served any more.
    pub(crate) fn check(&self, hash: ContentHash) -> Result<u64, BlobError> {
        let file = Shelved::Whole(hash);
        let size = self.size(hash)?.ok_or(BlobError::Nowhere {
            hash,
            tried: Vec::new(),
        })?;
        let mut hasher = blake3::Hasher::new();
        self.each(file, size, |bytes| {
            hasher.update(bytes);
        })?;
        if *hasher.finalize().as_bytes() == hash.0 {
            return Ok(size);
        }
        self.disk.rename(&file.name(), &Shelved::Bad(hash).name())?;
        self.disk.sync_dir()?;
        Err(BlobError::Damaged { hash })
    }

    pub(crate) fn remove(&self, file: Shelved) -> Result<(), BlobError> {
        match self.disk.remove(&file.name()) {
            Ok(()) => Ok(self.disk.sync_dir()?),
            Err(DiskError::Missing { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn size_of(&self, file: Shelved) -> Result<Option<u64>, BlobError> {
        match self.disk.size(&file.name()) {
            Ok(size) => Ok(Some(size)),
            Err(DiskError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn each(&self, file: Shelved, size: u64, mut see: impl FnMut(&[u8])) -> Result<(), BlobError> {
        let mut at = 0;
        while at < size {
            let bytes = self.disk.read(&file.name(), at, READ_BYTES)?;
            if bytes.is_empty() {
                // It was cut meanwhile; its hash will tell.
                return Ok(());
            }
            at += bytes.len() as u64;
            see(&bytes);
        }
        Ok(())
    }

    fn empty(&self, file: Shelved) -> Intake {
        Intake {
            shelf: self.clone(),
            file,
            hasher: blake3::Hasher::new(),
            len: 0,
            resumed: false,
        }
    }

    /// Whether that many more bytes leave the reserve untouched.
    fn room_for(&self, bytes: u64) -> Result<(), BlobError> {
        let Some(free) = self.disk.free() else {
            return Ok(());
        };
        if free < bytes.saturating_add(self.reserve) {
            let reserve = self.reserve;
            return Err(BlobError::NoRoom { free, reserve });
        }
        Ok(())
    }
}

impl Intake {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// That a blob of `size` bytes may come in here, before any of it does.
    pub(crate) fn expect(&self, size: u64, max: u64) -> Result<(), BlobError> {
        if size > max {
            return Err(BlobError::TooLarge { max });
        }
        self.shelf.room_for(size.saturating_sub(self.len))
    }

    /// The next bytes. After an error what was written is worth nothing more than a beginning.
    pub(crate) fn add(&mut self, bytes: &[u8], max: u64) -> Result<(), BlobError> {
        let len = self.len + bytes.len() as u64;
        if len > max {
            return Err(BlobError::TooLarge { max });
        }
        self.shelf.room_for(bytes.len() as u64)?;
        self.shelf.disk.append(&self.file.name(), bytes)?;
        self.hasher.update(bytes);
        self.len = len;
        Ok(())
    }

    /// Makes the bytes durable and puts them in place; with `expected`, only if they are those.
    pub(crate) fn finish(self, expected: Option<ContentHash>) -> Result<ContentHash, BlobError> {
        let hash = ContentHash(*self.hasher.finalize().as_bytes());
        if let Some(expected) = expected
            && expected != hash
        {
            self.discard()?;
            return Err(BlobError::WrongBytes { hash: expected });
        }
        let disk = &self.shelf.disk;
        let name = self.file.name();
        // Bytes whose sync failed are nobody's: what is durable of them is not known.
        if let Err(error) = disk.sync(&name) {
            self.discard()?;
            return Err(error.into());
        }
        disk.rename(&name, &Shelved::Whole(hash).name())?;
        disk.sync_dir()?;
        Ok(hash)
    }

    pub(crate) fn discard(self) -> Result<(), BlobError> {
        self.shelf.remove(self.file)
    }

    fn clear(&self) -> Result<(), BlobError> {
        self.shelf.remove(self.file)?;
        Ok(self.shelf.disk.append(&self.file.name(), &[])?)
    }
}

impl Drop for Intake {
    /// A client that goes away in the middle leaves nothing. What is in place has another name by
    /// now, and the beginning of a fetch is kept.
    fn drop(&mut self) {
        if matches!(self.file, Shelved::Put(_)) {
            self.shelf.disk.remove(&self.file.name()).ok();
        }
    }
}

impl Shelved {
    pub(crate) fn name(self) -> String {
        match self {
            Shelved::Whole(hash) => hash.to_string(),
            Shelved::Part(hash) => format!("{hash}{PART}"),
            Shelved::Bad(hash) => format!("{hash}{BAD}"),
            Shelved::Put(number) => format!("{PUT}{number:016x}"),
        }
    }

    /// Other names are not ours to touch.
    pub(crate) fn of_name(name: &str) -> Option<Shelved> {
        if let Some(number) = name.strip_prefix(PUT) {
            return u64::from_str_radix(number, 16).ok().map(Shelved::Put);
        }
        if let Some(hash) = name.strip_suffix(PART) {
            return hash.parse().ok().map(Shelved::Part);
        }
        if let Some(hash) = name.strip_suffix(BAD) {
            return hash.parse().ok().map(Shelved::Bad);
        }
        name.parse().ok().map(Shelved::Whole)
    }

    /// None of what has no hash yet.
    pub(crate) fn hash(self) -> Option<ContentHash> {
        match self {
            Shelved::Whole(hash) | Shelved::Part(hash) | Shelved::Bad(hash) => Some(hash),
            Shelved::Put(_) => None,
        }
    }
}

const PART: &str = ".part";
const BAD: &str = ".damaged";
const PUT: &str = "put-";
/// Read at a time when a whole blob is hashed.
const READ_BYTES: usize = 1 << 20;
