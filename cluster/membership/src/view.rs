//! What a node knows about the cluster, as plain data for status pages and tests.

use crate::{Doubt, Link, Liveness, Member};
use base::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where this node stands in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No peer is known to live.
    Alone,
    Sound,
    /// More seems wrong than can be: this node declares nobody dead.
    SelfSuspect {
        why: Doubt,
        since: Time,
    },
    /// It said goodbye, and takes no part any more.
    Left,
    /// The cluster knows a later life of this node: this process runs from an old copy of its disk.
    Superseded,
}

/// What a node knows about one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    pub member: Member,
    pub liveness: Liveness,
    /// When `liveness` became what it is.
    pub since: Time,
    pub link: Link,
    /// It came and went too often, and is not announced as alive until it calms down.
    pub damped: bool,
    pub round_trip: Option<Duration>,
}

/// Everything at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwimView {
    pub me: Member,
    pub standing: Standing,
    /// Ordered by node id.
    pub peers: Vec<PeerView>,
    /// Thousandths by which timeouts are longer than configured, since the network is slow.
    pub stretch: u64,
    /// How many peers may be acted on now: a third less those that are gone, none while in doubt.
    pub may_act_on: usize,
    pub counts: SwimCounts,
}

/// Counters since the start; each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwimCounts {
    /// Datagrams that came in, of any kind.
    pub received: u64,
    /// Datagrams that went out.
    pub sent: u64,
    /// Datagrams that were not ours or broke a rule of the protocol; divide by `received`.
    pub garbled: u64,
    /// Datagrams whose sender is not whom the connection says: somebody lies.
    pub forged: u64,
    /// Datagrams of nodes that were removed from the cluster.
    pub refused: u64,
    /// Datagrams dropped because they name more members than are allowed.
    pub crowded: u64,
    /// Probes that a pause cut short.
    pub stumbles: u64,
    /// Probes that nobody answered, neither the peer nor a helper.
    pub probes_failed: u64,
    /// Times that a peer was told that it is suspected.
    pub told: u64,
    /// Deaths put off because the suspect had answered in the meantime.
    pub spared: u64,
    /// Deaths put off because this node was in doubt about itself.
    pub held: u64,
    /// Times that this node began to doubt itself.
    pub doubts: u64,
    /// Times that this process was seen to have stood still.
    pub pauses: u64,
    /// Times that the cluster took this process for dead although it lived.
    pub renewals: u64,
}
