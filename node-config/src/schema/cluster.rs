//! The cluster's part of the typed configuration.

use super::none_or;
use crate::ByteSize;
use crate::span::as_text;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiPlace {
    #[serde(with = "none_or")]
    pub listen: Option<SocketAddr>,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clustering {
    pub listen: SocketAddr,
    #[serde(with = "none_or")]
    pub advertise: Option<SocketAddr>,
    pub raft: RaftPace,
    pub membership: Probing,
    pub transport: LinkBounds,
    pub store: Spreading,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaftPace {
    #[serde(with = "as_text")]
    pub heartbeat: Duration,
    #[serde(with = "as_text")]
    pub election_min: Duration,
    #[serde(with = "as_text")]
    pub election_max: Duration,
    #[serde(with = "as_text")]
    pub propose: Duration,
    #[serde(with = "as_text")]
    pub read: Duration,
    #[serde(with = "as_text")]
    pub change: Duration,
    pub snapshot_every: u64,
    pub keep_behind: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probing {
    #[serde(with = "as_text")]
    pub probe_every: Duration,
    #[serde(with = "as_text")]
    pub answer_within: Duration,
    pub helpers: u8,
    #[serde(with = "as_text")]
    pub suspect_for: Duration,
    #[serde(with = "as_text")]
    pub gossip_every: Duration,
    pub gossip_to: u8,
    #[serde(with = "as_text")]
    pub roster_every: Duration,
    #[serde(with = "as_text")]
    pub dial_every: Duration,
    #[serde(with = "as_text")]
    pub remember_dead: Duration,
    #[serde(with = "as_text")]
    pub pause: Duration,
    pub max_members: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkBounds {
    #[serde(with = "as_text")]
    pub keep_alive: Duration,
    #[serde(with = "as_text")]
    pub idle: Duration,
    #[serde(with = "as_text")]
    pub handshake: Duration,
    #[serde(with = "as_text")]
    pub redial_first: Duration,
    #[serde(with = "as_text")]
    pub redial_most: Duration,
    pub control_in_flight: usize,
    pub calls_in_flight: usize,
    pub bulk_in_flight: usize,
    pub inbound_bytes: ByteSize,
    pub max_peers: usize,
    pub max_strangers: usize,
    #[serde(with = "as_text")]
    pub stranger_life: Duration,
    pub max_handshakes: usize,
    pub max_handshakes_per_source: usize,
    pub mtu_ceiling: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spreading {
    pub direct_nodes: usize,
    pub branches: usize,
    pub push_bytes: ByteSize,
    pub announce_to: usize,
    #[serde(with = "as_text")]
    pub compare_every: Duration,
    pub record_count: usize,
    pub record_bytes: ByteSize,
    #[serde(with = "as_text")]
    pub record_age: Duration,
}
