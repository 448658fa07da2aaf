//! The cluster's certificate authority: a root that may lie in a safe, and an issuer that
//! works.
//!
//! The root (10 years) signs issuers (90 days); the issuer signs nodes (24 hours by default).
//! Voters hold the issuer; only the node that ran `init` holds the root's key, and it may be
//! taken away. Everything is a function of the entropy and the date given in.

use crate::Serial;
use crate::certificate::{AuthorityCertificate, Statement};
use crate::files::{self, KeyFileError, from_pem, to_pem};
use crate::keys::{self, KeySeed};
use crate::renewal::Renewal;
use base::{ClusterId, ContentHash, NodeId, PeerRoles};
use rand::CryptoRng;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Signs certificates for one cluster.
#[derive(Clone)]
pub struct Authority {
    cluster: ClusterId,
    root: CertificateDer<'static>,
    /// Absent on every voter but the first, and there too once it was taken to a safe.
    root_key: Option<KeySeed>,
    issuer: CertificateDer<'static>,
    issuer_key: KeySeed,
    /// From when to when the issuer may sign, since the Unix epoch.
    issuer_life: (Duration, Duration),
}

/// What a node gets a certificate for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateGrant {
    pub node: NodeId,
    pub roles: PeerRoles,
    /// What people call the node.
    pub name: String,
    /// Cut short where the issuer itself ends earlier.
    pub validity: Duration,
}

/// The issuer on its way to another voter. Holds a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerRecord {
    root: bytes::Bytes,
    issuer: bytes::Bytes,
    key: [u8; 32],
}

/// Why no certificate came out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The requester's fault: not a request, or its signature does not match its key.
    #[error("the certificate request is not valid: {0}")]
    Request(String),
    /// The requester's fault: a key of another kind.
    #[error("the certificate request is not for an Ed25519 key")]
    KeyKind,
    /// A name that no certificate can hold.
    #[error("`{0}` cannot be a node's name: use 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name(String),
    /// The issuer has ended, and only the root's key makes another one.
    #[error("the issuer ended: start the node that holds the root's key, which makes another one")]
    IssuerEnded,
    /// Only the root's key signs an issuer.
    #[error("the root's key is not on this node")]
    NoRootKey,
    /// A record that does not fit together: damage, or another cluster's.
    #[error("the issuer's record is not valid: {0}")]
    Record(String),
    #[error("the certificate could not be written: {0}")]
    Encoding(String),
}

impl Authority {
    /// A new cluster's root and its first issuer.
    pub fn create(
        cluster: ClusterId,
        rng: &mut dyn CryptoRng,
        now: Duration,
    ) -> Result<Authority, AuthorityError> {
        let root_key = KeySeed::generate(rng);
        let name = format!("{ROOT_NAME}{cluster}");
        let params = authority_params(&name, 1, Serial::generate(rng), (now, now + ROOT_LIFE));
        let root = params.self_signed(&root_key.pair()).map_err(encoding)?;
        let root = root.der().clone();
        let (issuer, issuer_key) = new_issuer(&root, &root_key, rng, now)?;
        Ok(Authority {
            cluster,
            root,
            root_key: Some(root_key),
            issuer_life: (now, now + ISSUER_LIFE),
            issuer,
            issuer_key,
        })
    }

    /// Replaces the issuer by a new one. Certificates of the old one stay valid until they end, as
    /// each travels with its own issuer.
    pub fn renew_issuer(
        &mut self,
        rng: &mut dyn CryptoRng,
        now: Duration,
    ) -> Result<(), AuthorityError> {
        let root_key = self.root_key.as_ref().ok_or(AuthorityError::NoRootKey)?;
        (self.issuer, self.issuer_key) = new_issuer(&self.root, root_key, rng, now)?;
        self.issuer_life = (now, now + ISSUER_LIFE);
        Ok(())
    }

    /// A certificate for the key that signed `csr`, with its chain up to the root: the node's own
    /// first. Of the request only the key is used; what it is granted is the caller's decision.
    pub fn issue(
        &self,
        csr: &[u8],
        grant: &CertificateGrant,
        serial: Serial,
        now: Duration,
    ) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        if now >= self.issuer_until() {
            return Err(AuthorityError::IssuerEnded);
        }
        check_name(&grant.name)?;
        let request = CertificateSigningRequestParams::from_der(
            &CertificateSigningRequestDer::from(csr.to_vec()),
        )
        .map_err(|error| AuthorityError::Request(error.to_string()))?;
        if *request.public_key.algorithm() != rcgen::PKCS_ED25519 {
            return Err(AuthorityError::KeyKind);
        }
        let statement = Statement {
            cluster: self.cluster,
            roles: grant.roles,
            node: grant.node,
        };
        let uri = statement.to_string().try_into().map_err(encoding)?;
        let until = self.issuer_until().min(now + grant.validity);
        let mut params = params(&grant.name, serial, (now, until));
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let issuer = signer(&self.issuer, &self.issuer_key)?;
        let leaf = params.signed_by(&request.public_key, &issuer);
        let leaf = leaf.map_err(encoding)?.der().clone();
        Ok(vec![leaf, self.issuer.clone(), self.root.clone()])
    }

    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// What a token pins.
    pub fn root_hash(&self) -> ContentHash {
        keys::hash(&self.root)
    }

    /// When the issuer ends, since the Unix epoch.
    pub fn issuer_until(&self) -> Duration {
        self.issuer_life.1
    }

    /// Whether to make, or to fetch, the next issuer.
    pub fn issuer_renewal(&self, now: Duration) -> Renewal {
        let (from, until) = self.issuer_life;
        Renewal::of(from, until, now)
    }

    pub fn holds_root_key(&self) -> bool {
        self.root_key.is_some()
    }

    /// What another voter needs in order to issue.
    pub fn export_issuer(&self) -> IssuerRecord {
        IssuerRecord {
            root: self.root.to_vec().into(),
            issuer: self.issuer.to_vec().into(),
            key: *self.issuer_key.expose(),
        }
    }

    /// The issuer that another voter exported; `root_hash` is the root of this node's own chain.
    pub fn import_issuer(
        record: &IssuerRecord,
        root_hash: ContentHash,
    ) -> Result<Authority, AuthorityError> {
        if keys::hash(&record.root) != root_hash {
            return Err(AuthorityError::Record("of another cluster".to_owned()));
        }
        Authority::assemble(
            CertificateDer::from(record.root.to_vec()),
            None,
            CertificateDer::from(record.issuer.to_vec()),
            &[KeySeed::from_bytes(record.key)],
        )
        .map_err(AuthorityError::Record)
    }

    /// This authority with the issuer that another voter exported. The root's key, where it is
    /// here, stays here.
    pub fn with_issuer(&self, record: &IssuerRecord) -> Result<Authority, AuthorityError> {
        let mut other = Authority::import_issuer(record, self.root_hash())?;
        other.root_key.clone_from(&self.root_key);
        Ok(other)
    }

    /// Writes four files, or three where the root's key is elsewhere.
    pub fn save(&self, folder: &Path) -> Result<(), KeyFileError> {
        let certificate = |der: &[u8]| to_pem(CERTIFICATE, [der]);
        let key = |seed: &KeySeed| to_pem(PRIVATE_KEY, [seed.pkcs8().as_slice()]);
        let write = |name: &str, text: String| files::write(&folder.join(name), text.as_bytes());
        if let Some(root_key) = &self.root_key {
            write(ROOT_KEY_FILE, key(root_key))?;
        }
        write(ROOT_FILE, certificate(&self.root))?;
        // A certificate without its key is damage, a key alone is not there yet. So the key comes
        // before its certificate, and the key of the issuer before stays until that is replaced.
        let key_file = folder.join(ISSUER_KEY_FILE);
        let new = self.issuer_key.pkcs8();
        let mut keys = load_blocks(&key_file, PRIVATE_KEY).unwrap_or_default();
        keys.retain(|old| *old != new);
        let replaces = !keys.is_empty();
        keys.insert(0, new);
        let both = to_pem(PRIVATE_KEY, keys.iter().map(Vec::as_slice));
        write(ISSUER_KEY_FILE, both)?;
        write(ISSUER_FILE, certificate(&self.issuer))?;
        if replaces {
            write(ISSUER_KEY_FILE, key(&self.issuer_key))?;
        }
        Ok(())
    }

    pub fn load(folder: &Path) -> Result<Authority, KeyFileError> {
        let root = load_certificate(&folder.join(ROOT_FILE))?;
        let root_key = match load_key(&folder.join(ROOT_KEY_FILE)) {
            Ok(key) => Some(key),
            Err(KeyFileError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        let issuer = load_certificate(&folder.join(ISSUER_FILE))?;
        let issuer_keys = load_keys(&folder.join(ISSUER_KEY_FILE))?;
        Authority::assemble(root, root_key, issuer, &issuer_keys)
            .map_err(|why| KeyFileError::damaged(folder, why))
    }

    /// Believes nothing that it can check: signatures, keys, names. One of `issuer_keys` must be
    /// the issuer's.
    fn assemble(
        root: CertificateDer<'static>,
        root_key: Option<KeySeed>,
        issuer: CertificateDer<'static>,
        issuer_keys: &[KeySeed],
    ) -> Result<Authority, String> {
        let root_says = AuthorityCertificate::read(&root, None);
        let root_says = root_says.map_err(|why| format!("the root: {why}"))?;
        let issuer_says = AuthorityCertificate::read(&issuer, Some(&root_says.key));
        let issuer_says = issuer_says.map_err(|why| format!("the issuer: {why}"))?;
        if root_key
            .as_ref()
            .is_some_and(|key| key.public() != root_says.key)
        {
            return Err("the root's key is not the root's".to_owned());
        }
        let fits = |key: &&KeySeed| key.public() == issuer_says.key;
        let Some(issuer_key) = issuer_keys.iter().find(fits) else {
            return Err("the issuer's key is not the issuer's".to_owned());
        };
        let name = root_says.name;
        let cluster = name.strip_prefix(ROOT_NAME).map(str::parse);
        let Some(Ok(cluster)) = cluster else {
            return Err(format!("`{name}` names no cluster"));
        };
        Ok(Authority {
            cluster,
            root,
            root_key,
            issuer,
            issuer_key: issuer_key.clone(),
            issuer_life: (issuer_says.not_before, issuer_says.not_after),
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("cluster", &self.cluster)
            .field("root_hash", &self.root_hash())
            .field("issuer_until", &self.issuer_until())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerRecord(secret)")
    }
}

/// Names go to terminals, file names and certificates: what could surprise there is refused.
pub fn check_name(name: &str) -> Result<(), AuthorityError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(plain) {
        return Err(AuthorityError::Name(name.escape_default().to_string()));
    }
    Ok(())
}

fn new_issuer(
    root: &CertificateDer<'static>,
    root_key: &KeySeed,
    rng: &mut dyn CryptoRng,
    now: Duration,
) -> Result<(CertificateDer<'static>, KeySeed), AuthorityError> {
    let key = KeySeed::generate(rng);
    let life = (now, now + ISSUER_LIFE);
    let params = authority_params(ISSUER_NAME, 0, Serial::generate(rng), life);
    let issuer = params.signed_by(&key.pair(), &signer(root, root_key)?);
    Ok((issuer.map_err(encoding)?.der().clone(), key))
}

fn signer<'a>(
    certificate: &CertificateDer<'_>,
    key: &KeySeed,
) -> Result<Issuer<'a, KeyPair>, AuthorityError> {
    Issuer::from_ca_cert_der(certificate, key.pair()).map_err(encoding)
}

/// `below`: how many further authorities may stand under this one.
fn authority_params(
    name: &str,
    below: u8,
    serial: Serial,
    life: (Duration, Duration),
) -> CertificateParams {
    let mut params = params(name, serial, life);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(name: &str, serial: Serial, life: (Duration, Duration)) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let whole = |time: Duration| Duration::from_secs(time.as_secs());
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(serial.bytes()));
    params.not_before = epoch + whole(life.0);
    params.not_after = epoch + whole(life.1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn load_certificate(path: &Path) -> Result<CertificateDer<'static>, KeyFileError> {
    let blocks = load_blocks(path, CERTIFICATE)?;
    match <[Vec<u8>; 1]>::try_from(blocks) {
        Ok([der]) => Ok(CertificateDer::from(der)),
        Err(blocks) => Err(KeyFileError::damaged(
            path,
            format!("{} certificates", blocks.len()),
        )),
    }
}

pub(crate) fn load_blocks(path: &Path, label: &str) -> Result<Vec<Vec<u8>>, KeyFileError> {
    let text = files::read(path)?;
    from_pem(label, &text).map_err(|why| KeyFileError::damaged(path, why))
}

pub(crate) fn load_key(path: &Path) -> Result<KeySeed, KeyFileError> {
    let blocks = load_blocks(path, PRIVATE_KEY)?;
    let key = match blocks.as_slice() {
        [der] => KeySeed::from_pkcs8(der),
        _ => None,
    };
    key.ok_or_else(|| KeyFileError::damaged(path, "not an Ed25519 key"))
}

/// The issuer's key; with another one where a crash came between two issuers.
fn load_keys(path: &Path) -> Result<Vec<KeySeed>, KeyFileError> {
    let blocks = load_blocks(path, PRIVATE_KEY)?;
    let keys: Option<Vec<KeySeed>> = blocks.iter().map(|der| KeySeed::from_pkcs8(der)).collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| KeyFileError::damaged(path, "not an Ed25519 key"))
}

fn encoding(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Encoding(error.to_string())
}

const ROOT_NAME: &str = "rlm root ";
const ISSUER_NAME: &str = "rlm issuer";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The root outlives the machines; replacing it means that every node joins again.
const ROOT_LIFE: Duration = DAY.saturating_mul(3650);
/// An issuer is on every voter's disk, so it lives no longer than a holiday and a half.
const ISSUER_LIFE: Duration = DAY.saturating_mul(90);
/// How long a node's certificate lives unless the settings say otherwise.
pub const NODE_LIFE: Duration = DAY;
const MAX_NAME_BYTES: usize = 64;

const ROOT_FILE: &str = "root.pem";
const ROOT_KEY_FILE: &str = "root.key";
const ISSUER_FILE: &str = "issuer.pem";
const ISSUER_KEY_FILE: &str = "issuer.key";
pub(crate) const CERTIFICATE: &str = "CERTIFICATE";
pub(crate) const PRIVATE_KEY: &str = "PRIVATE KEY";

#[cfg(test)]
mod tests;
