//! A session's state between two blocks: the pages of its memory that differ from the base image,
//! and where its clock stands. In memory it is kept up to date before each block, so that a block
//! can be undone; as bytes it restores the session in another process.
//!
//! Bytes: magic, version, base image hash, clock, memory size, count, then (index, page) by rising
//! index, then the BLAKE3 of all before. Equal states give equal bytes: pages like the base are
//! left out. It is trusted input (a job's own), but a damaged one is refused, never loaded in part.

use crate::memory::{BaseImage, Idle, Linear, PAGE};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) size: usize,
    pub(crate) clock: u64,
    pages: BTreeMap<u32, Box<[u8; PAGE]>>,
}

/// Why bytes are not a snapshot that this runtime can restore.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot is damaged or cut short; start the job again from its journal")]
    Damaged,
    #[error("the snapshot has format {found}, this program reads {VERSION}; replay the journal")]
    Version { found: u32 },
    #[error("the snapshot was made by another build of the REPL; replay the journal instead")]
    OtherBase,
}

impl Saved {
    /// Takes over what changed since the last time.
    pub(crate) fn update(
        &mut self,
        memory: &Linear,
        image: &BaseImage,
        idle: &Idle<'_>,
        clock: u64,
    ) {
        let bytes = memory.bytes(idle);
        self.size = bytes.len();
        self.clock = clock;
        for index in memory.touched_pages() {
            let Some(page) = page_at(bytes, index) else {
                continue;
            };
            let Ok(key) = u32::try_from(index) else {
                continue;
            };
            match self.pages.get_mut(&key) {
                Some(kept) if **kept == *page => {}
                Some(kept) => **kept = *page,
                None if image.page(index) == page => {}
                None => {
                    self.pages.insert(key, Box::new(*page));
                }
            }
        }
    }

    /// Writes the state into a fresh memory that shares the base image.
    pub(crate) fn restore(&self, memory: &Linear, idle: &mut Idle<'_>) {
        for (index, page) in &self.pages {
            memory.write_page(idle, *index as usize, page);
        }
    }

    pub(crate) fn encode(&self, image: &BaseImage) -> Vec<u8> {
        let pages: Vec<_> = self
            .pages
            .iter()
            .map(|(index, page)| (*index, page.as_ref()))
            .filter(|(index, page)| image.page(*index as usize) != *page)
            .collect();
        let mut bytes = Vec::with_capacity(HEADER + pages.len() * ENTRY + blake3::OUT_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(image.hash().as_bytes());
        bytes.extend_from_slice(&self.clock.to_le_bytes());
        bytes.extend_from_slice(&(self.size as u64).to_le_bytes());
        bytes.extend_from_slice(&(pages.len() as u64).to_le_bytes());
        for (index, page) in pages {
            bytes.extend_from_slice(&index.to_le_bytes());
            bytes.extend_from_slice(page.as_slice());
        }
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], image: &BaseImage) -> Result<Saved, SnapshotError> {
        let damaged = SnapshotError::Damaged;
        let body = bytes
            .len()
            .checked_sub(blake3::OUT_LEN)
            .ok_or(damaged.clone())?;
        let (body, hash) = bytes.split_at(body);
        let mut rest = body;
        if take::<4>(&mut rest)? != *MAGIC {
            return Err(damaged);
        }
        let version = u32::from_le_bytes(take(&mut rest)?);
        if version != VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        if blake3::hash(body).as_bytes() != hash {
            return Err(damaged);
        }
        if take::<32>(&mut rest)? != *image.hash().as_bytes() {
            return Err(SnapshotError::OtherBase);
        }
        let clock = u64::from_le_bytes(take(&mut rest)?);
        let size = usize::try_from(u64::from_le_bytes(take(&mut rest)?))
            .map_err(|_| SnapshotError::Damaged)?;
        let count = u64::from_le_bytes(take(&mut rest)?);
        let sound = size.is_multiple_of(PAGE)
            && (image.len()..=MEMORY_MAX).contains(&size)
            && rest.len() as u64 == count.saturating_mul(ENTRY as u64);
        if !sound {
            return Err(damaged);
        }
        let mut pages = BTreeMap::new();
        for entry in rest.chunks_exact(ENTRY) {
            let mut entry = entry;
            let index = u32::from_le_bytes(take(&mut entry)?);
            let page: [u8; PAGE] = take(&mut entry)?;
            if (index as usize) >= size / PAGE {
                return Err(damaged);
            }
            pages.insert(index, Box::new(page));
        }
        Ok(Saved { size, clock, pages })
    }
}

fn page_at(bytes: &[u8], index: usize) -> Option<&[u8; PAGE]> {
    bytes.get(index * PAGE..(index + 1) * PAGE)?.try_into().ok()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], SnapshotError> {
    let (head, tail) = rest
        .split_first_chunk::<N>()
        .ok_or(SnapshotError::Damaged)?;
    *rest = tail;
    Ok(*head)
}

const MAGIC: &[u8; 4] = b"RLMS";
const VERSION: u32 = 1;
/// Magic, version, hash, clock, size, count.
const HEADER: usize = 4 + 4 + 32 + 8 + 8 + 8;
/// Index and page.
const ENTRY: usize = 4 + PAGE;
/// What 32-bit wasm can address.
const MEMORY_MAX: usize = 4 << 30;
