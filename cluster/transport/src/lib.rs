//! How nodes reach and know each other: certificates, join tokens, and requests over QUIC.
//!
//! Owns identity (authority, node certificates, tokens), the QUIC endpoint with one link for each
//! pair of nodes, and the decision who may send what. Knows nothing of what messages mean: it moves
//! wire frames and reports peers. Never a plaintext byte, never 0-RTT, never a request whose sender
//! may not send it, never a wait without an end.

mod access;
mod admission;
mod authority;
mod backoff;
mod bounds;
mod certificate;
mod endpoint;
mod errors;
mod files;
mod greeting;
mod https;
mod identity;
mod join;
mod keys;
mod link;
mod metrics;
mod rank;
mod renewal;
mod revival;
mod revocations;
mod settings;
mod sockets;
mod streams;
mod tls;
mod token;
mod verify;
mod wall;

pub use access::{AccessFacts, authorise, standing};
pub use authority::{
    Authority, AuthorityError, CertificateGrant, IssuerRecord, NODE_LIFE, check_name,
};
pub use backoff::pause as backoff_pause;
pub use certificate::{CertificateFault, NodeCertificate, Serial};
pub use endpoint::{
    DatagramError, Endpoint, EndpointLoad, IdentitySwapError, SessionFrame, SocketLost, StartError,
    datagram_kind,
};
pub use errors::{
    CallError, CertificateRefusal, Denial, DialError, DownReason, JoinError, Refusal,
};
pub use files::{KeyFileError, read as read_private, write as write_private};
pub use greeting::{Greeting, greet};
pub use https::{HttpsClient, HttpsServer, https_client, https_name, https_server, root_hash_of};
pub use identity::{Identity, IdentityError, request};
pub use join::{JoinAsk, JoinReply, join_call};
pub use keys::KeySeed;
pub use link::{Caller, Handler, LinkEvent, LinkFacts};
pub use metrics::TransportMetrics;
pub use renewal::Renewal;
pub use revival::{PastCertificate, RevivalFault, RevivalProof};
pub use revocations::Revocations;
pub use settings::{InFlight, Settings, SettingsError};
pub use sockets::Sockets;
pub use tls::TlsError;
pub use token::{Token, TokenError, TokenId, TokenRecord};
pub use verify::CLOCK_LEEWAY;
pub use wall::{SystemWallClock, WallClock};

/// What a chain of certificates is made of.
pub use rustls::pki_types::CertificateDer;
