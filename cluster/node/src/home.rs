//! Where a node keeps what it is: its record, its keys, its log, its replicated store and its
//! blobs.
//!
//! [`Home`] is a trait since a simulated machine keeps them on a simulated disk; [`Folder`] is the
//! real one. One process at a time owns a home.

use crate::blobs::{BlobDisk, BlobFolder};
use base::{ClusterId, NodeId};
use raft::{Disk, DiskError};
use redb::StorageBackend;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use transport::{Authority, Identity, KeyFileError};

/// What a node remembers of itself between two starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Layout of this file.
    pub v: u32,
    pub cluster: ClusterId,
    pub cluster_name: String,
    pub node: NodeId,
    pub name: String,
    /// The UDP address that it listens on.
    pub listen: SocketAddr,
    /// Where others dial it.
    pub address: SocketAddr,
    /// One more at each start of the process.
    pub boot: u64,
    /// Whether this node began the cluster, and may so be its only voter.
    pub founder: bool,
    /// Peers to dial at the start, as last known.
    pub peers: Vec<(NodeId, SocketAddr)>,
}

/// A join that has begun: with the same key and id it can be asked again, and the token is used
/// once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingJoin {
    pub node: NodeId,
    pub key: [u8; 32],
}

/// Why a home cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// `init` and `join` make one.
    #[error("no node lives in {at}")]
    Empty { at: String },
    /// `init` and `join` never write over one.
    #[error("{at} holds node {} of cluster {} already", record.name, record.cluster_name)]
    Taken { at: String, record: Box<NodeRecord> },
    #[error("{0}")]
    Disk(#[from] DiskError),
    #[error("`{file}` is damaged: {why}")]
    Damaged { file: String, why: String },
    /// A key or certificate file.
    #[error("{0}")]
    Keys(#[from] KeyFileError),
    /// The parts are of different nodes or clusters: somebody mixed two folders.
    #[error("the files in {at} do not belong together: {why}")]
    Mixed { at: String, why: String },
}

/// A machine's place for one node.
pub trait Home: Clone + Send + Sync + 'static {
    type Disk: Disk;
    type Backend: StorageBackend;
    type Blobs: BlobDisk;

    /// For messages.
    fn name(&self) -> String;
    fn load_record(&self) -> Result<NodeRecord, HomeError>;
    fn save_record(&self, record: &NodeRecord) -> Result<(), HomeError>;
    fn load_pending(&self) -> Result<Option<PendingJoin>, HomeError>;
    /// None forgets it.
    fn save_pending(&self, pending: Option<&PendingJoin>) -> Result<(), HomeError>;
    fn load_identity(&self) -> Result<Identity, HomeError>;
    fn save_identity(&self, identity: &Identity) -> Result<(), HomeError>;
    /// None on a node that holds no issuer.
    fn load_authority(&self) -> Result<Option<Authority>, HomeError>;
    fn save_authority(&self, authority: &Authority) -> Result<(), HomeError>;
    /// The Raft log's folder, held until the disk is dropped.
    fn log(&self) -> Result<Self::Disk, HomeError>;
    fn store(&self) -> Result<Self::Backend, HomeError>;
    /// Puts a damaged store file aside.
    fn set_store_aside(&self) -> Result<(), HomeError>;
    /// The blobs' folder, held until the disk is dropped.
    fn blobs(&self) -> Result<Self::Blobs, HomeError>;
}

/// A folder of the machine's file system.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn private(&self, part: &str) -> Result<PathBuf, HomeError> {
        let path = self.path.join(part);
        let made = std::fs::create_dir_all(&path).and_then(|()| {
            use std::os::unix::fs::PermissionsExt;
            let only_owner = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(&path, only_owner)
        });
        made.map_err(|error| DiskError::from_io("make", &path.display().to_string(), &error))?;
        Ok(path)
    }

    /// Held for as long as the answer lives.
    fn part(&self, part: &str) -> Result<raft::Folder, HomeError> {
        Ok(raft::Folder::open(&self.private(part)?)?)
    }
}

impl Home for Folder {
    type Disk = raft::Folder;
    type Backend = redb::backends::FileBackend;
    type Blobs = BlobFolder;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn load_record(&self) -> Result<NodeRecord, HomeError> {
        let bytes = match std::fs::read(self.path.join(RECORDS).join(RECORD)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(HomeError::Empty { at: self.name() });
            }
            Err(error) => return Err(DiskError::from_io("read", RECORD, &error).into()),
        };
        let record: NodeRecord =
            serde_json::from_slice(&bytes).map_err(|error| HomeError::Damaged {
                file: RECORD.to_owned(),
                why: error.to_string(),
            })?;
        if record.v != RECORD_VERSION {
            return Err(HomeError::Damaged {
                file: RECORD.to_owned(),
                why: format!("layout {}, this program reads {RECORD_VERSION}", record.v),
            });
        }
        Ok(record)
    }

    fn save_record(&self, record: &NodeRecord) -> Result<(), HomeError> {
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| HomeError::Damaged {
            file: RECORD.to_owned(),
            why: error.to_string(),
        })?;
        Ok(self.part(RECORDS)?.write_new(RECORD, &bytes)?)
    }

    fn load_pending(&self) -> Result<Option<PendingJoin>, HomeError> {
        let bytes = match self.part(RECORDS)?.read(PENDING) {
            Ok(bytes) => bytes,
            Err(DiskError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // One that cannot be read is worth nothing: the join begins with a new key.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    fn save_pending(&self, pending: Option<&PendingJoin>) -> Result<(), HomeError> {
        let mut disk = self.part(RECORDS)?;
        let Some(pending) = pending else {
            return match disk.remove(PENDING) {
                Ok(()) => Ok(disk.sync_dir()?),
                Err(DiskError::Missing { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            };
        };
        let bytes = serde_json::to_vec(pending).map_err(|error| HomeError::Damaged {
            file: PENDING.to_owned(),
            why: error.to_string(),
        })?;
        Ok(disk.write_new(PENDING, &bytes)?)
    }

    fn load_identity(&self) -> Result<Identity, HomeError> {
        Ok(Identity::load(&self.path.join(IDENTITY))?)
    }

    fn save_identity(&self, identity: &Identity) -> Result<(), HomeError> {
        Ok(identity.save(&self.private(IDENTITY)?)?)
    }

    fn load_authority(&self) -> Result<Option<Authority>, HomeError> {
        match Authority::load(&self.path.join(AUTHORITY)) {
            Ok(authority) => Ok(Some(authority)),
            Err(KeyFileError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn save_authority(&self, authority: &Authority) -> Result<(), HomeError> {
        Ok(authority.save(&self.private(AUTHORITY)?)?)
    }

    fn log(&self) -> Result<raft::Folder, HomeError> {
        self.part(LOG)
    }

    fn store(&self) -> Result<redb::backends::FileBackend, HomeError> {
        let path = self.private(STORES)?.join(STORE);
        let io = |error: &std::io::Error| DiskError::from_io("open", STORE, error);
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io(&error))?;
        redb::backends::FileBackend::new(file).map_err(|error| {
            HomeError::Disk(DiskError::InUse {
                folder: format!("{}: {error}", path.display()),
            })
        })
    }

    fn set_store_aside(&self) -> Result<(), HomeError> {
        let mut disk = self.part(STORES)?;
        let aside = format!("{STORE}.damaged");
        match disk.remove(&aside) {
            Ok(()) | Err(DiskError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        disk.rename(STORE, &aside)?;
        Ok(disk.sync_dir()?)
    }

    fn blobs(&self) -> Result<BlobFolder, HomeError> {
        Ok(BlobFolder::open(&self.private(BLOBS)?)?)
    }
}

const RECORDS: &str = "record";
const RECORD: &str = "node.json";
const PENDING: &str = "joining.json";
const RECORD_VERSION: u32 = 1;
const IDENTITY: &str = "identity";
const AUTHORITY: &str = "authority";
const LOG: &str = "raft";
const STORES: &str = "store";
const STORE: &str = "store.redb";
const BLOBS: &str = "blobs";
