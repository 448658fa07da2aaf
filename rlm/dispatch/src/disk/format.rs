//! The bytes of a kept reply: magic, version, lengths, checksum, whole key, reply. Pure.

use engine::Reply;

/// Changes with the layout, with the form of keys, and with what replies mean.
pub(super) const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"RLMREPLY";
const HEAD: usize = 8 + 4 + 8 + 8 + 32;

/// What a file holds.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    Reply(Box<Reply>),
    /// A sound file of another key with the same digest.
    OtherKey,
    Damaged,
}

pub(super) fn encode(key: &[u8], reply: &Reply) -> Option<Vec<u8>> {
    let reply = serde_json::to_vec(reply).ok()?;
    let mut bytes = Vec::with_capacity(HEAD + key.len() + reply.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&(reply.len() as u64).to_le_bytes());
    bytes.extend_from_slice(checksum(key, &reply).as_bytes());
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&reply);
    Some(bytes)
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Content {
    match parts(bytes) {
        Some((found, _)) if found != key => Content::OtherKey,
        Some((_, reply)) => serde_json::from_slice(reply).map_or(Content::Damaged, Content::Reply),
        None => Content::Damaged,
    }
}

/// Key and reply of a sound file.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, body) = bytes.split_at_checked(HEAD)?;
    let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let key_len = usize::try_from(number(12)?).ok()?;
    let reply_len = usize::try_from(number(20)?).ok()?;
    let (key, reply) = body.split_at_checked(key_len)?;
    let sound = head.starts_with(MAGIC)
        && head[8..12] == VERSION.to_le_bytes()
        && reply.len() == reply_len
        && head[28..] == *checksum(key, reply).as_bytes();
    sound.then_some((key, reply))
}

fn checksum(key: &[u8], reply: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(reply);
    hasher.finalize()
}
