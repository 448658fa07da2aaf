//! Names of things: jobs, calls inside a job, bytes by their content.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A text that is not the id that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct ParseIdError {
    what: &'static str,
    text: String,
}

impl ParseIdError {
    pub(crate) fn new(what: &'static str, text: &str) -> ParseIdError {
        ParseIdError {
            what,
            text: text.into(),
        }
    }
}

/// Exactly `2 * N` hexadecimal digits, nothing else.
pub(crate) fn parse_hex<const N: usize>(
    text: &str,
    what: &'static str,
) -> Result<[u8; N], ParseIdError> {
    let error = || ParseIdError::new(what, text);
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(error());
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| error())?;
    }
    Ok(bytes)
}

/// A BLAKE3 hash of some bytes; shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentHash {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<ContentHash, ParseIdError> {
        parse_hex(text, "a hash of 64 hexadecimal digits").map(ContentHash)
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(ContentHash)
        }
    }
}

/// One job. Made by whoever accepts it: 16 hexadecimal digits, unique by chance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<JobId, ParseIdError> {
        let error = || ParseIdError {
            what: "a job id of 16 hexadecimal digits",
            text: text.into(),
        };
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        u64::from_str_radix(text, 16)
            .map(JobId)
            .map_err(|_| error())
    }
}

impl Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(JobId)
        }
    }
}

/// Where in a job a call stands: the ordinals from the root down. The third call of the job's root
/// is `2`; the first call of the child that `rlm_query` made there is `2.0`. Empty is the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallPath(pub Vec<u32>);

impl CallPath {
    pub fn root() -> CallPath {
        CallPath(Vec::new())
    }

    pub fn child(&self, ordinal: u32) -> CallPath {
        let mut path = self.0.clone();
        path.push(ordinal);
        CallPath(path)
    }

    /// How many `rlm_query` levels lie above: 0 for the root itself.
    pub fn depth(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for CallPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("root");
        }
        for (i, ordinal) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{ordinal}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_text() {
        let hash = ContentHash(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(serde_json::to_string(&hash).unwrap().len(), 66);
        assert!("abc".parse::<ContentHash>().is_err());
        assert!("é".repeat(32).parse::<ContentHash>().is_err());
    }

    #[test]
    fn a_job_id_survives_text() {
        assert_eq!(JobId(0xabc).to_string(), "0000000000000abc");
        assert_eq!("0000000000000abc".parse(), Ok(JobId(0xabc)));
        assert!("+000000000000abc".parse::<JobId>().is_err());
        assert!("xyz".parse::<JobId>().is_err());
    }

    #[test]
    fn a_call_path_names_its_place() {
        let path = CallPath::root().child(2).child(0);
        assert_eq!(path.to_string(), "2.0");
        assert_eq!(path.depth(), 2);
        assert_eq!(CallPath::root().to_string(), "root");
    }
}
