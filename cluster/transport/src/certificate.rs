//! What a certificate says: whose it is, of which cluster, with which roles, from when to when.
//!
//! The statement is one SAN URI, `rlm://CLUSTER/ROLES/NODE`. A certificate with another URI, or
//! with two, says nothing.

use crate::keys;
use base::{ClusterId, NodeId, PeerRoles};
use data_encoding::HEXLOWER;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// Names one certificate for ever: 128 random bits, chosen by whoever asks for the certificate to
/// be issued.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 16]);

impl Serial {
    pub fn generate(rng: &mut dyn CryptoRng) -> Serial {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Serial::from_bytes(bytes)
    }

    /// A serial is a positive number without leading zeros, hence the two bits.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Serial {
        bytes[0] = bytes[0] & 0x3f | 0x40;
        Serial(bytes)
    }

    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Serial {
    type Err = CertificateFault;

    fn from_str(text: &str) -> Result<Serial, CertificateFault> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        let bytes: Option<[u8; 16]> = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Serial).ok_or(CertificateFault::Serial)
    }
}

impl Serialize for Serial {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Serial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Serial)
        }
    }
}

/// The SAN URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) cluster: ClusterId,
    pub(crate) roles: PeerRoles,
    pub(crate) node: NodeId,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.cluster, self.roles, self.node)
    }
}

impl FromStr for Statement {
    type Err = CertificateFault;

    fn from_str(text: &str) -> Result<Statement, CertificateFault> {
        let fault = || CertificateFault::Statement(text.to_owned());
        let parts = text.strip_prefix(SCHEME).ok_or_else(fault)?;
        let parts: Vec<&str> = parts.split('/').collect();
        let [cluster, roles, node] = parts[..] else {
            return Err(fault());
        };
        Ok(Statement {
            cluster: cluster.parse().map_err(|_| fault())?,
            roles: roles.parse().map_err(|_| fault())?,
            node: node.parse().map_err(|_| fault())?,
        })
    }
}

/// A node's certificate, read. Reading proves nothing: the chain is verified elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCertificate {
    pub cluster: ClusterId,
    pub node: NodeId,
    pub roles: PeerRoles,
    /// What people call the node.
    pub name: String,
    pub serial: Serial,
    /// Since the Unix epoch.
    pub not_before: Duration,
    /// Since the Unix epoch.
    pub not_after: Duration,
    /// The node's public key.
    pub key: [u8; 32],
}

/// Why a certificate says nothing to us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("it is not a certificate")]
    Encoding,
    #[error("it does not name exactly one node")]
    Names,
    #[error("`{0}` does not name a node of a cluster")]
    Statement(String),
    #[error("its key is not an Ed25519 key")]
    Key,
    #[error("a serial has 32 hexadecimal digits")]
    Serial,
}

impl NodeCertificate {
    pub fn read(der: &[u8]) -> Result<NodeCertificate, CertificateFault> {
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|_| CertificateFault::Encoding)?;
        if !rest.is_empty() {
            return Err(CertificateFault::Encoding);
        }
        let statement: Statement = the_only_uri(&parsed)?.parse()?;
        let serial: [u8; 16] = parsed
            .raw_serial()
            .try_into()
            .map_err(|_| CertificateFault::Serial)?;
        let common_name = parsed.subject().iter_common_name().next();
        let name = common_name.and_then(|name| name.as_str().ok());
        Ok(NodeCertificate {
            cluster: statement.cluster,
            node: statement.node,
            roles: statement.roles,
            name: name.unwrap_or_default().to_owned(),
            serial: Serial(serial),
            not_before: seconds(parsed.validity().not_before.timestamp()),
            not_after: seconds(parsed.validity().not_after.timestamp()),
            key: public_key(&parsed)?,
        })
    }

    /// When the last eighth of its life begins: links that rest on it are replaced then.
    pub(crate) fn stale_at(&self) -> Duration {
        let life = self.not_after.saturating_sub(self.not_before);
        self.not_after.saturating_sub(life / 8)
    }
}

/// What an authority's own certificate says, which names no node.
pub(crate) struct AuthorityCertificate {
    pub(crate) name: String,
    pub(crate) not_before: Duration,
    pub(crate) not_after: Duration,
    pub(crate) key: [u8; 32],
}

impl AuthorityCertificate {
    /// Refuses what the key `signer`, or its own key where that is `None`, did not sign.
    pub(crate) fn read(
        der: &[u8],
        signer: Option<&[u8; 32]>,
    ) -> Result<AuthorityCertificate, String> {
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("more than a certificate".to_owned());
        }
        let key = public_key(&parsed).map_err(|error| error.to_string())?;
        // The outer copy of the algorithm is not signed, so it must repeat the inner one.
        let twice = parsed.signature_algorithm == parsed.tbs_certificate.signature;
        if !twice || parsed.signature_value.unused_bits != 0 {
            return Err("its signature is not of the kind that it says".to_owned());
        }
        let signature: &[u8] = parsed.signature_value.data.as_ref();
        let signed = parsed.tbs_certificate.as_ref();
        if !keys::verify(signer.unwrap_or(&key), signed, signature) {
            return Err("its signature does not match".to_owned());
        }
        let name = parsed.subject().iter_common_name().next();
        let name = name.and_then(|name| name.as_str().ok());
        Ok(AuthorityCertificate {
            name: name.unwrap_or_default().to_owned(),
            not_before: seconds(parsed.validity().not_before.timestamp()),
            not_after: seconds(parsed.validity().not_after.timestamp()),
            key,
        })
    }
}

/// When any certificate ends, since the Unix epoch; whoever signed it.
pub(crate) fn end_of(der: &[u8]) -> Option<Duration> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(seconds(parsed.validity().not_after.timestamp()))
}

fn public_key(parsed: &X509Certificate<'_>) -> Result<[u8; 32], CertificateFault> {
    let info = parsed.public_key();
    if info.algorithm.algorithm != x509_parser::oid_registry::OID_SIG_ED25519 {
        return Err(CertificateFault::Key);
    }
    let key: &[u8] = info.subject_public_key.data.as_ref();
    key.try_into().map_err(|_| CertificateFault::Key)
}

fn the_only_uri<'a>(parsed: &'a X509Certificate<'_>) -> Result<&'a str, CertificateFault> {
    let names = parsed.subject_alternative_name();
    let names = names.map_err(|_| CertificateFault::Names)?;
    let names = names.map(|extension| extension.value.general_names.as_slice());
    match names {
        Some([GeneralName::URI(uri)]) => Ok(uri),
        Some(_) | None => Err(CertificateFault::Names),
    }
}

fn seconds(timestamp: i64) -> Duration {
    Duration::from_secs(u64::try_from(timestamp).unwrap_or(0))
}

const SCHEME: &str = "rlm://";

#[cfg(test)]
mod tests;
