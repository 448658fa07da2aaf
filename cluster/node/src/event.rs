//! What happens in a node, as a closed list: the same events feed the log, the simulation's trace
//! and the status page.

use base::{ContentHash, NodeId, Time};
use membership::Standing;
use std::fmt;
use std::net::SocketAddr;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    Started {
        boot: u64,
    },
    LinkUp(NodeId),
    LinkDown {
        peer: NodeId,
        why: String,
    },
    PeerUp(NodeId),
    PeerRestarted(NodeId),
    PeerSuspect(NodeId),
    PeerTrusted(NodeId),
    PeerDead(NodeId),
    PeerLeft(NodeId),
    PeerRestless(NodeId),
    Standing(Standing),
    /// The leader as this node sees it, with its term.
    Leader {
        leader: Option<NodeId>,
        term: u64,
    },
    Admitted {
        node: NodeId,
        name: String,
    },
    Learner(NodeId),
    Voter(NodeId),
    Demoted(NodeId),
    Removed(NodeId),
    /// The ledger has this node's new address, or the version of its new program.
    Corrected {
        address: SocketAddr,
        version: u16,
    },
    /// Every member speaks it: the cluster takes its commands from here on.
    Version(u16),
    /// The leader says what the ledger revoked, before this node's log does.
    ToldRevoked {
        from: NodeId,
        count: usize,
    },
    Renewed {
        until_s: u64,
    },
    RenewalFailed {
        why: String,
    },
    /// This node has another issuer than before: made here, or fetched from a voter.
    Issuer {
        until_s: u64,
    },
    StoreDamaged {
        why: String,
    },
    /// The disk under the store has no room left, or has some again.
    StoreFull {
        full: bool,
    },
    /// It is on this node's disk now.
    BlobHeld {
        hash: ContentHash,
    },
    /// It rotted, and was put aside.
    BlobDamaged {
        hash: ContentHash,
    },
    /// Nobody named it for long enough.
    BlobDropped {
        hash: ContentHash,
    },
    Fault {
        why: String,
    },
    ActorFailed {
        path: String,
        why: String,
    },
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeEvent::Started { boot } => write!(f, "started, boot {boot}"),
            NodeEvent::LinkUp(node) => write!(f, "link to {} up", node.short()),
            NodeEvent::LinkDown { peer, why } => write!(f, "link to {} down: {why}", peer.short()),
            NodeEvent::PeerUp(node) => write!(f, "{} lives", node.short()),
            NodeEvent::PeerRestarted(node) => write!(f, "{} restarted", node.short()),
            NodeEvent::PeerSuspect(node) => write!(f, "{} is suspected", node.short()),
            NodeEvent::PeerTrusted(node) => write!(f, "{} refuted", node.short()),
            NodeEvent::PeerDead(node) => write!(f, "{} is dead", node.short()),
            NodeEvent::PeerLeft(node) => write!(f, "{} left", node.short()),
            NodeEvent::PeerRestless(node) => write!(f, "{} comes and goes", node.short()),
            NodeEvent::Standing(standing) => write!(f, "own standing: {standing:?}"),
            NodeEvent::Leader { leader, term } => match leader {
                Some(leader) => write!(f, "{} leads term {term}", leader.short()),
                None => write!(f, "no leader in term {term}"),
            },
            NodeEvent::Admitted { node, name } => write!(f, "admitted {name} ({})", node.short()),
            NodeEvent::Learner(node) => write!(f, "{} learns the log", node.short()),
            NodeEvent::Voter(node) => write!(f, "{} votes", node.short()),
            NodeEvent::Demoted(node) => write!(f, "{} votes no more", node.short()),
            NodeEvent::Removed(node) => write!(f, "removed {}", node.short()),
            NodeEvent::Corrected { address, version } => {
                write!(f, "in the ledger at {address}, with version {version}")
            }
            NodeEvent::Version(version) => write!(f, "the cluster runs at version {version}"),
            NodeEvent::ToldRevoked { from, count } => {
                write!(f, "told by {} of {count} revocations", from.short())
            }
            NodeEvent::Renewed { until_s } => write!(f, "certificate until {until_s}"),
            NodeEvent::RenewalFailed { why } => write!(f, "no new certificate: {why}"),
            NodeEvent::Issuer { until_s } => write!(f, "issuer until {until_s}"),
            NodeEvent::StoreDamaged { why } => write!(f, "replicated store put aside: {why}"),
            NodeEvent::StoreFull { full: true } => {
                f.write_str("the disk is full: the replicated store takes no writes")
            }
            NodeEvent::StoreFull { full: false } => {
                f.write_str("the disk has room: the replicated store takes writes again")
            }
            NodeEvent::BlobHeld { hash } => write!(f, "has blob {hash}"),
            NodeEvent::BlobDamaged { hash } => write!(f, "damaged blob {hash} put aside"),
            NodeEvent::BlobDropped { hash } => write!(f, "blob {hash} dropped: nobody names it"),
            NodeEvent::Fault { why } => write!(f, "fault: {why}"),
            NodeEvent::ActorFailed { path, why } => write!(f, "{path} failed: {why}"),
        }
    }
}

/// Sees a node's events. Must not block.
pub trait EventSink: Send + Sync {
    fn event(&self, now: Time, event: &NodeEvent);
}

/// Writes them to the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogEvents;

impl EventSink for LogEvents {
    fn event(&self, _: Time, event: &NodeEvent) {
        tracing::info!("{event}");
    }
}
