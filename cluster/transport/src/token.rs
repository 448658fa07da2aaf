//! Join tokens: one line of text that lets one machine into one cluster.
//!
//! `rlm1.` and, in base32, the cluster, the hash of its root, where to knock, the token's id, the
//! secret of its key and a checksum. The cluster keeps only the public half, so nothing that leaks
//! from there joins anybody. The secret never travels: the joiner signs its certificate request
//! together with this TLS session's exporter, so a recorded signature is worth nothing elsewhere.

use crate::keys::{self, KeySeed};
use base::{ClusterId, ContentHash};
use data_encoding::{BASE32_NOPAD_NOCASE, HEXLOWER};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Names a token in lists and in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub [u8; 8]);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the joiner holds. Its `Display` is the secret line itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub cluster: ClusterId,
    /// BLAKE3 of the root certificate.
    pub root: ContentHash,
    /// `host:port` of nodes that may be asked.
    pub seeds: Vec<String>,
    pub id: TokenId,
    pub key: KeySeed,
}

/// What the cluster keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub id: TokenId,
    /// The public half of the token's key.
    pub key: [u8; 32],
    /// Hash of everything else that the token says.
    pub says: ContentHash,
}

/// Why a text is no token. All but `Seeds` mean that the text was not copied whole, or is for
/// other software; none says anything about whether the cluster would take it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a join token: one begins with `{PREFIX}`")]
    NotAToken,
    #[error("this is a join token of version {found}, and this software reads version 1: upgrade")]
    Version { found: u32 },
    /// The checksum does not match: a paste error, not a refusal.
    #[error("the token was not copied whole: paste it again")]
    Paste,
    /// The maker's mistake.
    #[error("a token holds 1 to {MAX_SEEDS} seeds of 1 to {MAX_SEED_BYTES} bytes")]
    Seeds,
}

impl Token {
    pub fn create(
        cluster: ClusterId,
        root: ContentHash,
        seeds: Vec<String>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Token, TokenError> {
        let sizes_fit = seeds
            .iter()
            .all(|s| (1..=MAX_SEED_BYTES).contains(&s.len()));
        if !(1..=MAX_SEEDS).contains(&seeds.len()) || !sizes_fit {
            return Err(TokenError::Seeds);
        }
        let mut id = [0; 8];
        rng.fill_bytes(&mut id);
        Ok(Token {
            cluster,
            root,
            seeds,
            id: TokenId(id),
            key: KeySeed::generate(rng),
        })
    }

    /// What the cluster keeps.
    pub fn record(&self) -> TokenRecord {
        TokenRecord {
            id: self.id,
            key: self.key.public(),
            says: keys::hash(&self.statement()),
        }
    }

    /// Binds a certificate request and a name to this token and to one TLS session.
    pub fn sign(&self, csr: &[u8], exporter: &[u8; 32], name: &str) -> Vec<u8> {
        let says = keys::hash(&self.statement());
        self.key.sign(&signed_text(&says, csr, exporter, name))
    }

    /// Everything but the secret.
    fn statement(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.cluster.0);
        bytes.extend(self.root.0);
        bytes.extend(self.id.0);
        bytes.push(u8::try_from(self.seeds.len()).unwrap_or(u8::MAX));
        for seed in &self.seeds {
            bytes.push(u8::try_from(seed.len()).unwrap_or(u8::MAX));
            bytes.extend(seed.as_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Token> {
        let mut left = bytes;
        let cluster = ClusterId(take(&mut left)?);
        let root = ContentHash(take(&mut left)?);
        let id = TokenId(take(&mut left)?);
        let [count] = take(&mut left)?;
        let mut seeds = Vec::new();
        for _ in 0..count {
            let [length] = take(&mut left)?;
            let (seed, rest) = left.split_at_checked(usize::from(length))?;
            seeds.push(String::from_utf8(seed.to_vec()).ok()?);
            left = rest;
        }
        let key = KeySeed::from_bytes(take(&mut left)?);
        left.is_empty().then_some(Token {
            cluster,
            root,
            seeds,
            id,
            key,
        })
    }
}

impl TokenRecord {
    /// Whether the holder of this very token signed this request, for this name, in this session.
    pub fn verify(&self, csr: &[u8], exporter: &[u8; 32], name: &str, signature: &[u8]) -> bool {
        let text = signed_text(&self.says, csr, exporter, name);
        keys::verify(&self.key, &text, signature)
    }
}

/// Lengths stand before what may vary, so that no two requests give one text.
fn signed_text(says: &ContentHash, csr: &[u8], exporter: &[u8; 32], name: &str) -> Vec<u8> {
    let mut text = SIGNED_CONTEXT.as_bytes().to_vec();
    text.extend(says.0);
    text.extend(exporter);
    text.extend((csr.len() as u64).to_be_bytes());
    text.extend(csr);
    text.extend(name.as_bytes());
    text
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.statement();
        bytes.extend(self.key.expose());
        bytes.extend(checksum(&bytes));
        write!(
            f,
            "{PREFIX}{}",
            BASE32_NOPAD_NOCASE.encode(&bytes).to_lowercase()
        )
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} of {})", self.id, self.cluster)
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// Reads a token as people paste it: case, surrounding and inner white space do not count.
    fn from_str(text: &str) -> Result<Token, TokenError> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.to_ascii_lowercase();
        let (version, body) = text.split_once('.').ok_or(TokenError::NotAToken)?;
        let version = version.strip_prefix("rlm").ok_or(TokenError::NotAToken)?;
        if !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TokenError::NotAToken);
        }
        match version.parse() {
            Ok(1) if version == "1" => {}
            Ok(found) => return Err(TokenError::Version { found }),
            Err(_) => return Err(TokenError::NotAToken),
        }
        if body.len() > MAX_TEXT {
            return Err(TokenError::Paste);
        }
        let bytes = BASE32_NOPAD_NOCASE.decode(body.as_bytes());
        let bytes = bytes.map_err(|_| TokenError::Paste)?;
        let (said, check) = bytes.split_last_chunk().ok_or(TokenError::Paste)?;
        if checksum(said) != *check {
            return Err(TokenError::Paste);
        }
        Token::read(said).ok_or(TokenError::Paste)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::derive_key(CHECKSUM_CONTEXT, bytes);
    std::array::from_fn(|i| hash[i])
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

const PREFIX: &str = "rlm1.";
const SIGNED_CONTEXT: &str = "rlm1 join request";
const CHECKSUM_CONTEXT: &str = "rlm1 join token checksum";
/// One paste error in four thousand million goes unseen, and then the signature fails.
const CHECKSUM_BYTES: usize = 4;
/// Enough to find one node awake.
const MAX_SEEDS: usize = 8;
/// A host name of the usual length with its port.
const MAX_SEED_BYTES: usize = 128;
/// Characters of the longest token.
const MAX_TEXT: usize = 2048;

#[cfg(test)]
mod tests;
