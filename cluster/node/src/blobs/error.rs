//! How blobs fail: one enum for the bytes, one for the promise that a version is.

use base::{ContentHash, NodeId};
use raft::{DiskError, ProposeError};

/// Why bytes are not where they should be. A blob that was there before is there still.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Nobody that could be asked has it, or could bring it over. Asking again goes on where this
    /// ended.
    #[error(
        "blob {hash} cannot be had: {}",
        list(tried, "no other node is known to have it")
    )]
    Nowhere {
        hash: ContentHash,
        tried: Vec<(NodeId, String)>,
    },
    /// The setting `blobs.max_mib` says how many a blob may have.
    #[error("it has more than the {max} bytes that `blobs.max_mib` allows")]
    TooLarge { max: u64 },
    /// Nothing was kept. Free space, or lower the reserve.
    #[error("only {free} bytes are free on this node's disk, and {reserve} of them are reserved")]
    NoRoom { free: u64, reserve: u64 },
    /// What came is not what was asked for. Nothing was kept.
    #[error("the bytes that came are not those of {hash}")]
    WrongBytes { hash: ContentHash },
    /// This node's copy rotted. It was put aside and is fetched again where another node has it.
    #[error("this node's copy of {hash} is damaged and was put aside")]
    Damaged { hash: ContentHash },
    /// Ask for it in parts.
    #[error("{size} bytes are too many to be read at once, where {max} are allowed")]
    TooManyAtOnce { size: u64, max: u64 },
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Whoever handed the bytes in stopped.
    #[error("the bytes ended too soon: {0}")]
    CutOff(String),
    /// Ask again later.
    #[error("as many blobs as may be are under way on this node")]
    Busy,
    /// It goes on, and asking again waits for it.
    #[error("it is not here yet")]
    Late,
    /// The node is shutting down, or the part that does this is being restarted.
    #[error("this node's blobs cannot be reached now")]
    Stopped,
}

/// Why a version is not in the registry. Copies that were made meanwhile stay for a while.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// This node cannot have the bytes.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The bytes must survive the loss of one node before the ledger names them.
    #[error(
        "{} of the {need} nodes that must hold {hash} hold it ({}); {}",
        holders.len(),
        names(holders),
        list(failed, "no other node could be asked")
    )]
    FewHolders {
        hash: ContentHash,
        need: usize,
        /// Names of the nodes whose disks have it.
        holders: Vec<String>,
        /// Those that were asked in vain, and why.
        failed: Vec<(NodeId, String)>,
    },
    /// The bytes are where they must be; the ledger said no, or nobody knows.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

fn list(tried: &[(NodeId, String)], none: &str) -> String {
    if tried.is_empty() {
        return none.to_owned();
    }
    let each = tried
        .iter()
        .map(|(node, why)| format!("{} says: {why}", node.short()));
    each.collect::<Vec<_>>().join("; ")
}

fn names(holders: &[String]) -> String {
    if holders.is_empty() {
        return "none".to_owned();
    }
    holders.join(", ")
}
