//! What the API says about a cluster: the types of its answers and requests, defined once for the
//! server and every client. `v` grows when an older client would misread one.

use base::NodeId;
use cluster::StatusView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub const VERSION: u32 = 1;

/// `GET /v1/cluster/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusReply {
    #[serde(flatten)]
    pub view: StatusView,
    /// Since the newest command that is in here was given, on the cluster's clock.
    pub newest_age_s: Option<u64>,
    /// Of the open jobs, those that no node has. A node of an earlier version does not say it.
    pub jobs_waiting: Option<u64>,
    /// Of the open jobs, those that a node has. A node of an earlier version does not say it.
    pub jobs_running: Option<u64>,
    /// Since the oldest open job was accepted, on the cluster's clock; none where none is open.
    pub oldest_job_age_s: Option<u64>,
}

/// `POST /v1/cluster/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// Such as `worker` or `worker+voter-candidate`.
    pub roles: String,
    /// The only name that may join with it.
    pub name: Option<String>,
    pub pool: Option<String>,
    pub uses: u32,
    pub ttl_s: u64,
}

/// The secret line is in this answer and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    pub v: u32,
    pub token: String,
    pub id: String,
    pub roles: String,
    pub uses: u32,
    pub ttl_s: u64,
}

/// `GET /v1/cluster/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    pub v: u32,
    #[serde(default)]
    pub term: u64,
    /// The last entry that is in here.
    #[serde(default)]
    pub applied: u64,
    pub tokens: Vec<TokenLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenLine {
    pub id: String,
    pub roles: String,
    pub name: Option<String>,
    pub pool: Option<String>,
    pub left: u32,
    pub uses: u32,
    pub state: TokenStanding,
    /// Zero once it has expired.
    pub expires_in_s: u64,
    pub creator: String,
    #[schema(value_type = Vec<String>)]
    pub used_by: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenStanding {
    Open,
    UsedUp,
    Expired,
    Revoked,
}

/// `POST /v1/cluster/nodes/{node}/promote` and `/demote`, `DELETE /v1/cluster/nodes/{node}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeRequest {
    /// How long to wait for the group to follow.
    pub wait_s: u64,
    /// For the audit log.
    pub reason: String,
}

/// `POST /v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyRequest {
    /// For people: who uses it.
    pub name: String,
}

/// The key itself is in this answer and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyMade {
    pub v: u32,
    pub key: String,
    pub id: String,
    pub name: String,
    /// The hash of the cluster's root, which clients pin.
    pub root: String,
}

/// `GET /v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyList {
    pub v: u32,
    pub keys: Vec<KeyLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyLine {
    pub id: String,
    pub name: String,
    /// Seconds since the Unix epoch.
    pub created_unix_s: u64,
}

/// `GET /v1/cluster/ca`: what every certificate of the cluster leads to. No secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaReply {
    pub v: u32,
    pub cluster: String,
    /// The root's certificate.
    pub pem: String,
    /// Its BLAKE3 hash, which tokens carry and clients pin.
    pub root: String,
}

/// Something was done; there is nothing more to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoneReply {
    pub v: u32,
    pub done: String,
}

/// `GET /v1/cluster/settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingList {
    pub v: u32,
    #[serde(default)]
    pub term: u64,
    /// The last entry that is in here.
    #[serde(default)]
    pub applied: u64,
    pub settings: Vec<SettingLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingLine {
    pub name: String,
    /// None: the default holds.
    pub value: Option<String>,
    pub help: String,
}

/// `PUT /v1/cluster/settings/{name}`; none goes back to the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingRequest {
    pub value: Option<String>,
}

/// `GET /v1/cluster/registry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryList {
    pub v: u32,
    #[serde(default)]
    pub term: u64,
    /// The last entry that is in here.
    #[serde(default)]
    pub applied: u64,
    pub models: Vec<RegistryLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryLine {
    pub name: String,
    pub promoted: Option<u32>,
    pub versions: Vec<RegistryVersion>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryVersion {
    pub version: u32,
    pub parent: Option<u32>,
    pub hash: String,
    pub bytes: u64,
    pub stage: String,
    pub metrics: Vec<(String, String)>,
}

/// `POST /v1/cluster/registry/{name}/rollback`; none is the version promoted before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackRequest {
    pub to: Option<u32>,
}

/// `GET /v1/cluster/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditList {
    pub v: u32,
    pub term: u64,
    /// The last entry that is in here.
    pub applied: u64,
    /// Records that there ever were; the newest few thousand are kept.
    pub count: u64,
    /// The first record that does not fit those before it: the log was changed.
    pub broken: Option<u64>,
    /// The oldest first.
    pub records: Vec<AuditLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditLine {
    /// The log's entry.
    pub index: u64,
    /// On the cluster's clock.
    pub age_s: u64,
    pub by: String,
    pub what: String,
    /// Covers the record and all before it.
    pub hash: String,
}

/// `GET /v1/cluster/tree`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeReply {
    pub v: u32,
    pub actors: Vec<ActorLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorLine {
    pub path: String,
    pub state: String,
    pub restarts: u64,
    pub waiting: u64,
    pub bound: u64,
    pub last_failure: Option<String>,
    /// How what it is about does: links and requests, its place in the group.
    pub says: Option<String>,
}

/// `GET /v1/cluster/doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoctorReply {
    pub v: u32,
    #[schema(value_type = String)]
    pub node: NodeId,
    pub name: String,
    /// Median of some syncs of 4 KiB in the node's folder.
    pub fsync_us: Option<u64>,
    pub certificate_left_s: u64,
    pub paths: Vec<PathLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PathLine {
    pub from: String,
    pub to: String,
    /// None: no answer.
    pub rtt_us: Option<u64>,
    /// Thousandths of the packets that were taken for lost; only on this node's own paths.
    pub lost_permille: Option<u64>,
    pub mtu: Option<u16>,
    pub clock_ahead_ms: Option<i64>,
}
