//! Which certificates are believed, for both ends of a connection.
//!
//! A chain is believed when it leads to the pinned root by Ed25519 signatures, is in time by the
//! given wall clock with [`CLOCK_LEEWAY`] to both sides, names a node of the expected cluster, is
//! not revoked, and, where the dialler expects a certain node, names that node. Host names and
//! addresses prove nothing here and are not looked at.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use crate::certificate::NodeCertificate;
use crate::keys::{self, ED25519};
use crate::{Revocations, WallClock};
use base::{ClusterId, ContentHash, NodeId};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use webpki::{EndEntityCert, KeyUsage};

/// What both verifiers know.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// None where the pinned root alone says which.
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) trust: Trust,
    pub(crate) wall: Arc<dyn WallClock>,
    pub(crate) revoked: watch::Receiver<Arc<Revocations>>,
    pub(crate) provider: Arc<CryptoProvider>,
}

#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// A member knows its root.
    Root(CertificateDer<'static>),
    /// A joiner knows only the root's hash; the server sends the root with its chain.
    Pin(ContentHash),
}

impl Verifier {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        usage: KeyUsage,
    ) -> Result<NodeCertificate, CertificateError> {
        let root = match &self.trust {
            Trust::Root(root) => root,
            Trust::Pin(hash) => above
                .iter()
                .find(|certificate| keys::hash(certificate) == *hash)
                .ok_or(CertificateError::UnknownIssuer)?,
        };
        check_chain(leaf, above, root, self.wall.unix(), usage)?;
        let node = NodeCertificate::read(leaf)
            .map_err(|_| CertificateError::ApplicationVerificationFailure)?;
        if self.cluster.is_some_and(|cluster| node.cluster != cluster) {
            return Err(CertificateError::UnknownIssuer);
        }
        if self.revoked.borrow().covers(&node) {
            return Err(CertificateError::Revoked);
        }
        Ok(node)
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let node = self.check(leaf, above, KeyUsage::server_auth())?;
        match expected_node(server_name) {
            Expected::Anybody => Ok(ServerCertVerified::assertion()),
            Expected::Node(expected) if expected == node.node => {
                Ok(ServerCertVerified::assertion())
            }
            Expected::Node(_) | Expected::Nonsense => Err(CertificateError::NotValidForName.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    /// A stranger may knock, since a joiner has no certificate yet. What a stranger may ask is
    /// decided for each request.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(leaf, above, KeyUsage::client_auth())?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Whether `leaf` leads to `root`, in time at `now` give or take the leeway.
pub(crate) fn check_chain(
    leaf: &CertificateDer<'_>,
    above: &[CertificateDer<'_>],
    root: &CertificateDer<'_>,
    now: Duration,
    usage: KeyUsage,
) -> Result<(), CertificateError> {
    let at = |time: Duration| {
        let anchor = webpki::anchor_from_trusted_cert(root)?;
        let leaf = EndEntityCert::try_from(leaf)?;
        let time = UnixTime::since_unix_epoch(time);
        leaf.verify_for_usage(&[ED25519], &[anchor], above, time, usage, None, None)?;
        Ok(())
    };
    let outcome = match at(now) {
        Err(webpki::Error::CertExpired { .. }) => at(now.saturating_sub(CLOCK_LEEWAY)),
        Err(webpki::Error::CertNotValidYet { .. }) => at(now + CLOCK_LEEWAY),
        other => other,
    };
    outcome.map_err(|error| match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::TrailingData(_) => {
            CertificateError::ApplicationVerificationFailure
        }
        // What remains are the ways of not leading to our root: it is somebody else's.
        _ => CertificateError::UnknownIssuer,
    })
}

enum Expected {
    Anybody,
    Node(NodeId),
    Nonsense,
}

/// The dialler's expectation travels to the verifier as the server name, which is never sent.
pub(crate) fn server_name(expected: Option<NodeId>) -> String {
    match expected {
        Some(node) => format!("{node}{NODE_SUFFIX}"),
        None => ANYBODY.to_owned(),
    }
}

fn expected_node(name: &ServerName<'_>) -> Expected {
    let name = name.to_str();
    if name == ANYBODY {
        return Expected::Anybody;
    }
    let node = name.strip_suffix(NODE_SUFFIX).map(str::parse);
    match node {
        Some(Ok(node)) => Expected::Node(node),
        Some(Err(_)) | None => Expected::Nonsense,
    }
}

/// How far two nodes' wall clocks may be apart. Beyond it certificates that were just issued seem
/// to be of the future, and the node's own alarm tells why.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(10 * 60);
const ANYBODY: &str = "anybody.rlm";
const NODE_SUFFIX: &str = ".rlm";

#[cfg(test)]
mod tests;
