//! A full disk under the replicated store: its writes are turned away, and nothing else.

use crate::lab::{Machine, token, until};
use bytes::Bytes;
use cluster::{
    BlobFolder, BlobSettings, Folder, Home, HomeError, NodeEvent, NodeRecord, PendingJoin,
    Settings, StoreError,
};
use crdt::Write;
use futures::stream;
use redb::StorageBackend;
use redb::backends::FileBackend;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use transport::{Authority, Identity};

/// A home whose store lies on a disk that can fill up.
#[derive(Clone)]
struct Narrow {
    folder: Folder,
    disk: Arc<Disk>,
}

#[derive(Debug, Default)]
struct Disk {
    full: AtomicBool,
    /// Writes that found no room.
    refused: AtomicU64,
}

impl Disk {
    fn room(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct NarrowFile {
    file: FileBackend,
    disk: Arc<Disk>,
}

impl StorageBackend for NarrowFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.room()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

impl Home for Narrow {
    type Disk = raft::Folder;
    type Backend = NarrowFile;
    type Blobs = BlobFolder;

    fn name(&self) -> String {
        self.folder.name()
    }

    fn load_record(&self) -> Result<NodeRecord, HomeError> {
        self.folder.load_record()
    }

    fn save_record(&self, record: &NodeRecord) -> Result<(), HomeError> {
        self.folder.save_record(record)
    }

    fn load_pending(&self) -> Result<Option<PendingJoin>, HomeError> {
        self.folder.load_pending()
    }

    fn save_pending(&self, pending: Option<&PendingJoin>) -> Result<(), HomeError> {
        self.folder.save_pending(pending)
    }

    fn load_identity(&self) -> Result<Identity, HomeError> {
        self.folder.load_identity()
    }

    fn save_identity(&self, identity: &Identity) -> Result<(), HomeError> {
        self.folder.save_identity(identity)
    }

    fn load_authority(&self) -> Result<Option<Authority>, HomeError> {
        self.folder.load_authority()
    }

    fn save_authority(&self, authority: &Authority) -> Result<(), HomeError> {
        self.folder.save_authority(authority)
    }

    fn log(&self) -> Result<raft::Folder, HomeError> {
        self.folder.log()
    }

    fn store(&self) -> Result<NarrowFile, HomeError> {
        let (file, disk) = (self.folder.store()?, self.disk.clone());
        Ok(NarrowFile { file, disk })
    }

    fn set_store_aside(&self) -> Result<(), HomeError> {
        self.folder.set_store_aside()
    }

    fn blobs(&self) -> Result<BlobFolder, HomeError> {
        self.folder.blobs()
    }
}

fn record(key: &'static str) -> Write {
    Write::Record {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(b"value"),
    }
}

fn key(key: &'static str) -> Bytes {
    Bytes::from_static(key.as_bytes())
}

#[tokio::test]
async fn a_full_disk_under_the_store_refuses_its_writes_and_nothing_else() {
    let one = Machine::new("n1");
    let disk = Arc::new(Disk::default());
    let home = Narrow {
        folder: one.home(),
        disk: disk.clone(),
    };
    let node = one.founder_in(home, Settings::default()).await;
    node.write(record("before")).await.unwrap();

    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(node.write(record("late")).await, Err(StoreError::Full));
    assert!(disk.refused.load(Ordering::SeqCst) > 0, "it found no room");
    let event = NodeEvent::StoreFull { full: true };
    assert!(one.diary.saw(|seen| *seen == event));
    // From here on nothing is even begun; what is known is served, and the ledger goes on.
    assert_eq!(node.write(record("later")).await, Err(StoreError::Full));
    assert_eq!(node.record(key("later")).await, Ok(None));
    let known = node.record(key("before")).await.unwrap();
    assert_eq!(known.as_deref(), Some(&b"value"[..]));
    let told = node.status(false).await.problems;
    assert!(
        told.iter().any(|what| what.contains("disk is full")),
        "{told:?}"
    );
    token(&node, 1, Duration::from_secs(3600)).await;

    disk.full.store(false, Ordering::SeqCst);
    until("the room is found", || !node.known().full).await;
    node.write(record("after")).await.unwrap();
    assert!(
        !one.diary
            .saw(|seen| matches!(seen, NodeEvent::StoreDamaged { .. }))
    );
    node.stop().await;
    drop(node);
    let node = one.restart().await;
    for name in ["before", "after"] {
        let found = node.record(key(name)).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b"value"[..]), "{name}");
    }
    node.stop().await;
}

/// What it throws away may be the room that is missing.
#[tokio::test]
async fn a_node_with_a_full_store_looks_after_its_blobs() {
    let one = Machine::new("n1");
    let disk = Arc::new(Disk::default());
    let home = Narrow {
        folder: one.home(),
        disk: disk.clone(),
    };
    let often = Settings {
        blobs: BlobSettings {
            sweep_every: Duration::from_secs(1),
            scrub_every: Duration::ZERO,
            ..BlobSettings::default()
        },
        ..Settings::default()
    };
    let node = one.founder_in(home, often).await;
    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(node.write(record("late")).await, Err(StoreError::Full));
    let bytes = [Ok::<_, String>(Bytes::from_static(b"of a blob"))];
    let blob = node.put_blob(stream::iter(bytes)).await.unwrap();
    let holders = node.holders(blob.hash).await.unwrap();
    assert!(holders.is_empty(), "that it is here could not be said");

    // A sweep tells what is here before it does anything else: it goes on when nobody hears it.
    let file = one.path().join("blobs").join(blob.hash.to_string());
    std::fs::write(file, b"other bytes").unwrap();
    let found = |seen: &NodeEvent| *seen == NodeEvent::BlobDamaged { hash: blob.hash };
    until("the rot is found", || one.diary.saw(found)).await;
    assert!(node.known().full, "the store was full all the while");

    disk.full.store(false, Ordering::SeqCst);
    until("the room is found", || !node.known().full).await;
    node.stop().await;
}
