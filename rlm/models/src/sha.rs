//! SHA-256 of files: the one thing that says that a model is the right one, wherever it came from.

use serde::{Deserialize, Serialize};
use sha2::Digest;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

/// A SHA-256; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = String;

    fn from_str(text: &str) -> Result<Sha256, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| format!("`{text}` is no SHA-256 of 64 hexadecimal digits"))?;
        Ok(Sha256(bytes))
    }
}

impl Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Sha256, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A file that is being hashed, a piece at a time.
pub(crate) struct Hashing {
    file: File,
    hasher: sha2::Sha256,
    buffer: Vec<u8>,
    done: u64,
}

impl Hashing {
    pub(crate) fn open(path: &Path) -> io::Result<Hashing> {
        Ok(Hashing {
            file: File::open(path)?,
            hasher: sha2::Sha256::new(),
            buffer: vec![0; BUFFER_BYTES],
            done: 0,
        })
    }

    /// Takes the next piece and gives the bytes so far; `None` at the end.
    pub(crate) fn step(&mut self) -> io::Result<Option<u64>> {
        let count = self.file.read(&mut self.buffer)?;
        self.hasher.update(&self.buffer[..count]);
        self.done += count as u64;
        Ok((count > 0).then_some(self.done))
    }

    pub(crate) fn finish(self) -> Sha256 {
        Sha256(self.hasher.finalize().into())
    }
}

/// Hashes a whole file.
pub(crate) fn sha256_of(path: &Path) -> io::Result<Sha256> {
    let mut hashing = Hashing::open(path)?;
    while hashing.step()?.is_some() {}
    Ok(hashing.finish())
}

/// Large enough that reading costs nothing beside hashing, small enough to stop at once.
const BUFFER_BYTES: usize = 1 << 20;
