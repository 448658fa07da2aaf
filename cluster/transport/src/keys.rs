//! Ed25519 keys made of 32 secret bytes, so that whoever gives the bytes decides the key.

use base::ContentHash;
use rand::CryptoRng;
use rcgen::PublicKeyData;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, SignatureVerificationAlgorithm};
use std::fmt;

/// A secret key. Never printed, and leaves the process only in a file of its owner's.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySeed([u8; 32]);

impl KeySeed {
    pub fn generate(rng: &mut dyn CryptoRng) -> KeySeed {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        KeySeed(seed)
    }

    pub fn from_bytes(seed: [u8; 32]) -> KeySeed {
        KeySeed(seed)
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn public(&self) -> [u8; 32] {
        let pair = self.pair();
        pair.der_bytes()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes")
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        rcgen::SigningKey::sign(&self.pair(), message)
            .expect("Ed25519 signs any message with any key")
    }

    pub(crate) fn pair(&self) -> rcgen::KeyPair {
        let pkcs8 = self.pkcs8();
        let der = PrivatePkcs8KeyDer::from(pkcs8.as_slice());
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ED25519)
            .expect("any 32 bytes are an Ed25519 key")
    }

    pub(crate) fn tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8()))
    }

    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        [&PKCS8_ED25519[..], &self.0].concat()
    }

    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<KeySeed> {
        let seed = der.strip_prefix(&PKCS8_ED25519)?;
        seed.try_into().ok().map(KeySeed)
    }

    /// Another secret for another purpose, which tells nothing about this one.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.0)
    }
}

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed(secret)")
    }
}

/// Whether `signature` over `message` was made with the key whose public half is `public`.
pub(crate) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    ED25519.verify_signature(public, message, signature).is_ok()
}

pub(crate) fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash(*blake3::hash(bytes).as_bytes())
}

pub(crate) const ED25519: &dyn SignatureVerificationAlgorithm = webpki::ring::ED25519;

/// RFC 8410: everything of a private key before its 32 bytes.
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

#[cfg(test)]
mod tests;
