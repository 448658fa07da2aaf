//! What can go wrong between two nodes, one enum for each operation.

use base::NodeId;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use wire::DecodeError;

/// The called node's answer where it gives none. Except `Failed`, nothing was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("not authorised: {0}")]
    Unauthorised(Denial),
    /// Ask the other node.
    #[error("this node does not lead{}", leader(hint))]
    NotLeader { hint: Option<NodeId> },
    #[error("overloaded: wait {} ms", retry_after.as_millis())]
    Overloaded { retry_after: Duration },
    #[error("the message is larger than the {max} bytes that its kind may have")]
    TooLarge { max: u64 },
    /// The caller's time was over before the work began, or before it ended.
    #[error("the time for the request was over")]
    Deadline,
    #[error("the node speaks version {ours} only")]
    Version { ours: u16 },
    #[error("the node does not know this kind of message")]
    Unsupported,
    /// The work was begun and failed; what `code` means is the callee's and caller's business.
    #[error("failed with {code}: {text}")]
    Failed { code: u16, text: String },
}

fn leader(hint: &Option<NodeId>) -> String {
    hint.map_or(String::new(), |node| format!(", {} does", node.short()))
}

/// Why a peer may not call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Denial {
    #[error("the request needs a certificate")]
    NoCertificate,
    #[error("the certificate has ended, or the clocks are apart")]
    Expired,
    #[error("the certificate begins later, or the clocks are apart")]
    NotYetValid,
    #[error("the certificate was revoked")]
    Revoked,
    #[error("the certificate is another cluster's")]
    OtherCluster,
    #[error("the certificate's roles do not allow it")]
    Role,
}

/// Why a call has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no link, and none is being made. Nothing was sent.
    #[error("no link to {}: {why}", peer.short())]
    Unreachable { peer: NodeId, why: DialError },
    /// The link broke. If `sent`, the peer may have done what was asked.
    #[error("the link broke: {why}")]
    Lost { why: DownReason, sent: bool },
    /// No reply in time. The peer may have done what was asked.
    #[error("no reply within the deadline")]
    Deadline,
    /// Too many requests of this class to this peer are under way. Nothing was sent.
    #[error("too many requests to this peer are under way")]
    Overloaded,
    /// The caller's mistake. Nothing was sent.
    #[error("{len} bytes, where a message of this kind may have {max}")]
    TooLarge { len: usize, max: usize },
    #[error(transparent)]
    Refused(Refusal),
    /// What came back is no reply.
    #[error("the reply cannot be read: {0}")]
    Reply(DecodeError),
    #[error("the reply is cut off")]
    ReplyCut,
    /// The endpoint was closed.
    #[error("the node is shutting down")]
    Closed,
}

impl CallError {
    /// Whether the peer refuses this node's certificate because it was revoked.
    pub fn says_revoked(&self) -> bool {
        matches!(
            self,
            CallError::Unreachable {
                why: DialError::OurCertificate(CertificateRefusal::Revoked),
                ..
            } | CallError::Lost {
                why: DownReason::Refused(CertificateRefusal::Revoked),
                ..
            } | CallError::Refused(Refusal::Unauthorised(Denial::Revoked))
        )
    }
}

/// Why no link came up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    #[error("no address is known")]
    NoAddress,
    /// Nobody answered: the machine is off, the address wrong, or UDP is blocked on the way.
    #[error("no answer from {0}")]
    Silent(SocketAddr),
    /// Whoever answers there is not of this cluster, or of one with another root.
    #[error("{0} is not of this cluster")]
    OtherCluster(SocketAddr),
    /// The peer's certificate is not believed here.
    #[error("the peer's certificate is refused: {0}")]
    TheirCertificate(CertificateRefusal),
    /// Our certificate is not believed there.
    #[error("the peer refuses this node's certificate: {0}")]
    OurCertificate(CertificateRefusal),
    #[error(
        "the peer speaks version {theirs}, this node {}: at most one apart works",
        wire::VERSION
    )]
    Version { theirs: u16 },
    /// The address is this node's own.
    #[error("{0} is this node itself")]
    Own(SocketAddr),
    /// The peer turned us away; trying again later helps.
    #[error("the peer takes no more connections")]
    Full,
    #[error("the connection failed: {0}")]
    Broken(DownReason),
    /// The endpoint was closed.
    #[error("the node is shutting down")]
    Closed,
}

/// What is wrong with a certificate, as far as TLS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    #[error("it ended or begins later, or the clocks are apart")]
    Expired,
    #[error("it was revoked")]
    Revoked,
    #[error("another cluster issued it")]
    OtherCluster,
    #[error("it is another node's")]
    OtherNode,
    #[error("it cannot be read")]
    Garbled,
}

/// Why a link is no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// Nothing came for the idle time: the peer stopped, or the path broke.
    #[error("nothing was heard for the idle time")]
    Silent,
    /// The peer says that it knows nothing of the link: it was restarted.
    #[error("the peer was restarted")]
    Restarted,
    /// The peer shut down in order.
    #[error("the peer left")]
    Left,
    #[error("this node closed it")]
    Local,
    #[error("the certificate was revoked")]
    Revoked,
    #[error("the certificate has ended")]
    Expired,
    /// Another link between the two took over.
    #[error("another link took over")]
    Replaced,
    #[error("the peer takes no more connections")]
    Full,
    #[error("the peer refuses this node's certificate: {0}")]
    Refused(CertificateRefusal),
    /// The peer broke the protocol, or its stack did.
    #[error("the protocol was broken: {0}")]
    Protocol(String),
}

/// Why a join got no answer. Nothing secret left this machine, and a token is used up only if the
/// cluster answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// No seed answered.
    #[error("none of the token's {seeds} seeds answers: {last}")]
    NoAnswer { seeds: usize, last: DialError },
    /// Every seed that answered is of another cluster than the token's: nothing was sent to it.
    #[error("the node at {0} is not of the token's cluster: nothing was sent to it")]
    OtherCluster(SocketAddr),
    #[error("a seed of the token cannot be looked up: {0}")]
    Seed(String),
    /// The cluster answered no.
    #[error("the cluster refuses: {0}")]
    Refused(Refusal),
    #[error("no reply within the deadline")]
    Deadline,
    #[error("the answer cannot be read: {0}")]
    Reply(String),
    #[error("the socket cannot be used: {0}")]
    Socket(String),
}
