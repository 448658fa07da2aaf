//! The kinds of message and the table of what each may be: how large, how urgent, from whom.
//!
//! Every column is an exhaustive match, so that a new kind does not compile without its row.

use base::{PeerRole, PeerRoles};

/// What a frame's body is. A number is never used for a second layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// First words on a connection: version, name, roles.
    Hello = 1,
    /// A stranger with a token asks for a certificate.
    Join = 2,
    /// A node asks for its next certificate.
    Renew = 3,
    /// A member whose certificate has ended asks for its next one, with a proof of its key.
    Revive = 4,
    RaftAppend = 16,
    RaftVote = 17,
    RaftPreVote = 18,
    RaftSnapshot = 19,
    RaftTransfer = 20,
    /// A command for the replicated state machine, handed to the leader.
    Propose = 32,
    /// A read of the replicated state, with its consistency.
    Read = 33,
    /// The issuing key, from voter to new voter.
    IssuerKey = 34,
    /// The list of what is revoked.
    Revoked = 35,
    /// Small changes of the CRDT stores, announcements of them and requests for them.
    Gossip = 48,
    /// Comparison of whole CRDT stores, and what repairs them.
    Digest = 49,
    /// Failure detection, a datagram.
    Swim = 64,
    /// Path check through a third node.
    Probe = 65,
    BlobGet = 80,
    BlobPut = 81,
    Echo = 96,
    Status = 97,
}

/// Which stream a kind travels on: an earlier class never waits for a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Control,
    Calls,
    Bulk,
}

/// Who may send a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callers {
    /// A certificate with any of these roles.
    pub roles: PeerRoles,
    /// Whether a peer without a certificate may.
    pub stranger: bool,
}

impl Kind {
    pub const ALL: &[Kind] = &[
        Kind::Hello,
        Kind::Join,
        Kind::Renew,
        Kind::Revive,
        Kind::RaftAppend,
        Kind::RaftVote,
        Kind::RaftPreVote,
        Kind::RaftSnapshot,
        Kind::RaftTransfer,
        Kind::Propose,
        Kind::Read,
        Kind::IssuerKey,
        Kind::Revoked,
        Kind::Gossip,
        Kind::Digest,
        Kind::Swim,
        Kind::Probe,
        Kind::BlobGet,
        Kind::BlobPut,
        Kind::Echo,
        Kind::Status,
    ];

    pub fn from_u16(number: u16) -> Option<Kind> {
        Kind::ALL
            .iter()
            .copied()
            .find(|kind| *kind as u16 == number)
    }

    pub fn class(self) -> Class {
        match self {
            Kind::Hello
            | Kind::Join
            | Kind::Renew
            | Kind::Revive
            | Kind::RaftAppend
            | Kind::RaftVote
            | Kind::RaftPreVote
            | Kind::RaftTransfer
            | Kind::Revoked
            | Kind::Swim
            | Kind::Probe => Class::Control,
            Kind::Propose
            | Kind::Read
            | Kind::IssuerKey
            | Kind::Gossip
            | Kind::Echo
            | Kind::Status => Class::Calls,
            Kind::RaftSnapshot | Kind::Digest | Kind::BlobGet | Kind::BlobPut => Class::Bulk,
        }
    }

    /// Most bytes of a body, request or reply, after unpacking.
    pub fn max_bytes(self) -> usize {
        match self {
            Kind::Hello | Kind::RaftVote | Kind::RaftPreVote | Kind::RaftTransfer | Kind::Probe => {
                4 * KIB
            }
            Kind::Join | Kind::Renew | Kind::Revive | Kind::IssuerKey => 16 * KIB,
            Kind::RaftAppend => 4 * MIB,
            Kind::RaftSnapshot => 64 * MIB,
            Kind::Propose | Kind::Revoked | Kind::Digest | Kind::Echo | Kind::Status => MIB,
            Kind::Read => 4 * MIB,
            Kind::Gossip => 256 * KIB,
            Kind::Swim => DATAGRAM_BYTES,
            Kind::BlobGet | Kind::BlobPut => 8 * MIB,
        }
    }

    pub fn callers(self) -> Callers {
        let (roles, stranger) = match self {
            Kind::Hello => (ANYBODY, true),
            // Whoever has a certificate is in already, and renews it. Those without prove who they
            // are by a signature over the session, which the receiver checks.
            Kind::Join | Kind::Revive => (PeerRoles::NONE, true),
            Kind::Renew => (ANYBODY, false),
            // Only voters lead or stand for election; learners answer, which is no call. A promoted
            // node renews its certificate before it can stand.
            Kind::RaftAppend
            | Kind::RaftVote
            | Kind::RaftPreVote
            | Kind::RaftSnapshot
            | Kind::RaftTransfer => (VOTERS, false),
            Kind::Propose => (
                NODES
                    .with(PeerRole::ClientAdmin)
                    .with(PeerRole::ClientSubmit),
                false,
            ),
            Kind::Read => (ANYBODY.without(PeerRole::Metrics), false),
            // A false list of revocations would cut off the innocent, so a worker may not send one.
            Kind::IssuerKey | Kind::Revoked => (VOTERS, false),
            Kind::Gossip | Kind::Digest | Kind::Swim | Kind::Probe => (NODES, false),
            Kind::BlobGet | Kind::BlobPut => (NODES.with(PeerRole::ClientAdmin), false),
            Kind::Echo => (
                NODES.with(PeerRole::ClientAdmin).with(PeerRole::ClientRead),
                false,
            ),
            Kind::Status => (ANYBODY, false),
        };
        Callers { roles, stranger }
    }

    /// The first version that has it. A peer that is older must not be sent it.
    pub fn since(self) -> u16 {
        match self {
            Kind::Hello
            | Kind::Join
            | Kind::Renew
            | Kind::Revive
            | Kind::RaftAppend
            | Kind::RaftVote
            | Kind::RaftPreVote
            | Kind::RaftSnapshot
            | Kind::RaftTransfer
            | Kind::Propose
            | Kind::Read
            | Kind::IssuerKey
            | Kind::Revoked
            | Kind::Gossip
            | Kind::Digest
            | Kind::Swim
            | Kind::Probe
            | Kind::BlobGet
            | Kind::BlobPut
            | Kind::Echo
            | Kind::Status => 1,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Hello => "hello",
            Kind::Join => "join",
            Kind::Renew => "renew",
            Kind::Revive => "revive",
            Kind::RaftAppend => "raft-append",
            Kind::RaftVote => "raft-vote",
            Kind::RaftPreVote => "raft-pre-vote",
            Kind::RaftSnapshot => "raft-snapshot",
            Kind::RaftTransfer => "raft-transfer",
            Kind::Propose => "propose",
            Kind::Read => "read",
            Kind::IssuerKey => "issuer-key",
            Kind::Revoked => "revoked",
            Kind::Gossip => "gossip",
            Kind::Digest => "digest",
            Kind::Swim => "swim",
            Kind::Probe => "probe",
            Kind::BlobGet => "blob-get",
            Kind::BlobPut => "blob-put",
            Kind::Echo => "echo",
            Kind::Status => "status",
        }
    }
}

impl Callers {
    /// Whether a peer may call: `None` is one without a certificate.
    pub fn allow(&self, certified: Option<PeerRoles>) -> bool {
        match certified {
            Some(roles) => self.roles.meets(roles),
            None => self.stranger,
        }
    }
}

const VOTERS: PeerRoles = PeerRoles::of(&[PeerRole::Voter]);
const NODES: PeerRoles =
    PeerRoles::of(&[PeerRole::Voter, PeerRole::VoterCandidate, PeerRole::Worker]);
const ANYBODY: PeerRoles = PeerRoles::of(&PeerRole::ALL);

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Bytes of a body that fits a QUIC datagram on every path: 1,200 is what QUIC demands of a path,
/// less its own overhead and our header.
const DATAGRAM_BYTES: usize = 1120;
