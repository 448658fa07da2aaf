//! The registry's part of the API: blobs are handed in, versions are entered and promoted. Its
//! types are defined here once, for the server and every client.

use super::api::{DoneReply, VERSION};
use super::routes::Failed;
use crate::api::Routes;
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::exit::Exit;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::post;
use base::ContentHash;
use cluster::{BlobError, NewBlobVersion, Node, PublishError};
use raft::DiskError;
use raft::ledger::Command;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// `POST /v1/cluster/blobs`, with the bytes as the request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlobMade {
    pub v: u32,
    /// BLAKE3, in hexadecimal digits.
    pub hash: String,
    pub bytes: u64,
}

/// `POST /v1/cluster/registry/{name}`: a new version of a blob that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionRequest {
    pub hash: String,
    /// The version that it was made from.
    pub parent: Option<u32>,
    /// Decimal numbers with up to six places.
    pub metrics: Vec<(String, String)>,
    /// How long to wait for the second copy.
    pub wait_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionMade {
    pub v: u32,
    pub name: String,
    pub version: u32,
    pub hash: String,
    pub bytes: u64,
    /// Nodes that said that the bytes are on their disks, before the version was entered.
    pub holders: Vec<String>,
}

/// `POST /v1/cluster/registry/{name}/promote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServeRequest {
    pub version: u32,
}

type Shared = State<Arc<Node>>;

pub(super) fn routes(node: Arc<Node>) -> Routes {
    Routes::new()
        .at("/v1/cluster/blobs", post(put))
        .at("/v1/cluster/registry/{name}", post(add))
        .at("/v1/cluster/registry/{name}/promote", post(promote))
        .with_state(node)
}

async fn put(State(node): Shared, body: Body) -> Result<Json<BlobMade>, Failed> {
    let blob = node.put_blob(body.into_data_stream()).await;
    let blob = blob.map_err(Failure::from)?;
    Ok(Json(BlobMade {
        v: VERSION,
        hash: blob.hash.to_string(),
        bytes: blob.bytes,
    }))
}

async fn add(
    State(node): Shared,
    Path(name): Path<String>,
    Json(request): Json<VersionRequest>,
) -> Result<Json<VersionMade>, Failed> {
    let wrong = |why: String| Failure::new(Exit::Usage, "the request is wrong").why(why);
    let hash: ContentHash = request
        .hash
        .parse()
        .map_err(|error: base::ParseIdError| wrong(error.to_string()))?;
    let mut metrics = BTreeMap::new();
    for (metric, value) in request.metrics {
        metrics.insert(metric, millionths(&value).map_err(wrong)?);
    }
    let new = NewBlobVersion {
        name: name.clone(),
        parent: request.parent,
        hash,
        metrics,
    };
    let wait = Duration::from_secs(request.wait_s);
    let made = node.publish(ADMIN, new, wait).await;
    let made = made.map_err(Failure::from)?;
    let live = node.state().members.live.clone();
    let holders = made.holders.iter().map(|node| {
        let member = live.get(node);
        member.map_or_else(|| node.to_string(), |member| member.name.clone())
    });
    Ok(Json(VersionMade {
        v: VERSION,
        name,
        version: made.version,
        hash: hash.to_string(),
        bytes: made.bytes,
        holders: holders.collect(),
    }))
}

async fn promote(
    State(node): Shared,
    Path(name): Path<String>,
    Json(request): Json<ServeRequest>,
) -> Result<Json<DoneReply>, Failed> {
    let version = request.version;
    let command = Command::Promote {
        name: name.clone(),
        version,
    };
    node.submit(ADMIN, command).await?;
    Ok(Json(DoneReply {
        v: VERSION,
        done: format!("{name} serves version {version}"),
    }))
}

/// A decimal number such as `0.91` in millionths: no floating point, since all nodes must agree.
pub fn millionths(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no decimal number with up to six places, such as 0.91");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let empty = whole.is_empty() && places.is_empty();
    if empty || places.len() > 6 || !decimal(whole) || !decimal(places) {
        return Err(wrong());
    }
    let joined = format!("{whole}{places:0<6}");
    let number: i64 = joined.parse().map_err(|_| wrong())?;
    Ok(if negative { -number } else { number })
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Failure {
        let (code, next) = match &error {
            BlobError::Nowhere { .. } => (ErrorCode::NotFound, "bring a node back that has it"),
            BlobError::TooLarge { .. } => (
                ErrorCode::Failed,
                "raise it for the whole cluster: `rlm-ctl settings blobs.max_mib=NUMBER`",
            ),
            BlobError::NoRoom { .. } | BlobError::Disk(DiskError::Full { .. }) => (
                ErrorCode::DiskFull,
                "free some space on the disk of the node's folder",
            ),
            BlobError::WrongBytes { .. } | BlobError::Damaged { .. } => {
                (ErrorCode::Damaged, "try again: it is fetched anew")
            }
            BlobError::TooManyAtOnce { .. } => (ErrorCode::Usage, "read it in parts"),
            BlobError::Disk(_) => (
                ErrorCode::Disk,
                "look at the disk and at the folder's owner",
            ),
            BlobError::CutOff(_) => (ErrorCode::Failed, "hand the file in again"),
            BlobError::Busy | BlobError::Late | BlobError::Stopped => {
                (ErrorCode::NoCapacity, "try again in a moment")
            }
        };
        Failure::new(code, "the blob is not where it should be")
            .why(error)
            .next(next)
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Failure {
        let what = "the version is not in the registry";
        match error {
            PublishError::Blob(error) => Failure {
                what: what.to_owned(),
                ..error.into()
            },
            PublishError::Propose(error) => error.into(),
            error @ PublishError::FewHolders { .. } => Failure::new(ErrorCode::NoCapacity, what)
                .why(error)
                .next("bring another node up (`rlm-ctl nodes`), then repeat the command"),
        }
    }
}

/// In the audit log, for what comes over the owner's socket.
const ADMIN: &str = "local administrator";

#[cfg(test)]
mod tests;
