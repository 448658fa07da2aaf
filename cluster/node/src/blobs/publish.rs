//! A version enters the registry: first its bytes are on the disks of two nodes (of the only one,
//! where there is one), then it is proposed. Never the other way round.

use super::PublishError;
use super::driver::BlobAsk;
use super::fetch::whom;
use super::messages::{BlobPutReply, BlobPutRequest};
use super::policy;
use crate::core::Core;
use crate::node::Node;
use base::{ContentHash, NodeId};
use raft::ProposeError;
use raft::ledger::{Command, NewVersion, Outcome};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Kind;

/// What is to be entered; its bytes are on some node already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlobVersion {
    pub name: String,
    /// The version of the same name that it was made from.
    pub parent: Option<u32>,
    pub hash: ContentHash,
    /// In millionths.
    pub metrics: BTreeMap<String, i64>,
}

/// A version that is in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub version: u32,
    pub bytes: u64,
    /// Nodes that confirmed that the bytes are on their disks.
    pub holders: Vec<NodeId>,
}

impl Node {
    /// Has the bytes held by enough nodes, for at most `wait`, and then proposes the version.
    pub async fn publish(
        &self,
        by: &str,
        new: NewBlobVersion,
        wait: Duration,
    ) -> Result<Published, PublishError> {
        let until = Instant::now() + wait;
        let core = &self.core;
        let bytes = self.fetch_blob(new.hash).await?;
        // As long as it has no name it must not be taken for garbage.
        core.blob_asks.try_send(BlobAsk::Wanted(new.hash)).ok();
        let holders = copies(core, (new.hash, bytes), until).await?;
        let command = Command::Publish(NewVersion {
            name: new.name,
            parent: new.parent,
            hash: new.hash,
            size: bytes,
            metrics: new.metrics,
            holders: holders.clone(),
        });
        match core.group.submit(by, command).await? {
            Outcome::Version { version, .. } => Ok(Published {
                version,
                bytes,
                holders,
            }),
            Outcome::Done
            | Outcome::Joined { .. }
            | Outcome::Job { .. }
            | Outcome::Revoked { .. } => Err(ProposeError::Unknown.into()),
        }
    }
}

/// Who holds it, once those are enough.
async fn copies(
    core: &Core,
    (hash, bytes): (ContentHash, u64),
    until: Instant,
) -> Result<Vec<NodeId>, PublishError> {
    let whom = whom(core, hash).await;
    let need = policy::copies_needed(whom.members.len());
    let mut holders = vec![core.node];
    let mut failed = Vec::new();
    for partner in policy::partners(&whom) {
        if holders.len() >= need {
            break;
        }
        match held_by(core, partner, (hash, bytes), until).await {
            Ok(()) => holders.push(partner),
            Err(why) => failed.push((partner, why)),
        }
    }
    if holders.len() >= need {
        return Ok(holders);
    }
    let members = &core.state().members;
    let name = |node: &NodeId| {
        let member = members.live.get(node);
        member.map_or_else(|| node.short(), |member| member.name.clone())
    };
    Err(PublishError::FewHolders {
        hash,
        need,
        holders: holders.iter().map(name).collect(),
        failed,
    })
}

/// Asks a node to hold a blob until it says that it does.
async fn held_by(
    core: &Core,
    to: NodeId,
    (hash, bytes): (ContentHash, u64),
    until: Instant,
) -> Result<(), String> {
    let (mut have, mut stalls) = (0, 0);
    let mut last = "its time is over; the transfer goes on there".to_owned();
    while stalls < STALLS {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let request = BlobPutRequest {
            hash,
            from: vec![core.node],
            wait: left.min(POLL),
        };
        match ask_to_hold(core, to, &request).await {
            Ok(BlobPutReply {
                size: Some(size), ..
            }) if size == bytes => return Ok(()),
            Ok(BlobPutReply {
                size: Some(size), ..
            }) => {
                return Err(format!("it has {size} bytes under this name, not {bytes}"));
            }
            Ok(reply) if reply.have > have => {
                have = reply.have;
                stalls = 0;
            }
            Ok(_) => {
                stalls += 1;
                last = format!("nothing came for {} s", (POLL * stalls).as_secs());
            }
            Err(why) => {
                stalls += 1;
                last = why;
                sleep(PAUSE).await;
            }
        }
    }
    Err(last)
}

pub(super) async fn ask_to_hold(
    core: &Core,
    to: NodeId,
    request: &BlobPutRequest,
) -> Result<BlobPutReply, String> {
    let frame = wire::encode(Kind::BlobPut, request).map_err(|error| error.to_string())?;
    // The callee waits for at most half of what is left.
    let ttl = request.wait * 2 + CALL;
    let reply = core.endpoint.call(to, Kind::BlobPut, frame, ttl).await;
    let reply = reply.map_err(|error| error.to_string())?;
    reply.body().map_err(|error| error.to_string())
}

/// How long the other node waits for the end of a transfer before it tells how far it is.
const POLL: Duration = Duration::from_secs(5);
/// Answers in a row without progress, before another node is asked.
const STALLS: u32 = 3;
/// After an error: a link that broke is made again in such times.
const PAUSE: Duration = Duration::from_millis(500);
/// A round trip, and a dial before it.
const CALL: Duration = Duration::from_secs(5);
