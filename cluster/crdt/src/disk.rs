//! A store on disk, in redb: what was saved is there after a restart, and damage is found.
//!
//! Damage is never mended here: the caller gets a typed error, puts the file aside, begins a new
//! life with an empty store, and the peers tell it the rest. Works over any
//! [`redb::StorageBackend`], so that a simulation hands in a disk of its own.

use crate::store::Meta;
use crate::{Change, Dot, Replica, Saved, Spans, StoreBatch};
use base::NodeId;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition,
};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The file of one node's store, open.
#[derive(Debug)]
pub struct StoreFile {
    database: Database,
}

/// The store could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not what was written. Put the file aside and begin with an empty store: the
    /// peers have what this node had told them.
    #[error("the file of the replicated store is damaged: {0}")]
    Damaged(String),
    /// Another process has it open. Nothing is wrong with the file.
    #[error("the file of the replicated store is in use by another process")]
    InUse,
    /// Written by a build that this one cannot read. Nothing is wrong with the file.
    #[error("the file of the replicated store has format {found}, this build reads {FORMAT}")]
    Format { found: u64 },
    /// No space, or over quota: a file that was not closed in order is mended first. Nothing is
    /// wrong with it. Open it again once there is room.
    #[error("no space left while the replicated store was opened")]
    Full,
    /// The disk failed. The file may be sound.
    #[error("the disk under the replicated store failed: {0}")]
    Disk(String),
}

/// Why a batch was not saved. It may be on disk all the same.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// No space, or over quota. Give the batch back by [`crate::Store::batch_refused`], close the
    /// file, and open it again once there is room: what is in memory may go on meanwhile.
    #[error("no space left for the replicated store")]
    Full,
    /// Close the file, load it, and go on from there.
    #[error("saving the replicated store failed: {0}")]
    Failed(String),
}

impl StoreFile {
    /// Opens a store, or makes an empty one where the backend has no bytes. `None` is a store that
    /// was never saved: begin with [`crate::Store::new_saved`].
    pub fn open(backend: impl StorageBackend) -> Result<(StoreFile, Option<Saved>), LoadError> {
        // redb reports damage as errors, save that its debug builds, and perhaps a bug, panic on
        // it. Nothing of what is caught here is used again.
        catch_unwind(AssertUnwindSafe(|| open_and_read(backend)))
            .unwrap_or_else(|_| Err(LoadError::Damaged("reading it failed".into())))
    }

    /// Writes a batch; when this returns it survives a power cut.
    pub fn save(&self, batch: &StoreBatch) -> Result<(), SaveError> {
        self.write(batch).map_err(|error| {
            if let redb::Error::Io(error) = &error
                && is_full(error)
            {
                return SaveError::Full;
            }
            SaveError::Failed(error.to_string())
        })
    }

    fn write(&self, batch: &StoreBatch) -> Result<(), redb::Error> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        {
            let mut live = write.open_table(LIVE)?;
            for (dot, change) in &batch.puts {
                live.insert(dot_key(dot).as_slice(), encode(change)?.as_slice())?;
            }
            for dot in &batch.dead {
                live.remove(dot_key(dot).as_slice())?;
            }
            let mut seen = write.open_table(SEEN)?;
            for (replica, spans) in &batch.seen {
                seen.insert(replica_key(replica).as_slice(), encode(spans)?.as_slice())?;
            }
            for replica in &batch.forgotten {
                seen.remove(replica_key(replica).as_slice())?;
            }
            let mut meta = write.open_table(META)?;
            meta.insert(FORMAT_ROW, FORMAT.to_le_bytes().as_slice())?;
            meta.insert(META_ROW, encode(&batch.meta)?.as_slice())?;
        }
        write.commit()?;
        Ok(())
    }
}

fn open_and_read(backend: impl StorageBackend) -> Result<(StoreFile, Option<Saved>), LoadError> {
    // Without this redb believes what it reads, and checks no page's checksum.
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
        .map_err(open_error)?;
    let saved = read(&database)?;
    Ok((StoreFile { database }, saved))
}

fn read(database: &Database) -> Result<Option<Saved>, LoadError> {
    let read = database.begin_read().map_err(redb::Error::from)?;
    let table = match read.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    let row = |name| -> Result<Vec<u8>, LoadError> {
        let row = table.get(name).map_err(redb::Error::from)?;
        let missing = || LoadError::Damaged(format!("it has no row `{name}`"));
        Ok(row.ok_or_else(missing)?.value().to_vec())
    };
    let found = u64::from_le_bytes(array(&row(FORMAT_ROW)?)?);
    if found != FORMAT {
        return Err(LoadError::Format { found });
    }
    let meta: Meta = decode(&row(META_ROW)?)?;
    let mut saved = Saved {
        live: Vec::new(),
        seen: Vec::new(),
        meta,
    };
    let rows = read.open_table(SEEN).map_err(redb::Error::from)?;
    for entry in rows.iter().map_err(redb::Error::from)? {
        let (key, value) = entry.map_err(redb::Error::from)?;
        let spans: Spans = decode(value.value())?;
        if !spans.is_sound() {
            return Err(LoadError::Damaged("a set of counts is out of order".into()));
        }
        saved
            .seen
            .push((replica_of(&array::<24>(key.value())?), spans));
    }
    let rows = read.open_table(LIVE).map_err(redb::Error::from)?;
    for entry in rows.iter().map_err(redb::Error::from)? {
        let (key, value) = entry.map_err(redb::Error::from)?;
        let change: Change = decode(value.value())?;
        saved
            .live
            .push((dot_of(&array::<32>(key.value())?), change));
    }
    Ok(Some(saved))
}

fn open_error(error: DatabaseError) -> LoadError {
    if let DatabaseError::UpgradeRequired(found) = error {
        let found = u64::from(found);
        return LoadError::Format { found };
    }
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        return LoadError::InUse;
    }
    LoadError::from(redb::Error::from(error))
}

impl From<redb::Error> for LoadError {
    /// Whatever redb finds that is not the disk's failure makes this no store of ours.
    fn from(error: redb::Error) -> LoadError {
        // A short or strange file shows as invalid data, or as an end that came too soon.
        let strange = [ErrorKind::InvalidData, ErrorKind::UnexpectedEof];
        if let redb::Error::Io(error) = &error {
            if is_full(error) {
                return LoadError::Full;
            }
            if !strange.contains(&error.kind()) {
                return LoadError::Disk(error.to_string());
            }
        }
        LoadError::Damaged(error.to_string())
    }
}

fn is_full(error: &std::io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn encode<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, redb::Error> {
    wire::to_bytes(value).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, LoadError> {
    wire::from_bytes(bytes, ROW_BYTES).map_err(|error| LoadError::Damaged(error.to_string()))
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], LoadError> {
    let wrong = |_| LoadError::Damaged(format!("a key of {} bytes", bytes.len()));
    bytes.try_into().map_err(wrong)
}

/// Big-endian, so that the order of the keys is the order of the dots.
fn replica_key(replica: &Replica) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&replica.node.0);
    key[16..].copy_from_slice(&replica.life.to_be_bytes());
    key
}

fn dot_key(dot: &Dot) -> [u8; 32] {
    let mut key = [0; 32];
    key[..24].copy_from_slice(&replica_key(&dot.replica));
    key[24..].copy_from_slice(&dot.count.to_be_bytes());
    key
}

fn replica_of(key: &[u8; 24]) -> Replica {
    let mut node = [0; 16];
    node.copy_from_slice(&key[..16]);
    let mut life = [0; 8];
    life.copy_from_slice(&key[16..]);
    Replica {
        node: NodeId(node),
        life: u64::from_be_bytes(life),
    }
}

fn dot_of(key: &[u8; 32]) -> Dot {
    let mut replica = [0; 24];
    replica.copy_from_slice(&key[..24]);
    let mut count = [0; 8];
    count.copy_from_slice(&key[24..]);
    Dot {
        replica: replica_of(&replica),
        count: u64::from_be_bytes(count),
    }
}

const LIVE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("live");
const SEEN: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("seen");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const FORMAT_ROW: &str = "format";
const META_ROW: &str = "meta";
/// Of the rows. A new layout is a new number and a reader of the old one.
const FORMAT: u64 = 1;
/// The store is in memory already: redb needs little.
const CACHE_BYTES: usize = 8 << 20;
/// The longest row is what was seen of a replica with as many gaps as crashes.
const ROW_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests;
