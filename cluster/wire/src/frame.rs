//! Frames: the header, the body, and the compression between them.
//!
//! Header, 16 bytes, little-endian: magic `RL` (2), version (2), kind (2), flags (2), length of the
//! body after unpacking (4), length of the body as sent (4).

use crate::body::{Sink, from_bytes, write_into};
use crate::{DecodeError, EncodeError, HEAD_BYTES, Kind, VERSION, works_with};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A header that was checked: known kind, compatible version, lengths within the kind's cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub version: u16,
    pub kind: Kind,
    pub squeezed: bool,
    /// Bytes of the body after unpacking.
    pub raw_len: usize,
    /// Bytes of the body as sent.
    pub body_len: usize,
}

/// A message that arrived: its body is unpacked and within the cap, but not yet decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub version: u16,
    pub kind: Kind,
    pub body: Bytes,
}

/// Header and body; the body squeezed where that is worth it.
pub fn encode<T: Serialize>(kind: Kind, body: &T) -> Result<Bytes, EncodeError> {
    write(kind, body, true)
}

/// As [`encode`], never squeezed: for bodies that are known to be dense, such as model weights.
pub fn encode_plain<T: Serialize>(kind: Kind, body: &T) -> Result<Bytes, EncodeError> {
    write(kind, body, false)
}

/// The same frame under another version's number. As a body's layout never changes, the number is
/// all in which a neighbour's frame differs.
pub fn restamp(frame: Bytes, version: u16) -> Bytes {
    if version == VERSION || frame.len() < HEAD_BYTES {
        return frame;
    }
    let mut bytes = frame.to_vec();
    bytes[2..4].copy_from_slice(&version.to_le_bytes());
    Bytes::from(bytes)
}

/// Reads one frame, which `bytes` must be exactly. Copies the body.
pub fn open(bytes: &[u8]) -> Result<Frame, DecodeError> {
    let head = Head::read(bytes)?;
    let body = head.body_of(bytes)?;
    head.frame(|| Bytes::copy_from_slice(body), body)
}

/// As [`open`]; a body that is not squeezed is not copied.
pub fn open_bytes(bytes: &Bytes) -> Result<Frame, DecodeError> {
    let head = Head::read(bytes)?;
    let body = head.body_of(bytes)?;
    head.frame(|| bytes.slice(HEAD_BYTES..), body)
}

/// A frame of that kind, down to its value.
pub fn decode<T: DeserializeOwned>(expected: Kind, bytes: &[u8]) -> Result<T, DecodeError> {
    let head = Head::read(bytes)?;
    if head.kind != expected {
        return Err(DecodeError::OtherKind {
            expected,
            found: head.kind,
        });
    }
    let body = head.body_of(bytes)?;
    if head.squeezed {
        from_bytes(&head.unpack(body)?, expected.max_bytes())
    } else {
        from_bytes(body, expected.max_bytes())
    }
}

impl Frame {
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        from_bytes(&self.body, self.kind.max_bytes())
    }
}

impl Head {
    /// Reads the header at the start of `bytes`; what follows may not have arrived yet. A reader
    /// that got `Ok` may allocate `body_len`.
    pub fn read(bytes: &[u8]) -> Result<Head, DecodeError> {
        Head::read_as(VERSION, bytes)
    }

    pub(crate) fn read_as(ours: u16, bytes: &[u8]) -> Result<Head, DecodeError> {
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Err(DecodeError::TooShort {
                len: bytes.len(),
                need: HEAD_BYTES,
            });
        };
        let short = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let long =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if head[..2] != MAGIC {
            return Err(DecodeError::Magic);
        }
        let (version, flags) = (short(2), short(6));
        if !works_with(ours, version) {
            return Err(DecodeError::Version { theirs: version });
        }
        let kind = Kind::from_u16(short(4)).ok_or(DecodeError::UnknownKind(short(4)))?;
        if flags & !FLAG_SQUEEZED != 0 {
            return Err(DecodeError::UnknownFlags(flags));
        }
        let max = kind.max_bytes();
        for len in [long(8), long(12)] {
            if len as usize > max {
                return Err(DecodeError::TooLong {
                    len: u64::from(len),
                    max,
                });
            }
        }
        let head = Head {
            version,
            kind,
            squeezed: flags & FLAG_SQUEEZED != 0,
            raw_len: long(8) as usize,
            body_len: long(12) as usize,
        };
        // A body is squeezed only where that made it smaller, and else sent as it is.
        let consistent = if head.squeezed {
            head.body_len < head.raw_len
        } else {
            head.body_len == head.raw_len
        };
        if !consistent {
            return Err(DecodeError::Unpacked {
                claimed: head.raw_len,
                found: head.body_len,
            });
        }
        Ok(head)
    }

    fn write(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let flags = if self.squeezed { FLAG_SQUEEZED } else { 0 };
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..6].copy_from_slice(&(self.kind as u16).to_le_bytes());
        bytes[6..8].copy_from_slice(&flags.to_le_bytes());
        // Both fit: no kind's cap is near four GiB.
        bytes[8..12].copy_from_slice(&(self.raw_len as u32).to_le_bytes());
        bytes[12..].copy_from_slice(&(self.body_len as u32).to_le_bytes());
        bytes
    }

    fn body_of<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let need = HEAD_BYTES + self.body_len;
        if bytes.len() < need {
            return Err(DecodeError::TooShort {
                len: bytes.len(),
                need,
            });
        }
        match bytes.len() - need {
            0 => Ok(&bytes[HEAD_BYTES..]),
            trailing => Err(DecodeError::Trailing(trailing)),
        }
    }

    fn frame(&self, plain: impl FnOnce() -> Bytes, body: &[u8]) -> Result<Frame, DecodeError> {
        let body = if self.squeezed {
            Bytes::from(self.unpack(body)?)
        } else {
            plain()
        };
        Ok(Frame {
            version: self.version,
            kind: self.kind,
            body,
        })
    }

    /// Allocates `raw_len`, which is within the kind's cap.
    fn unpack(&self, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut raw = vec![0; self.raw_len];
        let found =
            lz4_flex::block::decompress_into(body, &mut raw).map_err(|_| DecodeError::Squeezed)?;
        if found != self.raw_len {
            return Err(DecodeError::Unpacked {
                claimed: self.raw_len,
                found,
            });
        }
        Ok(raw)
    }
}

fn write<T: Serialize>(kind: Kind, body: &T, squeeze: bool) -> Result<Bytes, EncodeError> {
    let max = kind.max_bytes();
    let mut sink = Sink::new(vec![0; HEAD_BYTES], HEAD_BYTES + max);
    if let Err(reason) = write_into(body, &mut sink) {
        return Err(if sink.full {
            EncodeError::TooLong { kind, max }
        } else {
            EncodeError::Unwritable(reason)
        });
    }
    let mut bytes = sink.bytes;
    let raw_len = bytes.len() - HEAD_BYTES;
    let mut head = Head {
        version: VERSION,
        kind,
        squeezed: false,
        raw_len,
        body_len: raw_len,
    };
    if squeeze
        && raw_len >= SQUEEZE_FROM
        && let Some(smaller) = squeezed(&bytes[HEAD_BYTES..])
    {
        bytes = smaller;
        head.squeezed = true;
        head.body_len = bytes.len() - HEAD_BYTES;
    }
    bytes[..HEAD_BYTES].copy_from_slice(&head.write());
    Ok(Bytes::from(bytes))
}

/// Room for a header and the squeezed body, where that is smaller.
fn squeezed(raw: &[u8]) -> Option<Vec<u8>> {
    let most = lz4_flex::block::get_maximum_output_size(raw.len());
    let mut bytes = vec![0; HEAD_BYTES + most];
    let len = lz4_flex::block::compress_into(raw, &mut bytes[HEAD_BYTES..]).ok()?;
    bytes.truncate(HEAD_BYTES + len);
    (len < raw.len()).then_some(bytes)
}

const MAGIC: [u8; 2] = *b"RL";
const FLAG_SQUEEZED: u16 = 1;
/// Bytes of a body from which lz4 is tried. There it costs a microsecond and saves a fifth of a
/// text; at a quarter of that size a twentieth. On a network of 1 Gb/s it saves more time
/// than it costs from about 800 B. `cargo run --release -p wire --example table` prints the
/// measure.
const SQUEEZE_FROM: usize = 512;
