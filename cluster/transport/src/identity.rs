//! Who a node is: its key, made on the spot and never sent anywhere, and the certificate chain that
//! the cluster gave it for that key.

use crate::authority::{CERTIFICATE, PRIVATE_KEY, load_blocks, load_key};
use crate::certificate::{AuthorityCertificate, NodeCertificate};
use crate::files::{self, KeyFileError, to_pem};
use crate::keys::{self, KeySeed};
use crate::renewal::Renewal;
use crate::verify::check_chain;
use base::{ClusterId, ContentHash, NodeId, PeerRoles};
use rcgen::{CertificateParams, DistinguishedName, DnType};
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use webpki::KeyUsage;

/// A key with its certificate chain: the node's own first, the root last.
#[derive(Clone)]
pub struct Identity {
    seed: KeySeed,
    chain: Vec<CertificateDer<'static>>,
    certificate: NodeCertificate,
    /// From when to when the issuer in the chain may sign.
    issuer_life: (Duration, Duration),
}

/// Why a chain is no identity. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("a chain has a node's, an issuer's and a root certificate, not {0}")]
    Length(usize),
    #[error("the node's certificate: {0}")]
    Certificate(#[from] crate::CertificateFault),
    #[error("the chain does not lead to its root: {0}")]
    Chain(String),
    /// The chain was made for somebody else's key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// The cluster that answered is not the one that was meant.
    #[error("the chain leads to the root {found}, where {expected} was expected")]
    OtherRoot {
        expected: ContentHash,
        found: ContentHash,
    },
}

impl Identity {
    /// Checks that the parts fit together; not whether the certificate is still in time, since an
    /// old identity is what a node renews with.
    pub fn new(
        seed: KeySeed,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Identity, IdentityError> {
        let [leaf, issuer, root] = chain.as_slice() else {
            return Err(IdentityError::Length(chain.len()));
        };
        let certificate = NodeCertificate::read(leaf)?;
        if certificate.key != seed.public() {
            return Err(IdentityError::OtherKey);
        }
        let broken = |why: String| IdentityError::Chain(why);
        let root_says = AuthorityCertificate::read(root, None).map_err(broken)?;
        let issuer_says = AuthorityCertificate::read(issuer, Some(&root_says.key));
        let issuer_says = issuer_says.map_err(broken)?;
        let (issuer, then) = (std::slice::from_ref(issuer), certificate.not_before);
        check_chain(leaf, issuer, root, then, KeyUsage::client_auth())
            .map_err(|error| broken(error.to_string()))?;
        Ok(Identity {
            seed,
            chain,
            certificate,
            issuer_life: (issuer_says.not_before, issuer_says.not_after),
        })
    }

    /// As [`Identity::new`], for a chain that came over the network: it must lead to the root that
    /// the token, or the identity before, names.
    pub fn adopt(
        seed: KeySeed,
        chain: Vec<CertificateDer<'static>>,
        expected: ContentHash,
    ) -> Result<Identity, IdentityError> {
        let identity = Identity::new(seed, chain)?;
        let found = identity.root_hash();
        if found != expected {
            return Err(IdentityError::OtherRoot { expected, found });
        }
        Ok(identity)
    }

    pub fn node(&self) -> NodeId {
        self.certificate.node
    }

    pub fn cluster(&self) -> ClusterId {
        self.certificate.cluster
    }

    pub fn roles(&self) -> PeerRoles {
        self.certificate.roles
    }

    pub fn certificate(&self) -> &NodeCertificate {
        &self.certificate
    }

    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub fn root_hash(&self) -> ContentHash {
        keys::hash(self.root())
    }

    /// The root's certificate alone, in the form that other tools read.
    pub fn root_pem(&self) -> String {
        to_pem(CERTIFICATE, [self.root().as_ref()])
    }

    /// Whether to ask the cluster for a new certificate.
    pub fn renewal(&self, now: Duration) -> Renewal {
        Renewal::of(self.certificate.not_before, self.certificate.not_after, now)
    }

    /// How the issuer of the certificate stands; another node may hold a newer one.
    pub fn issuer_renewal(&self, now: Duration) -> Renewal {
        let (from, until) = self.issuer_life;
        Renewal::of(from, until, now)
    }

    /// When the issuer of the certificate ends, since the Unix epoch.
    pub fn issuer_until(&self) -> Duration {
        self.issuer_life.1
    }

    /// The request for a certificate of the same key.
    pub fn request(&self) -> Vec<u8> {
        request(&self.seed)
    }

    /// The key, for the next identity of this node.
    pub fn seed(&self) -> &KeySeed {
        &self.seed
    }

    pub fn save(&self, folder: &Path) -> Result<(), KeyFileError> {
        let key = to_pem(PRIVATE_KEY, [self.seed.pkcs8().as_slice()]);
        files::write(&folder.join(KEY_FILE), key.as_bytes())?;
        let chain = to_pem(CERTIFICATE, self.chain.iter().map(AsRef::as_ref));
        files::write(&folder.join(CHAIN_FILE), chain.as_bytes())
    }

    pub fn load(folder: &Path) -> Result<Identity, KeyFileError> {
        let seed = load_key(&folder.join(KEY_FILE))?;
        let path = folder.join(CHAIN_FILE);
        let chain = load_blocks(&path, CERTIFICATE)?;
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Identity::new(seed, chain).map_err(|why| KeyFileError::damaged(&path, why))
    }

    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        // `new` saw three.
        &self.chain[2]
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.certificate.fmt(f)
    }
}

/// A certificate request for a key: says nothing but the key and that its owner asks.
pub fn request(seed: &KeySeed) -> Vec<u8> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "rlm node");
    params.distinguished_name = subject;
    let request = params.serialize_request(&seed.pair());
    let request = request.expect("a request without extensions can always be written");
    request.der().to_vec()
}

const KEY_FILE: &str = "node.key";
const CHAIN_FILE: &str = "node.pem";

#[cfg(test)]
mod tests;
