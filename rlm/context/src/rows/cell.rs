//! One value of a row: what a field's text means, and how Python would print it. Pure.

use serde_json::{Number, Value};
use std::borrow::Cow;

/// A value as it is found, without a copy of its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// What JSON has besides numbers and texts: null, booleans, lists, nested objects.
    Json(Value),
}

impl<'a> Cell<'a> {
    /// A number where Python's reader of the small profile makes one: no leading zeros, at most 15
    /// digits; a date and time with a blank between; else the text.
    pub(crate) fn from_text(text: &'a str) -> Cell<'a> {
        if let Some(number) = number(text) {
            return number;
        }
        match date_with_t(text) {
            Some(text) => Cell::Text(Cow::Owned(text)),
            None => Cell::Text(Cow::Borrowed(text)),
        }
    }

    pub(crate) fn from_json(value: Value) -> Cell<'static> {
        match value {
            Value::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(n), _) => Cell::Int(n),
                (None, Some(x)) => Cell::Float(x),
                (None, None) => Cell::Json(Value::Number(n)),
            },
            Value::String(text) => Cell::Text(Cow::Owned(date_with_t(&text).unwrap_or(text))),
            other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                Cell::Json(other)
            }
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            Cell::Int(n) => Value::from(n),
            Cell::Float(x) => Number::from_f64(x).map_or(Value::Null, Value::Number),
            Cell::Text(text) => Value::String(text.into_owned()),
            Cell::Json(value) => value,
        }
    }

    pub(crate) fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Int(n) => Cell::Int(n),
            Cell::Float(x) => Cell::Float(x),
            Cell::Text(text) => Cell::Text(Cow::Owned(text.into_owned())),
            Cell::Json(value) => Cell::Json(value),
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Cell::Int(n) => Some(*n as f64),
            Cell::Float(x) => Some(*x),
            Cell::Text(_) | Cell::Json(_) => None,
        }
    }

    /// Python's `repr`.
    pub(crate) fn repr(&self) -> String {
        match self {
            Cell::Int(n) => n.to_string(),
            Cell::Float(x) => float_repr(*x),
            Cell::Text(text) => text_repr(text),
            Cell::Json(value) => json_repr(value),
        }
    }

    /// Python's `str`, by which the card sorts values.
    pub(crate) fn display(&self) -> String {
        match self {
            Cell::Text(text) => text.to_string(),
            Cell::Int(_) | Cell::Float(_) | Cell::Json(_) => self.repr(),
        }
    }
}

fn number(text: &str) -> Option<Cell<'static>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let bytes = digits.as_bytes();
    // Long ones behind a plus call a telephone.
    let most = if text.starts_with('+') { 9 } else { 40 };
    if !bytes.first()?.is_ascii_digit() || bytes.len() > most {
        return None;
    }
    match memchr::memchr(b'.', bytes) {
        None => {
            let plain = bytes.len() <= 15 && (bytes[0] != b'0' || bytes.len() == 1);
            let all = plain && bytes.iter().all(u8::is_ascii_digit);
            all.then(|| text.parse().ok().map(Cell::Int)).flatten()
        }
        Some(dot) => {
            let (whole, rest) = (&bytes[..dot], &bytes[dot + 1..]);
            let all = !rest.is_empty() && whole.iter().chain(rest).all(u8::is_ascii_digit);
            all.then(|| text.parse().ok().map(Cell::Float)).flatten()
        }
    }
}

/// `2024-03-01T10:00…` with a blank in place of the T, so that times compare as strings.
fn date_with_t(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let clock = bytes.get(10) == Some(&b'T') && bytes.get(11)?.is_ascii_digit();
    (clock && is_date(bytes)).then(|| format!("{} {}", &text[..10], &text[11..]))
}

/// Does it begin with `dddd-dd-dd`?
pub(crate) fn is_date(bytes: &[u8]) -> bool {
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(i, b)| match i {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        })
}

pub(crate) fn float_repr(x: f64) -> String {
    let large = x != 0.0 && !(1e-4..1e16).contains(&x.abs());
    if large {
        let text = format!("{x:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = format!("{x}");
    if text.contains('.') || !x.is_finite() {
        text
    } else {
        text + ".0"
    }
}

pub(crate) fn text_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if u32::from(c) < 0x20 || u32::from(c) == 0x7F => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn json_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => text_repr(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(json_repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", text_repr(key), json_repr(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
