//! TLS for an API over TCP, made of the cluster's own certificates: TLS 1.3 alone, no resumption,
//! host names prove nothing. The server shows a node's certificate with its chain; the client pins
//! the root's hash. A client may show a certificate; a chain of another root ends the handshake.

use crate::authority::{CERTIFICATE, load_blocks};
use crate::certificate::AuthorityCertificate;
use crate::identity::Identity;
use crate::keys;
use crate::tls::{self, TlsError};
use crate::verify::{Trust, Verifier, server_name};
use crate::{KeyFileError, Revocations, WallClock};
use base::ContentHash;
use rustls::pki_types::ServerName;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

pub use rustls::{ClientConfig as HttpsClient, ServerConfig as HttpsServer};

/// For a node's API. Made anew for each connection, so that a renewed certificate is shown at once.
pub fn https_server(
    identity: &Identity,
    revoked: watch::Receiver<Arc<Revocations>>,
    wall: Arc<dyn WallClock>,
) -> Result<Arc<HttpsServer>, TlsError> {
    let verifier = Arc::new(Verifier {
        cluster: Some(identity.cluster()),
        trust: Trust::Root(identity.root().clone()),
        wall: wall.clone(),
        revoked,
        provider: tls::provider(),
    });
    tls::server_config(identity, verifier, wall, ALPN).map(Arc::new)
}

/// For a client that knows the hash of a cluster's root, and that may have a certificate of it.
pub fn https_client(
    pin: ContentHash,
    identity: Option<&Identity>,
    wall: Arc<dyn WallClock>,
) -> Result<Arc<HttpsClient>, TlsError> {
    // Whoever is outside knows of no revocation; a member's 24 hours bound what that may cost.
    let (_, revoked) = watch::channel(Arc::new(Revocations::default()));
    let verifier = Arc::new(Verifier {
        // The root is of one cluster.
        cluster: None,
        trust: Trust::Pin(pin),
        wall: wall.clone(),
        revoked,
        provider: tls::provider(),
    });
    tls::client_config(identity, verifier, wall, ALPN).map(Arc::new)
}

/// What the client calls the server: any node of the cluster. It is not sent.
pub fn https_name() -> ServerName<'static> {
    let name = ServerName::try_from(server_name(None));
    name.expect("the name of anybody is a host name")
}

/// The hash of the root in a file: the root's certificate alone, or a chain that ends with it, such
/// as a node's.
pub fn root_hash_of(path: &Path) -> Result<ContentHash, KeyFileError> {
    let blocks = load_blocks(path, CERTIFICATE)?;
    let root = blocks
        .last()
        .ok_or_else(|| KeyFileError::damaged(path, "it holds no certificate"))?;
    AuthorityCertificate::read(root, None)
        .map_err(|why| KeyFileError::damaged(path, format!("its last one is no root: {why}")))?;
    Ok(keys::hash(root))
}

const ALPN: &[u8] = b"http/1.1";
