//! What can be proposed, and who may propose it from another machine.

use super::{NewMember, NewVersion, Serial, TokenRef, TokenSpec};
use base::{ClusterId, ContentHash, Epoch, JobId, NodeId, PeerRole, PeerRoles, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A command as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// The cluster's time where the leader took the command: it goes on from the newest stamp that
    /// the leader applied, so it never goes back and needs no agreed wall clock.
    pub at: Time,
    /// Who did it, for the audit log: a node, or a client by its name.
    pub by: String,
    pub command: Command,
}

/// The layout of a variant never changes; a new need is a new variant at the end, with its version
/// in [`Command::since`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The first command of a cluster.
    Found {
        cluster: ClusterId,
        member: NewMember,
    },
    CreateToken(TokenSpec),
    RevokeToken {
        id: TokenRef,
    },
    /// Burns one use of the token and admits the node, both or neither. The member's roles are the
    /// token's.
    Join {
        token: TokenRef,
        member: NewMember,
    },
    UpdateMember {
        node: NodeId,
        address: Option<String>,
        serial: Option<Serial>,
        version: Option<u16>,
    },
    SetRoles {
        node: NodeId,
        roles: PeerRoles,
    },
    RemoveMember {
        node: NodeId,
        reason: String,
    },
    Revoke {
        what: Revocation,
        reason: String,
    },
    Set {
        name: String,
        /// `None` goes back to the default.
        value: Option<String>,
    },
    /// Lets commands of this version in, once every member can read them.
    RaiseVersion {
        to: u16,
    },
    /// Only an entry in the audit log: something that a person forced.
    Note {
        what: String,
    },
    SnapshotTaken {
        index: u64,
        hash: ContentHash,
    },
    AcceptJob {
        /// Made by the proposer; what counts is the id in the outcome.
        job: JobId,
        key: String,
        body: ContentHash,
    },
    AssignJob {
        job: JobId,
        node: NodeId,
        /// The epoch that the proposer saw. The job gets the next one, unless it moved on.
        seen: Epoch,
    },
    FinishJob {
        job: JobId,
        node: NodeId,
        epoch: Epoch,
        answer: ContentHash,
        holders: Vec<NodeId>,
    },
    FailJob {
        job: JobId,
        node: NodeId,
        epoch: Epoch,
        reason: String,
    },
    CancelJob {
        job: JobId,
    },
    /// The owner needs an ended job no longer; its key is free again.
    ForgetJob {
        job: JobId,
    },
    Publish(NewVersion),
    Promote {
        name: String,
        version: u32,
    },
    /// To a version, or to what was promoted before.
    Rollback {
        name: String,
        to: Option<u32>,
    },
}

/// What loses its standing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Revocation {
    Serial(Serial),
    Node(NodeId),
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    /// `already`: this very node had joined before with this very token.
    Joined {
        index: u64,
        already: bool,
    },
    /// `already`: the same key and body were accepted before under this id.
    Job {
        job: JobId,
        epoch: Epoch,
        already: bool,
    },
    /// The revocation's own number; a node that knows it knows all before.
    Revoked {
        epoch: Epoch,
    },
    Version {
        name: String,
        version: u32,
    },
}

impl Command {
    /// The cluster version that brought the command.
    pub fn since(&self) -> u16 {
        match self {
            Command::Found { .. }
            | Command::CreateToken(_)
            | Command::RevokeToken { .. }
            | Command::Join { .. }
            | Command::UpdateMember { .. }
            | Command::SetRoles { .. }
            | Command::RemoveMember { .. }
            | Command::Revoke { .. }
            | Command::Set { .. }
            | Command::RaiseVersion { .. }
            | Command::Note { .. }
            | Command::SnapshotTaken { .. }
            | Command::AcceptJob { .. }
            | Command::AssignJob { .. }
            | Command::FinishJob { .. }
            | Command::FailJob { .. }
            | Command::CancelJob { .. }
            | Command::ForgetJob { .. }
            | Command::Publish(_)
            | Command::Promote { .. }
            | Command::Rollback { .. } => 1,
        }
    }

    /// Whether this peer may propose it over the network. A voter speaks for the clients that it
    /// has checked; a worker only for itself and for jobs.
    pub fn allowed(&self, from: NodeId, roles: PeerRoles) -> bool {
        // Where a node is and what it speaks only it knows; a voter records another's certificate.
        if let Command::UpdateMember {
            node,
            address,
            version,
            ..
        } = self
            && (address.is_some() || version.is_some())
            && *node != from
        {
            return false;
        }
        if roles.has(PeerRole::Voter) {
            return !matches!(self, Command::Found { .. });
        }
        match self {
            Command::Found { .. }
            | Command::Join { .. }
            | Command::SnapshotTaken { .. }
            | Command::RaiseVersion { .. } => false,
            Command::CreateToken(_)
            | Command::RevokeToken { .. }
            | Command::SetRoles { .. }
            | Command::Revoke { .. }
            | Command::Set { .. }
            | Command::Note { .. }
            | Command::Promote { .. }
            | Command::Rollback { .. } => roles.has(PeerRole::ClientAdmin),
            // Whoever is in may leave.
            Command::RemoveMember { node, .. } => {
                roles.has(PeerRole::ClientAdmin) || (*node == from && roles.meets(NODES))
            }
            Command::UpdateMember { node, .. } => *node == from && roles.meets(NODES),
            Command::FinishJob { node, .. } | Command::FailJob { node, .. } => {
                *node == from && roles.meets(NODES)
            }
            Command::AssignJob { .. } => roles.meets(NODES),
            Command::Publish(_) => roles.meets(NODES.with(PeerRole::ClientAdmin)),
            Command::AcceptJob { .. } | Command::CancelJob { .. } | Command::ForgetJob { .. } => {
                roles.meets(
                    NODES
                        .with(PeerRole::ClientAdmin)
                        .with(PeerRole::ClientSubmit),
                )
            }
        }
    }

    /// What the audit log says of it; `None` for what happens all the time.
    pub(super) fn audited(&self) -> Option<String> {
        Some(match self {
            Command::Found { cluster, member } => {
                format!(
                    "founded cluster {cluster} on {} ({})",
                    member.name, member.node
                )
            }
            Command::CreateToken(spec) => {
                format!(
                    "token {} for {} ({} uses)",
                    hex(&spec.id),
                    spec.roles,
                    spec.uses
                )
            }
            Command::RevokeToken { id } => format!("revoked token {}", hex(id)),
            Command::Join { token, member } => {
                format!(
                    "{} ({}) joined with token {}",
                    member.name,
                    member.node,
                    hex(token)
                )
            }
            Command::SetRoles { node, roles } => format!("{node} is now {roles}"),
            Command::RemoveMember { node, reason } => format!("removed {node}: {reason}"),
            Command::Revoke { what, reason } => format!("revoked {what}: {reason}"),
            Command::Set { name, value } => {
                format!("{name} = {}", value.as_deref().unwrap_or("(default)"))
            }
            Command::RaiseVersion { to } => format!("cluster version {to}"),
            Command::Note { what } => what.clone(),
            Command::Promote { name, version } => format!("promoted {name} version {version}"),
            Command::Rollback { name, to } => match to {
                Some(version) => format!("rolled {name} back to version {version}"),
                None => format!("rolled {name} back"),
            },
            Command::UpdateMember { .. }
            | Command::SnapshotTaken { .. }
            | Command::AcceptJob { .. }
            | Command::AssignJob { .. }
            | Command::FinishJob { .. }
            | Command::FailJob { .. }
            | Command::CancelJob { .. }
            | Command::ForgetJob { .. }
            | Command::Publish(_) => return None,
        })
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revocation::Serial(serial) => write!(f, "certificate {}", hex(serial)),
            Revocation::Node(node) => write!(f, "node {node}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const NODES: PeerRoles =
    PeerRoles::of(&[PeerRole::Voter, PeerRole::VoterCandidate, PeerRole::Worker]);
