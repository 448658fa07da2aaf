//! Values as bytes, without header or compression: bodies of frames, and records on disk.
//!
//! bincode allocates what a length field claims before it reads, so every decoding runs under a
//! limit. The limit is a type parameter there, hence the ladder: the lowest rung that no honest
//! message of that length can reach.

use crate::{DecodeError, EncodeError};
use bincode::config::{Configuration, standard};
use bincode::enc::write::Writer;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record for the disk.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut sink = Sink::new(Vec::new(), usize::MAX);
    write_into(value, &mut sink).map_err(EncodeError::Unwritable)?;
    Ok(sink.bytes)
}

/// A record from the disk: exactly one value, of at most `max` bytes.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong {
            len: bytes.len() as u64,
            max,
        });
    }
    let len = bytes.len();
    let decoded = if len <= RUNG_1 {
        decode_under::<T, { RUNG_1 * SLACK }>(bytes)
    } else if len <= RUNG_2 {
        decode_under::<T, { RUNG_2 * SLACK }>(bytes)
    } else if len <= RUNG_3 {
        decode_under::<T, { RUNG_3 * SLACK }>(bytes)
    } else if len <= RUNG_4 {
        decode_under::<T, { RUNG_4 * SLACK }>(bytes)
    } else {
        return Err(DecodeError::TooLong {
            len: len as u64,
            max: RUNG_4,
        });
    };
    let (value, used) = decoded.map_err(|error| DecodeError::Garbled(error.to_string()))?;
    match len - used {
        0 => Ok(value),
        trailing => Err(DecodeError::Trailing(trailing)),
    }
}

fn decode_under<T: DeserializeOwned, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<(T, usize), bincode::error::DecodeError> {
    bincode::serde::decode_from_slice(bytes, CONFIG.with_limit::<LIMIT>())
}

/// Writes behind what `sink` holds already. The error says why the type cannot be written, or that
/// the sink is full.
pub(crate) fn write_into<T: Serialize>(value: &T, sink: &mut Sink) -> Result<(), String> {
    bincode::serde::encode_into_writer(value, &mut *sink, CONFIG).map_err(|error| error.to_string())
}

/// Collects bytes up to a cap, so that a message too large is refused before it was built.
pub(crate) struct Sink {
    pub(crate) bytes: Vec<u8>,
    pub(crate) full: bool,
    cap: usize,
}

impl Sink {
    pub(crate) fn new(bytes: Vec<u8>, cap: usize) -> Sink {
        Sink {
            bytes,
            full: false,
            cap,
        }
    }
}

impl Writer for &mut Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        if bytes.len() > self.cap - self.bytes.len() {
            self.full = true;
            return Err(bincode::error::EncodeError::Other("full"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Little-endian, small integers in one byte.
const CONFIG: Configuration = standard();

/// bincode counts an integer by its width in memory, and writes a small one in a single byte: eight
/// times the bytes covers everything but a `u128`.
const SLACK: usize = 8;
/// Bytes of a message, each 16 times the one before: what a lie can allocate stays within 128 times
/// the bytes that were sent. More rungs would compile every decoder more often.
const RUNG_1: usize = 8 * 1024;
const RUNG_2: usize = 16 * RUNG_1;
const RUNG_3: usize = 16 * RUNG_2;
/// The largest kind (a Raft snapshot).
const RUNG_4: usize = 32 * RUNG_3;
