//! The GGUF container, versions 2 and 3: metadata and tensor list, read with bounds on everything.
//! Large arrays (the vocabulary) are walked over, not kept.

use super::{InspectError, types};
use indexmap::IndexMap;
use std::io::{self, Read};
use std::path::Path;

/// The parts of a header that anybody asks for.
#[derive(Debug)]
pub(super) struct Header {
    values: IndexMap<String, Value>,
    pub(super) vocabulary: u64,
    pub(super) parameters: u64,
    /// Where the tensors begin in the file.
    pub(super) data_start: u64,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(Number),
    Flag(bool),
}

/// A whole number, or one for each layer.
#[derive(Clone, Debug)]
pub(super) enum Number {
    One(u64),
    Each(Vec<u64>),
}

impl Number {
    pub(super) fn sum(&self) -> u64 {
        match self {
            Number::One(n) => *n,
            Number::Each(all) => all.iter().fold(0, |sum: u64, n| sum.saturating_add(*n)),
        }
    }

    /// The sum over `layers`, when one number means the same for each.
    pub(super) fn over(&self, layers: u64) -> u64 {
        match self {
            Number::One(n) => n.saturating_mul(layers),
            Number::Each(_) => self.sum(),
        }
    }
}

impl Header {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Flag(_) => None,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<&Number> {
        match self.values.get(key)? {
            Value::Number(number) => Some(number),
            Value::Text(_) | Value::Flag(_) => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.values.get(key)? {
            Value::Flag(flag) => Some(*flag),
            Value::Text(_) | Value::Number(_) => None,
        }
    }
}

/// What is wrong with a header; `at` adds the file.
#[derive(Debug)]
pub(super) enum HeaderError {
    NotGguf(String),
    /// The file ends inside the header, or before this many bytes.
    CutShort(u64),
    Damaged(String),
    Read(io::Error),
}

impl HeaderError {
    pub(super) fn at(self, path: &Path, bytes: u64) -> InspectError {
        let path = path.into();
        match self {
            HeaderError::NotGguf(what) => InspectError::NotGguf { path, what },
            HeaderError::CutShort(need) => InspectError::CutShort {
                path,
                have: bytes,
                need,
            },
            HeaderError::Damaged(what) => InspectError::Damaged { path, what },
            HeaderError::Read(error) => InspectError::Read {
                path,
                reason: error.to_string(),
            },
        }
    }
}

pub(super) fn parse(input: impl Read, file_bytes: u64) -> Result<Header, HeaderError> {
    if file_bytes == 0 {
        return Err(HeaderError::NotGguf("it is empty".into()));
    }
    let mut cursor = Cursor {
        input,
        at: 0,
        file_bytes,
    };
    let magic = match cursor.bytes::<4>() {
        Err(HeaderError::CutShort(_)) => Err(HeaderError::NotGguf("it is too short".into())),
        other => other,
    }?;
    if &magic != b"GGUF" {
        let text = magic.escape_ascii();
        return Err(HeaderError::NotGguf(format!(
            "it begins with `{text}`, not with `GGUF`"
        )));
    }
    let version = cursor.u32()?;
    if !(2..=3).contains(&version) {
        let swapped = if version.swap_bytes() <= 3 {
            " (big-endian)"
        } else {
            ""
        };
        return Err(HeaderError::NotGguf(format!(
            "version {version}{swapped}, not 2 or 3"
        )));
    }
    let tensors = cursor.count("tensors", MAX_TENSORS)?;
    let pairs = cursor.count("metadata values", MAX_PAIRS)?;
    let mut header = Header {
        values: IndexMap::new(),
        vocabulary: 0,
        parameters: 0,
        data_start: 0,
    };
    for _ in 0..pairs {
        let key = cursor.string(MAX_NAME_BYTES)?;
        let kind = cursor.u32()?;
        let (value, length) = cursor.value(kind)?;
        if key == "tokenizer.ggml.tokens" {
            header.vocabulary = length;
        }
        if let Some(value) = value {
            header.values.insert(key, value);
        }
    }
    let end = tensor_end(&mut cursor, tensors, &mut header)?;
    let alignment = header.number("general.alignment").map_or(32, Number::sum);
    if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
        return Err(HeaderError::Damaged(format!(
            "an alignment of {alignment} bytes"
        )));
    }
    header.data_start = cursor.at.next_multiple_of(alignment);
    let need = header.data_start.saturating_add(end);
    if need > file_bytes {
        return Err(HeaderError::CutShort(need));
    }
    Ok(header)
}

/// Walks over the tensor list and gives where the last tensor ends, counted from the data's start.
fn tensor_end<R: Read>(
    cursor: &mut Cursor<R>,
    tensors: u64,
    header: &mut Header,
) -> Result<u64, HeaderError> {
    let mut end = 0;
    for _ in 0..tensors {
        let name = cursor.string(MAX_NAME_BYTES)?;
        let dimensions = cursor.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(HeaderError::Damaged(format!(
                "`{name}` has {dimensions} dimensions"
            )));
        }
        let mut values: u64 = 1;
        for _ in 0..dimensions {
            values = values
                .checked_mul(cursor.u64()?)
                .ok_or_else(|| HeaderError::Damaged(format!("`{name}` is impossibly large")))?;
        }
        let kind = cursor.u32()?;
        let offset = cursor.u64()?;
        // A type that we do not know is llama.cpp's to judge; its size then counts as nothing.
        let (block, bytes) = types::block(kind).unwrap_or((1, 0));
        let size = values.div_ceil(block).saturating_mul(bytes);
        end = end.max(offset.saturating_add(size));
        header.parameters = header.parameters.saturating_add(values);
    }
    Ok(end)
}

struct Cursor<R> {
    input: R,
    at: u64,
    file_bytes: u64,
}

impl<R: Read> Cursor<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let mut buffer = [0; N];
        self.fill(&mut buffer)?;
        Ok(buffer)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), HeaderError> {
        self.at = self.at.saturating_add(buffer.len() as u64);
        if self.at > self.file_bytes {
            return Err(HeaderError::CutShort(self.at));
        }
        self.input.read_exact(buffer).map_err(HeaderError::Read)
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn count(&mut self, what: &str, most: u64) -> Result<u64, HeaderError> {
        let count = self.u64()?;
        if count > most {
            return Err(HeaderError::Damaged(format!("it claims {count} {what}")));
        }
        Ok(count)
    }

    /// Text of at most `most` bytes; longer text is walked over and comes back empty.
    fn string(&mut self, most: u64) -> Result<String, HeaderError> {
        let length = self.u64()?;
        if length > most {
            self.skip(length)?;
            return Ok(String::new());
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, length: u64) -> Result<(), HeaderError> {
        self.at = self.at.saturating_add(length);
        if self.at > self.file_bytes {
            return Err(HeaderError::CutShort(self.at));
        }
        let skipped = io::copy(&mut (&mut self.input).take(length), &mut io::sink())
            .map_err(HeaderError::Read)?;
        if skipped < length {
            Err(HeaderError::CutShort(self.at))
        } else {
            Ok(())
        }
    }

    /// A value worth keeping, and its length when it is an array.
    fn value(&mut self, kind: u32) -> Result<(Option<Value>, u64), HeaderError> {
        if kind == KIND_TEXT {
            return Ok((Some(Value::Text(self.string(MAX_TEXT_BYTES)?)), 0));
        }
        if kind == KIND_FLAG {
            return Ok((Some(Value::Flag(self.bytes::<1>()?[0] != 0)), 0));
        }
        if kind != KIND_ARRAY {
            return Ok((self.scalar(kind)?.map(|n| Value::Number(Number::One(n))), 0));
        }
        let inner = self.u32()?;
        let length = self.count("values in one array", MAX_ARRAY)?;
        if inner == KIND_TEXT {
            for _ in 0..length {
                let bytes = self.u64()?;
                self.skip(bytes)?;
            }
            return Ok((None, length));
        }
        if length > MAX_LAYERS {
            let size = scalar_bytes(inner)
                .ok_or_else(|| HeaderError::Damaged(format!("an array of type {inner}")))?;
            self.skip(length.saturating_mul(size))?;
            return Ok((None, length));
        }
        let mut all = Vec::new();
        for _ in 0..length {
            all.extend(self.scalar(inner)?);
        }
        Ok((Some(Value::Number(Number::Each(all))), length))
    }

    /// A number; `None` for a fraction or a negative one, which nobody asks for.
    fn scalar(&mut self, kind: u32) -> Result<Option<u64>, HeaderError> {
        let size = scalar_bytes(kind)
            .ok_or_else(|| HeaderError::Damaged(format!("a value of type {kind}")))?;
        let mut bytes = [0; 8];
        let used = usize::try_from(size).unwrap_or(0);
        self.fill(&mut bytes[..used])?;
        let raw = u64::from_le_bytes(bytes);
        let signed = matches!(kind, 1 | 3 | 5 | 11);
        let negative = signed && bytes[used - 1] & 0x80 != 0;
        Ok((!negative && !matches!(kind, 6 | 12)).then_some(raw))
    }
}

/// Bytes of the container's number types: u8 i8 u16 i16 u32 i32 f32 bool … u64 i64 f64.
fn scalar_bytes(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | KIND_FLAG => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

const KIND_FLAG: u32 = 7;
const KIND_TEXT: u32 = 8;
const KIND_ARRAY: u32 = 9;

/// Tensors of one file; the largest known models have a few thousand.
const MAX_TENSORS: u64 = 1 << 17;
/// Metadata values; real files have below a hundred.
const MAX_PAIRS: u64 = 1 << 16;
/// Values of one array; the largest vocabularies have 262,144 tokens and twice as many merges.
const MAX_ARRAY: u64 = 1 << 24;
/// Arrays up to this length are kept: one number for each layer.
const MAX_LAYERS: u64 = 4096;
/// Bytes of a key or a tensor's name that are kept.
const MAX_NAME_BYTES: u64 = 1 << 10;
/// Bytes of a text value that are kept; chat templates reach 30 kB.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// ggml's own limit.
const MAX_DIMENSIONS: u32 = 4;
/// A page of the largest kind would be 1 GiB; nobody aligns tensors beyond 64 KiB.
const MAX_ALIGNMENT: u64 = 1 << 16;
