//! The bodies of `Kind::BlobGet` and `Kind::BlobPut`. A layout never changes.

use base::{ContentHash, NodeId};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Asks for a piece of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobGetRequest {
    pub(crate) hash: ContentHash,
    pub(crate) offset: u64,
    /// Most bytes of the answer; zero only asks whether the blob is there.
    pub(crate) max: u32,
    /// The bytes that came from there were wrong: read your copy through.
    pub(crate) doubt: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobGetReply {
    /// Of the whole blob.
    pub(crate) size: u64,
    pub(crate) bytes: Bytes,
}

/// Asks a node to hold a blob: it fetches the bytes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobPutRequest {
    pub(crate) hash: ContentHash,
    /// Nodes that have it, besides those that the callee knows.
    pub(crate) from: Vec<NodeId>,
    /// How long the callee may wait for the end before it answers.
    pub(crate) wait: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobPutReply {
    /// Its bytes, when it is on the callee's disk.
    pub(crate) size: Option<u64>,
    /// How much of it is there by now.
    pub(crate) have: u64,
}
