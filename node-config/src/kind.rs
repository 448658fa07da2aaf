//! What values a field takes, and how a value from a file or a text from a flag becomes one. Pure.
//! Every value is brought to one written form, so that origins, samples and comparisons agree.

use crate::{ByteSize, format_span, parse_span};
use std::net::SocketAddr;
use std::time::Duration;
use toml::Value;

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldKind {
    Bool,
    /// A whole number within bounds, both included.
    Count {
        min: u64,
        max: u64,
    },
    /// `"auto"` or a whole number within bounds.
    AutoCount {
        min: u64,
        max: u64,
    },
    /// A span of time such as `"30s"`, within bounds in milliseconds.
    Span {
        min_ms: u64,
        max_ms: u64,
    },
    /// A size such as `"512MiB"`, within bounds in bytes.
    Size {
        min: u64,
        max: u64,
    },
    Choice(&'static [&'static str]),
    /// Text that is not empty.
    Text,
    /// A list of texts; in a flag or the environment separated by commas.
    Texts,
    /// A file's path, or `"none"`.
    File,
    /// A folder's path, or `"auto"` for the place named.
    Dir(DirPlace),
    /// A folder's path, or `"none"`.
    DirOrNone,
    /// The name of an environment variable, or `"none"`.
    Variable,
    /// `http://` or `https://`.
    Url,
    /// `IP:PORT`.
    Address,
    /// `IP:PORT`, or `"none"`.
    AddressOrNone,
    /// A list of tables, each with the fields of one server.
    OllamaServers,
    OpenAiServers,
}

/// Where `"auto"` folders lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirPlace {
    /// Under the user's data folder: kept.
    Data(&'static str),
    /// Under the user's cache folder: may be deleted at any time.
    Cache,
}

impl FieldKind {
    /// `value` in the written form, or what was expected instead.
    pub fn check(&self, value: &Value) -> Result<Value, String> {
        let fits = match (self, value) {
            (FieldKind::Bool, Value::Boolean(_)) => Some(value.clone()),
            (
                FieldKind::Count { min, max } | FieldKind::AutoCount { min, max },
                Value::Integer(n),
            ) => within(*n, *min, *max).then(|| value.clone()),
            (FieldKind::AutoCount { .. }, Value::String(text)) if text == "auto" => {
                Some(value.clone())
            }
            (FieldKind::Span { min_ms, max_ms }, Value::String(text)) => parse_span(text)
                .ok()
                .filter(|span| in_bounds(*span, *min_ms, *max_ms))
                .map(|span| Value::String(format_span(span))),
            (FieldKind::Size { min, max }, Value::String(text)) => text
                .parse()
                .ok()
                .filter(|size: &ByteSize| (*min..=*max).contains(&size.0))
                .map(|size| Value::String(size.to_string())),
            (_, Value::String(text)) => self.fits_text(text).then(|| value.clone()),
            (FieldKind::OllamaServers | FieldKind::OpenAiServers, Value::Array(items)) => {
                items.iter().all(Value::is_table).then(|| value.clone())
            }
            (FieldKind::Texts, Value::Array(items)) => {
                items.iter().all(Value::is_str).then(|| value.clone())
            }
            _ => None,
        };
        fits.ok_or_else(|| self.expected())
    }

    fn fits_text(&self, text: &str) -> bool {
        match self {
            FieldKind::Choice(choices) => choices.contains(&text),
            FieldKind::Text | FieldKind::File | FieldKind::Dir(_) | FieldKind::DirOrNone => {
                !text.trim().is_empty()
            }
            FieldKind::Variable => text == "none" || is_variable(text),
            FieldKind::Address => text.parse::<SocketAddr>().is_ok(),
            FieldKind::AddressOrNone => text == "none" || text.parse::<SocketAddr>().is_ok(),
            FieldKind::Url => {
                let host = text
                    .strip_prefix("http://")
                    .or(text.strip_prefix("https://"));
                host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
            }
            FieldKind::Bool
            | FieldKind::Count { .. }
            | FieldKind::AutoCount { .. }
            | FieldKind::Span { .. }
            | FieldKind::Size { .. }
            | FieldKind::Texts
            | FieldKind::OllamaServers
            | FieldKind::OpenAiServers => false,
        }
    }

    /// The value that a flag's or a variable's text means; `check` judges it.
    pub fn from_text(&self, text: &str) -> Value {
        let word = text.trim();
        match self {
            FieldKind::Bool => match word.to_ascii_lowercase().as_str() {
                "true" | "on" | "yes" | "1" => Value::Boolean(true),
                "false" | "off" | "no" | "0" => Value::Boolean(false),
                _ => Value::String(word.to_owned()),
            },
            FieldKind::Count { .. } | FieldKind::AutoCount { .. } => {
                match word.replace('_', "").parse() {
                    Ok(number) => Value::Integer(number),
                    Err(_) => Value::String(word.to_owned()),
                }
            }
            FieldKind::Texts => {
                let items = word
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            FieldKind::Span { .. }
            | FieldKind::Size { .. }
            | FieldKind::Choice(_)
            | FieldKind::Text
            | FieldKind::File
            | FieldKind::Dir(_)
            | FieldKind::DirOrNone
            | FieldKind::Variable
            | FieldKind::Url
            | FieldKind::Address
            | FieldKind::AddressOrNone
            | FieldKind::OllamaServers
            | FieldKind::OpenAiServers => Value::String(word.to_owned()),
        }
    }

    /// What the field takes, for people.
    pub fn expected(&self) -> String {
        match self {
            FieldKind::Bool => "true or false".to_owned(),
            FieldKind::Count { min, max } => format!("a whole number from {min} to {max}"),
            FieldKind::AutoCount { min, max } => {
                format!("\"auto\" or a whole number from {min} to {max}")
            }
            FieldKind::Span { min_ms, max_ms } => format!(
                "a span of time from \"{}\" to \"{}\"",
                format_span(Duration::from_millis(*min_ms)),
                format_span(Duration::from_millis(*max_ms))
            ),
            FieldKind::Size { min, max } => {
                format!(
                    "a size from \"{}\" to \"{}\"",
                    ByteSize(*min),
                    ByteSize(*max)
                )
            }
            FieldKind::Choice(choices) => format!("one of \"{}\"", choices.join("\", \"")),
            FieldKind::Text => "a text that is not empty".to_owned(),
            FieldKind::Texts => "a list of texts".to_owned(),
            FieldKind::File => "a file's path, or \"none\"".to_owned(),
            FieldKind::Dir(_) => "a folder's path, or \"auto\"".to_owned(),
            FieldKind::DirOrNone => "a folder's path, or \"none\"".to_owned(),
            FieldKind::Variable => {
                "the name of an environment variable (never its value), or \"none\"".to_owned()
            }
            FieldKind::Url => "an http:// or https:// address".to_owned(),
            FieldKind::Address => "an address such as \"0.0.0.0:7411\"".to_owned(),
            FieldKind::AddressOrNone => {
                "an address such as \"192.0.2.7:7411\", or \"none\"".to_owned()
            }
            FieldKind::OllamaServers | FieldKind::OpenAiServers => {
                "tables, one per server, in a file".to_owned()
            }
        }
    }
}

/// Names are upper case by custom; asking for it also refuses most keys that were pasted in.
fn is_variable(text: &str) -> bool {
    let head = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_uppercase() || b == b'_');
    head && text
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn within(number: i64, min: u64, max: u64) -> bool {
    u64::try_from(number).is_ok_and(|number| (min..=max).contains(&number))
}

fn in_bounds(span: Duration, min_ms: u64, max_ms: u64) -> bool {
    (Duration::from_millis(min_ms)..=Duration::from_millis(max_ms)).contains(&span)
}
