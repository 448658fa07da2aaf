//! Requests and replies on QUIC streams.
//!
//! A request is a preamble (microseconds left, trace id) and one wire frame; the stream is then
//! half-closed. A reply is a status byte and a frame, or a status byte and a refusal. Lengths come
//! from the frame's checked head, so nothing is allocated for what a peer merely claims.

use crate::{DownReason, Refusal};
use bytes::{BufMut, Bytes, BytesMut};
use quinn::{ReadError, RecvStream, SendStream, WriteError};
use std::time::Duration;
use wire::{Class, DecodeError, HEAD_BYTES, Head};

/// What a request says before its frame's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) left: Duration,
    pub(crate) trace: u64,
    pub(crate) head: Head,
}

/// Why a stream did not bring what it should.
#[derive(Debug)]
pub(crate) enum StreamFault {
    /// The link is gone.
    Lost(quinn::ConnectionError),
    /// The peer took the stream back, or cut it off.
    Cut,
    /// More than the head promised.
    Excess,
    Garbled(DecodeError),
}

pub(crate) async fn write_request(
    stream: &mut SendStream,
    left: Duration,
    trace: u64,
    frame: Bytes,
) -> Result<(), WriteError> {
    let mut preamble = BytesMut::with_capacity(PREAMBLE_BYTES);
    preamble.put_u64_le(u64::try_from(left.as_micros()).unwrap_or(u64::MAX));
    preamble.put_u64_le(trace);
    write(stream, preamble.freeze(), frame).await
}

pub(crate) async fn write_reply(
    stream: &mut SendStream,
    reply: Result<Bytes, Refusal>,
) -> Result<(), WriteError> {
    match reply {
        Ok(frame) => write(stream, Bytes::from_static(&[STATUS_OK]), frame).await,
        Err(refusal) => {
            // A refusal is small and has a wire form, so the second case is not met.
            let body = wire::to_bytes(&refusal).unwrap_or_default();
            write(stream, Bytes::from_static(&[STATUS_REFUSED]), body.into()).await
        }
    }
}

async fn write(stream: &mut SendStream, first: Bytes, second: Bytes) -> Result<(), WriteError> {
    stream.write_all_chunks(&mut [first, second]).await?;
    // Only a stream that the peer stopped cannot be finished, and then nobody listens.
    stream.finish().map_err(|_| WriteError::ClosedStream)
}

/// Reads until the frame's head is there; returns it with the frame's bytes so far.
pub(crate) async fn read_opening(stream: &mut RecvStream) -> Result<(Opening, Bytes), StreamFault> {
    let mut held = Bytes::new();
    while held.len() < PREAMBLE_BYTES + HEAD_BYTES {
        let more = next(stream).await?.ok_or(StreamFault::Cut)?;
        held = joined(held, more);
    }
    let preamble = held.split_to(PREAMBLE_BYTES);
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| preamble[at + i]));
    let head = Head::read(&held).map_err(StreamFault::Garbled)?;
    let opening = Opening {
        left: Duration::from_micros(number(0)),
        trace: number(8),
        head,
    };
    Ok((opening, held))
}

/// The whole frame, of which `held` is the beginning.
pub(crate) async fn read_frame(
    stream: &mut RecvStream,
    head: Head,
    held: Bytes,
) -> Result<Bytes, StreamFault> {
    let length = HEAD_BYTES + head.body_len;
    let whole = read_up_to(stream, held, length).await?;
    match whole.len() == length {
        true => Ok(whole),
        false => Err(StreamFault::Cut),
    }
}

/// The peer's reply, whose frame has at most `max` bytes.
pub(crate) async fn read_reply(
    stream: &mut RecvStream,
    max: usize,
) -> Result<Result<Bytes, Refusal>, StreamFault> {
    let first = next(stream).await?.ok_or(StreamFault::Cut)?;
    let mut whole = read_up_to(stream, first, 1 + max).await?;
    match whole.split_to(1)[0] {
        STATUS_OK => Ok(Ok(whole)),
        STATUS_REFUSED => match wire::from_bytes(&whole, MAX_REFUSAL_BYTES) {
            Ok(refusal) => Ok(Err(refusal)),
            Err(error) => Err(StreamFault::Garbled(error)),
        },
        _ => Err(StreamFault::Garbled(DecodeError::Magic)),
    }
}

/// All of a stream, of which `held` was read already; refuses more than `max` bytes.
async fn read_up_to(
    stream: &mut RecvStream,
    held: Bytes,
    max: usize,
) -> Result<Bytes, StreamFault> {
    if held.len() > max {
        return Err(StreamFault::Excess);
    }
    // Most messages come in one packet, and then nothing is copied.
    let Some(more) = next(stream).await? else {
        return Ok(held);
    };
    let mut whole = BytesMut::with_capacity((held.len() + more.len()).max(max.min(FIRST_BUFFER)));
    whole.extend_from_slice(&held);
    let mut more = Some(more);
    while let Some(bytes) = more {
        if whole.len() + bytes.len() > max {
            return Err(StreamFault::Excess);
        }
        whole.extend_from_slice(&bytes);
        more = next(stream).await?;
    }
    Ok(whole.freeze())
}

async fn next(stream: &mut RecvStream) -> Result<Option<Bytes>, StreamFault> {
    match stream.read_chunk(usize::MAX, true).await {
        Ok(chunk) => Ok(chunk.map(|chunk| chunk.bytes)),
        Err(ReadError::ConnectionLost(error)) => Err(StreamFault::Lost(error)),
        Err(
            ReadError::Reset(_)
            | ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected,
        ) => Err(StreamFault::Cut),
    }
}

fn joined(held: Bytes, more: Bytes) -> Bytes {
    if held.is_empty() {
        return more;
    }
    [held, more].concat().into()
}

/// Larger first: what the peer sends in each class goes before all of the classes below.
pub(crate) fn priority(class: Class) -> i32 {
    match class {
        Class::Control => 1,
        Class::Calls => 0,
        Class::Bulk => -1,
    }
}

/// Application codes of a connection's close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Close {
    Left = 1,
    Replaced = 2,
    Revoked = 3,
    Expired = 4,
    Full = 5,
    /// A node found that it had called itself.
    Own = 6,
    /// A joiner has its answer; a stranger's time is over.
    Done = 7,
}

impl Close {
    pub(crate) fn apply(self, connection: &quinn::Connection) {
        connection.close((self as u32).into(), b"");
    }
}

/// What the end of a connection means.
pub(crate) fn down_reason(error: &quinn::ConnectionError) -> DownReason {
    use quinn::ConnectionError;
    match error {
        ConnectionError::TimedOut => DownReason::Silent,
        ConnectionError::Reset => DownReason::Restarted,
        ConnectionError::LocallyClosed => DownReason::Local,
        ConnectionError::ApplicationClosed(close) => match u64::from(close.error_code) {
            code if code == Close::Replaced as u64 => DownReason::Replaced,
            code if code == Close::Revoked as u64 => DownReason::Revoked,
            code if code == Close::Expired as u64 => DownReason::Expired,
            code if code == Close::Full as u64 => DownReason::Full,
            _ => DownReason::Left,
        },
        ConnectionError::ConnectionClosed(close) => match refusal_in(u64::from(close.error_code)) {
            Some(refusal) => DownReason::Refused(refusal),
            None if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED => {
                DownReason::Full
            }
            None => DownReason::Protocol(close.to_string()),
        },
        ConnectionError::TransportError(_)
        | ConnectionError::VersionMismatch
        | ConnectionError::CidsExhausted => DownReason::Protocol(error.to_string()),
    }
}

/// The certificate alert in a QUIC error code, if it is one (RFC 9001, 4.8).
pub(crate) fn refusal_in(code: u64) -> Option<crate::CertificateRefusal> {
    use crate::CertificateRefusal;
    match code.checked_sub(0x100)? {
        42 => Some(CertificateRefusal::OtherNode),
        43 | 46 | 49 | 50 => Some(CertificateRefusal::Garbled),
        44 => Some(CertificateRefusal::Revoked),
        45 => Some(CertificateRefusal::Expired),
        48 => Some(CertificateRefusal::OtherCluster),
        _ => None,
    }
}

const PREAMBLE_BYTES: usize = 16;
const STATUS_OK: u8 = 0;
const STATUS_REFUSED: u8 = 1;
/// A refusal's text is a sentence.
const MAX_REFUSAL_BYTES: usize = 4096;
/// A message in several packets begins with a buffer of this size; it grows with what arrives.
const FIRST_BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests;
