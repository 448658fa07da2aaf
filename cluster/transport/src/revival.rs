//! How a member whose certificate has ended proves that it is still itself: with the certificate's
//! key it signs its request together with this TLS session's exporter, so a recorded proof is worth
//! nothing elsewhere.
//!
//! The old certificate is believed as at the moment when it began; that it has ended since is all
//! that is overlooked. Whether the cluster still wants the member is the ledger's word, and is not
//! asked here.

use crate::certificate::{AuthorityCertificate, CertificateFault, NodeCertificate};
use crate::identity::Identity;
use crate::keys;
use crate::verify::check_chain;
use base::ContentHash;
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use std::time::Duration;
use webpki::KeyUsage;

/// What a member hands in that has no certificate in time.
#[derive(Clone, Copy, Debug)]
pub struct RevivalProof<'a> {
    /// The old certificate first, the root last.
    pub chain: &'a [Bytes],
    /// The request for the next certificate.
    pub csr: &'a [u8],
    /// By the old certificate's key.
    pub signature: &'a [u8],
}

/// A certificate whose holder has signed, whether or not it is in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCertificate {
    pub certificate: NodeCertificate,
    /// When its issuer ends, since the Unix epoch.
    pub issuer_until: Duration,
}

/// Why a proof proves nothing. The sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevivalFault {
    #[error("a chain has a node's, an issuer's and a root certificate, not {0}")]
    Length(usize),
    #[error("the old certificate: {0}")]
    Certificate(#[from] CertificateFault),
    #[error("the old certificate is another cluster's")]
    OtherCluster,
    #[error("the old certificate does not lead to this cluster's root: {0}")]
    Chain(String),
    /// The key is another one, or the signature was made for another request or session.
    #[error("the signature is not of the old certificate's key over this request and session")]
    Signature,
}

impl Identity {
    /// Binds a certificate request to this node's key and to one TLS session.
    pub fn sign_revival(&self, csr: &[u8], exporter: &[u8; 32]) -> Vec<u8> {
        self.seed()
            .sign(&signed_text(&self.root_hash(), csr, exporter))
    }

    /// Whose proof it is, where it is a proof for a member of this identity's cluster.
    pub fn check_revival(
        &self,
        proof: &RevivalProof<'_>,
        exporter: &[u8; 32],
    ) -> Result<PastCertificate, RevivalFault> {
        let [leaf, issuer, root] = proof.chain else {
            return Err(RevivalFault::Length(proof.chain.len()));
        };
        let certificate = NodeCertificate::read(leaf)?;
        if root[..] != self.root()[..] || certificate.cluster != self.cluster() {
            return Err(RevivalFault::OtherCluster);
        }
        let text = signed_text(&self.root_hash(), proof.csr, exporter);
        if !keys::verify(&certificate.key, &text, proof.signature) {
            return Err(RevivalFault::Signature);
        }
        let root_says =
            AuthorityCertificate::read(self.root(), None).map_err(RevivalFault::Chain)?;
        let issuer_says = AuthorityCertificate::read(issuer, Some(&root_says.key))
            .map_err(RevivalFault::Chain)?;
        let above = [CertificateDer::from(&issuer[..])];
        let (leaf, then) = (CertificateDer::from(&leaf[..]), certificate.not_before);
        check_chain(&leaf, &above, self.root(), then, KeyUsage::client_auth())
            .map_err(|error| RevivalFault::Chain(error.to_string()))?;
        Ok(PastCertificate {
            certificate,
            issuer_until: issuer_says.not_after,
        })
    }
}

/// All parts but the last have one length, so no two requests give one text; and no other text that
/// a node's key signs begins as this one does.
fn signed_text(root: &ContentHash, csr: &[u8], exporter: &[u8; 32]) -> Vec<u8> {
    [SIGNED_CONTEXT, &root.0, exporter, csr].concat()
}

const SIGNED_CONTEXT: &[u8] = b"rlm1 revival request";

#[cfg(test)]
mod tests;
