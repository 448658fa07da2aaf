//! A span of time as people write it: `250ms`, `30s`, `5m`, `1h30m`. A bare number is refused.

use std::time::Duration;

/// A text that is not a span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a span of time: write numbers with units, such as \"250ms\", \"30s\", \"1h30m\""
)]
pub struct ParseSpanError(String);

pub fn parse_span(text: &str) -> Result<Duration, ParseSpanError> {
    let error = || ParseSpanError(text.to_owned());
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let number: u64 = rest[..digits].parse().map_err(|_| error())?;
        let unit = &rest[digits..digits + letters];
        let millis = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, millis)| number.checked_mul(*millis))
            .ok_or_else(error)?;
        total = total
            .checked_add(Duration::from_millis(millis))
            .ok_or_else(error)?;
        rest = rest[digits + letters..].trim_start();
    }
    if text.is_empty() {
        Err(error())
    } else {
        Ok(total)
    }
}

/// The shortest text that `parse_span` reads back as the same span, in whole milliseconds.
pub fn format_span(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        if left >= *millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

pub(crate) mod as_text {
    //! Spans inside the typed configuration, through serde.
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::format_span(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        super::parse_span(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Largest first; a day is left out because nothing here lasts one.
const UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_survive_text() {
        for (text, millis, shown) in [
            ("30s", 30_000, "30s"),
            ("5m", 300_000, "5m"),
            ("250ms", 250, "250ms"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1h 30m", 5_400_000, "1h30m"),
            ("90s", 90_000, "1m30s"),
            ("0s", 0, "0s"),
        ] {
            let span = parse_span(text).unwrap();
            assert_eq!(
                (span, format_span(span).as_str()),
                (Duration::from_millis(millis), shown)
            );
        }
    }

    #[test]
    fn a_span_needs_numbers_and_units() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "1d",
            "1s,2m",
            "99999999999999999h",
            "é",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
