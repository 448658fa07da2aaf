//! Bodies of the messages between nodes that no crate below owns. A layout never changes: a new
//! need is a new kind.

use base::{ClusterId, NodeId, PeerRoles};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use transport::{IssuerRecord, TokenId};

/// `Kind::Join`: a stranger asks to be let in. What the token's key signs is [`JoinRequest::claim`]
/// together with the certificate request and the TLS session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinRequest {
    pub(crate) token: TokenId,
    pub(crate) csr: Bytes,
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) pool: Option<String>,
    /// Where the joiner listens. An unspecified host stands for the one that the cluster sees.
    pub(crate) address: String,
    pub(crate) version: u16,
    pub(crate) signature: Bytes,
}

impl JoinRequest {
    /// Everything that the joiner says of itself, as one text. Lengths keep the parts apart.
    pub(crate) fn claim(&self) -> String {
        let pool = self.pool.as_deref().unwrap_or_default();
        format!(
            "{} {} {}:{} {}:{} {}:{}",
            self.node,
            self.version,
            self.name.len(),
            self.name,
            pool.len(),
            pool,
            self.address.len(),
            self.address,
        )
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinReply {
    pub(crate) cluster: ClusterId,
    pub(crate) cluster_name: String,
    /// The joiner's certificate first, the root last.
    pub(crate) chain: Vec<Bytes>,
    pub(crate) roles: PeerRoles,
    /// Where the joiner can be dialled, as the cluster wrote it down.
    pub(crate) address: SocketAddr,
    pub(crate) peers: Vec<PeerAddress>,
    /// This very node had joined before; nothing was used up.
    pub(crate) already: bool,
    /// The admitting node's calendar, for the joiner to compare its own with.
    pub(crate) unix: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerAddress {
    pub(crate) node: NodeId,
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// `Kind::Renew`: who asks is in its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenewRequest {
    pub(crate) csr: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenewReply {
    pub(crate) chain: Vec<Bytes>,
}

/// `Kind::Revive`: a member whose certificate has ended proves that it has the certificate's key.
/// The answer is a [`RenewReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReviveRequest {
    /// The ended certificate first, the root last.
    pub(crate) chain: Vec<Bytes>,
    pub(crate) csr: Bytes,
    /// By the ended certificate's key, over the request and the TLS session.
    pub(crate) signature: Bytes,
}

/// `Kind::IssuerKey`: a voter asks for the issuer that another one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IssuerRequest;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IssuerReply {
    pub(crate) issuer: IssuerRecord,
}

/// `Kind::Probe`: can you reach that node? `Kind::Echo`: send this back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProbeRequest {
    pub(crate) target: NodeId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProbeReply {
    /// None when the target did not answer.
    pub(crate) rtt: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EchoBody {
    pub(crate) payload: Bytes,
    /// The answering node's calendar; zero in a request.
    pub(crate) unix: Duration,
}

/// Codes of [`transport::Refusal::Failed`], so that the caller can branch. Who is older takes a
/// code that it does not know for [`FailCode::Internal`], and still has the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FailCode {
    /// The token is unknown, expired, used up or revoked.
    Token = 1,
    /// The signature does not fit: the token was changed, or somebody stands in between.
    Signature = 2,
    /// The cluster refuses this member for another reason, named in the text.
    Refused = 3,
    /// The versions do not go together: more than one apart, or older than the cluster's.
    Version = 4,
    /// No quorum answers now; asking again later helps.
    NoQuorum = 5,
    /// This node cannot issue certificates now.
    NoIssuer = 6,
    /// The body is not what its kind says.
    Garbled = 7,
    /// The command may or may not have been committed.
    Unknown = 8,
    /// Anything else; the text says what.
    Internal = 9,
    /// The node does not have the blob, or cannot get it.
    NoBlob = 10,
    /// The node's disk has no room for it.
    NoRoom = 11,
    /// Another member has the name.
    NameTaken = 12,
    /// The id was removed, and none is used twice.
    Retired = 13,
    /// The cluster admits nobody now.
    Closed = 14,
    /// The token is for another name or pool.
    TokenBound = 15,
}

impl FailCode {
    pub fn of(code: u16) -> FailCode {
        match code {
            1 => FailCode::Token,
            2 => FailCode::Signature,
            3 => FailCode::Refused,
            4 => FailCode::Version,
            5 => FailCode::NoQuorum,
            6 => FailCode::NoIssuer,
            7 => FailCode::Garbled,
            8 => FailCode::Unknown,
            10 => FailCode::NoBlob,
            11 => FailCode::NoRoom,
            12 => FailCode::NameTaken,
            13 => FailCode::Retired,
            14 => FailCode::Closed,
            15 => FailCode::TokenBound,
            _ => FailCode::Internal,
        }
    }
}

#[cfg(test)]
mod tests;
