//! A number of bytes as people write it: `512MiB`, `20kB`, `1GB`. A bare number is refused, since
//! nobody can tell what it counts. Shown with the largest unit that divides it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a whole number and a unit, such as \"512MiB\" or \"20kB\"")]
pub struct ParseSizeError(String);

impl ByteSize {
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// For lengths in memory: the most that this machine can address when the size is larger.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<ByteSize, ParseSizeError> {
        let error = || ParseSizeError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| error())?;
        let unit = unit.trim_start();
        let factor = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, factor)| *factor)
            .ok_or_else(error)?;
        number.checked_mul(factor).map(ByteSize).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |factor: u64| self.0 >= factor && self.0.is_multiple_of(factor);
        let (unit, factor) = UNITS
            .iter()
            .filter(|(_, factor)| fits(*factor))
            .max_by_key(|(_, factor)| *factor)
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Bytes first: it is what remains when nothing larger divides.
const UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("MB", 1000 * 1000),
    ("GB", 1000 * 1000 * 1000),
    ("TB", 1000 * 1000 * 1000 * 1000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_survive_text() {
        for (text, bytes, shown) in [
            ("512MiB", 512 << 20, "512MiB"),
            ("20kB", 20_000, "20kB"),
            ("20 kb", 20_000, "20kB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("0B", 0, "0B"),
            ("1001B", 1001, "1001B"),
            ("3TB", 3_000_000_000_000, "3TB"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(
                (size.0, size.to_string().as_str()),
                (bytes, shown),
                "{text}"
            );
        }
    }

    #[test]
    fn a_size_needs_a_whole_number_and_a_unit() {
        for text in [
            "",
            "512",
            "MiB",
            "1.5GiB",
            "-1B",
            "1XB",
            "99999999999999TiB",
            "1 0B",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
