//! A simulated machine's home: everything that a node keeps lies on its simulated disk, under the
//! same rules of syncing as on a real one.

use crate::disk::SimDisk;
use cluster::{BlobDisk, Home, HomeError, NodeRecord, PendingJoin};
use raft::{Disk, DiskError};
use redb::StorageBackend;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::time::Duration;
use transport::{Authority, CertificateDer, Identity, IssuerRecord, KeySeed};

/// One machine's disk as a node's home.
#[derive(Clone)]
pub struct SimHome {
    name: String,
    disk: SimDisk,
}

#[derive(Serialize, Deserialize)]
struct SavedIdentity {
    key: [u8; 32],
    chain: Vec<Vec<u8>>,
}

impl SimHome {
    pub fn new(name: &str, disk: SimDisk) -> SimHome {
        SimHome {
            name: name.to_owned(),
            disk,
        }
    }

    fn folder(&self) -> SimFolder {
        SimFolder {
            disk: self.disk.clone(),
            prefix: "node/",
            waited_for: false,
        }
    }

    fn load<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, HomeError> {
        let bytes = match self.folder().read(file) {
            Ok(bytes) => bytes,
            Err(DiskError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let value = wire::from_bytes(&bytes, FILE_BYTES);
        value.map(Some).map_err(|error| damaged(file, &error))
    }

    fn save<T: Serialize>(&self, file: &str, value: &T) -> Result<(), HomeError> {
        let bytes = wire::to_bytes(value).map_err(|error| damaged(file, &error))?;
        Ok(self.folder().write_new(file, &bytes)?)
    }
}

fn damaged(file: &str, why: &dyn fmt::Display) -> HomeError {
    HomeError::Damaged {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

impl Home for SimHome {
    type Disk = SimFolder;
    type Backend = SimBackend;
    type Blobs = SimBlobs;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn load_record(&self) -> Result<NodeRecord, HomeError> {
        let empty = HomeError::Empty { at: self.name() };
        self.load(RECORD)?.ok_or(empty)
    }

    fn save_record(&self, record: &NodeRecord) -> Result<(), HomeError> {
        self.save(RECORD, record)
    }

    fn load_pending(&self) -> Result<Option<PendingJoin>, HomeError> {
        self.load(PENDING)
    }

    fn save_pending(&self, pending: Option<&PendingJoin>) -> Result<(), HomeError> {
        match pending {
            Some(pending) => self.save(PENDING, pending),
            None => match self.folder().remove(PENDING) {
                Ok(()) | Err(DiskError::Missing { .. }) => Ok(self.folder().sync_dir()?),
                Err(error) => Err(error.into()),
            },
        }
    }

    fn load_identity(&self) -> Result<Identity, HomeError> {
        let empty = HomeError::Empty { at: self.name() };
        let saved: SavedIdentity = self.load(IDENTITY)?.ok_or(empty)?;
        let chain = saved.chain.into_iter().map(CertificateDer::from).collect();
        Identity::new(KeySeed::from_bytes(saved.key), chain)
            .map_err(|error| damaged(IDENTITY, &error))
    }

    fn save_identity(&self, identity: &Identity) -> Result<(), HomeError> {
        let saved = SavedIdentity {
            key: *identity.seed().expose(),
            chain: identity.chain().iter().map(|der| der.to_vec()).collect(),
        };
        self.save(IDENTITY, &saved)
    }

    fn load_authority(&self) -> Result<Option<Authority>, HomeError> {
        let Some(issuer) = self.load::<IssuerRecord>(ISSUER)? else {
            return Ok(None);
        };
        let root = self.load_identity()?.root_hash();
        let authority = Authority::import_issuer(&issuer, root);
        authority.map(Some).map_err(|error| damaged(ISSUER, &error))
    }

    fn save_authority(&self, authority: &Authority) -> Result<(), HomeError> {
        self.save(ISSUER, &authority.export_issuer())
    }

    fn log(&self) -> Result<SimFolder, HomeError> {
        Ok(SimFolder {
            disk: self.disk.clone(),
            prefix: "raft/",
            waited_for: true,
        })
    }

    fn store(&self) -> Result<SimBackend, HomeError> {
        let backend = SimBackend {
            disk: self.disk.clone(),
        };
        let io = |error: &io::Error| DiskError::from_io("make", STORE, error);
        if self.disk.len(STORE).is_err() {
            self.disk.append(STORE, &[]).map_err(|error| io(&error))?;
            self.disk.sync_dir().map_err(|error| io(&error))?;
        }
        Ok(backend)
    }

    fn set_store_aside(&self) -> Result<(), HomeError> {
        let io = |error: &io::Error| DiskError::from_io("put aside", STORE, error);
        self.disk
            .rename(STORE, "store.damaged")
            .map_err(|error| io(&error))?;
        Ok(self.disk.sync_dir().map_err(|error| io(&error))?)
    }

    fn blobs(&self) -> Result<SimBlobs, HomeError> {
        Ok(SimBlobs(SimFolder {
            disk: self.disk.clone(),
            prefix: BLOBS,
            waited_for: false,
        }))
    }
}

/// A node's blobs on a simulated disk.
#[derive(Clone)]
pub struct SimBlobs(SimFolder);

impl BlobDisk for SimBlobs {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.clone().list()
    }

    fn size(&self, name: &str) -> Result<u64, DiskError> {
        let len = self.0.disk.len(&self.0.full(name));
        len.map_err(|error| DiskError::from_io("look at", name, &error))
    }

    fn read(&self, name: &str, offset: u64, max: usize) -> Result<Vec<u8>, DiskError> {
        let left = self.size(name)?.saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(max).min(max)];
        let read = self.0.disk.read_at(&self.0.full(name), offset, &mut bytes);
        read.map_err(|error| DiskError::from_io("read", name, &error))?;
        Ok(bytes)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.clone().append(name, bytes)
    }

    fn sync(&self, name: &str) -> Result<(), DiskError> {
        self.0.clone().sync(name)
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.0.clone().sync_dir()
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.clone().rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.clone().remove(name)
    }

    fn free(&self) -> Option<u64> {
        self.0.disk.free()
    }
}

/// A folder on a simulated disk.
#[derive(Clone)]
pub struct SimFolder {
    disk: SimDisk,
    prefix: &'static str,
    /// Whether its user waits for the disk's lag, so that a sync can take time: the Raft log's
    /// writer does. The replicated store and the blobs sync in place here, in no time.
    waited_for: bool,
}

impl SimFolder {
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Disk for SimFolder {
    fn list(&mut self) -> Result<Vec<String>, DiskError> {
        let names = self.disk.names();
        let ours = names
            .iter()
            .filter_map(|name| name.strip_prefix(self.prefix));
        Ok(ours.map(str::to_owned).collect())
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, DiskError> {
        let read = self.disk.read(&self.full(name));
        read.map_err(|error| DiskError::from_io("read", name, &error))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let written = self.disk.append(&self.full(name), bytes);
        written.map_err(|error| DiskError::from_io("write", name, &error))
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let cut = self.disk.set_len(&self.full(name), len);
        cut.map_err(|error| DiskError::from_io("shorten", name, &error))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let full = self.full(name);
        let synced = if self.waited_for {
            self.disk.begin_sync(&full)
        } else {
            self.disk.sync(&full)
        };
        synced.map_err(|error| DiskError::from_io("sync", name, &error))
    }

    fn lag(&self) -> Duration {
        if self.waited_for {
            self.disk.lag()
        } else {
            Duration::ZERO
        }
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        let synced = if self.waited_for {
            self.disk.begin_sync_dir()
        } else {
            self.disk.sync_dir()
        };
        synced.map_err(|error| DiskError::from_io("sync the folder of", self.prefix, &error))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let renamed = self.disk.rename(&self.full(from), &self.full(to));
        renamed.map_err(|error| DiskError::from_io("rename", from, &error))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let removed = self.disk.remove(&self.full(name));
        removed.map_err(|error| DiskError::from_io("remove", name, &error))
    }
}

/// The replicated store's file on a simulated disk.
pub struct SimBackend {
    disk: SimDisk,
}

impl fmt::Debug for SimBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimBackend")
    }
}

impl StorageBackend for SimBackend {
    fn len(&self) -> io::Result<u64> {
        self.disk.len(STORE)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(STORE, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(STORE, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(STORE)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.write_at(STORE, offset, data)
    }
}

const RECORD: &str = "record";
const PENDING: &str = "pending";
const IDENTITY: &str = "identity";
const ISSUER: &str = "issuer";
const STORE: &str = "store";
/// Where blobs lie: the beginning of their files' names.
pub const BLOBS: &str = "blobs/";
/// No file of a node's home is larger.
const FILE_BYTES: usize = 1 << 20;
