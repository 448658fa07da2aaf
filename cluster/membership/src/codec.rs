//! Datagrams as bytes: every item behind its length in one byte, each read under a cap.

use crate::Member;
use bytes::{Buf, BufMut, Bytes};
use foca::Header;

/// Why a datagram was not one of ours, or an item could not become bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("the datagram ends inside an item")]
    Truncated,
    #[error("no room for the item")]
    Full,
    #[error(transparent)]
    Decode(#[from] wire::DecodeError),
    #[error(transparent)]
    Encode(#[from] wire::EncodeError),
}

#[derive(Debug)]
pub(crate) struct SwimCodec;

impl foca::Codec<Member> for SwimCodec {
    type Error = CodecError;

    fn encode_header(
        &mut self,
        header: &Header<Member>,
        buf: impl BufMut,
    ) -> Result<(), CodecError> {
        put(&wire::to_bytes(header)?, buf)
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Member>, CodecError> {
        take(buf)
    }

    fn encode_member(
        &mut self,
        member: &foca::Member<Member>,
        buf: impl BufMut,
    ) -> Result<(), CodecError> {
        put(&wire::to_bytes(member)?, buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<foca::Member<Member>, CodecError> {
        take(buf)
    }
}

fn put(item: &[u8], mut buf: impl BufMut) -> Result<(), CodecError> {
    let len = u8::try_from(item.len()).map_err(|_| CodecError::Full)?;
    if buf.remaining_mut() < item.len() + 1 {
        return Err(CodecError::Full);
    }
    buf.put_u8(len);
    buf.put_slice(item);
    Ok(())
}

fn take<T: serde::de::DeserializeOwned>(mut buf: impl Buf) -> Result<T, CodecError> {
    if !buf.has_remaining() {
        return Err(CodecError::Truncated);
    }
    let len = usize::from(buf.get_u8());
    let chunk = buf.chunk();
    if chunk.len() < len {
        return Err(CodecError::Truncated);
    }
    let item = wire::from_bytes(&chunk[..len], MAX_ITEM_BYTES)?;
    buf.advance(len);
    Ok(item)
}

/// A datagram's header, and how many updates it claims to carry. The updates are read only when
/// somebody iterates over them.
pub(crate) struct Peeked<'a> {
    pub(crate) header: Header<Member>,
    pub(crate) updates: u16,
    rest: &'a [u8],
}

pub(crate) fn peek(mut bytes: &[u8]) -> Result<Peeked<'_>, CodecError> {
    let header: Header<Member> = take(&mut bytes)?;
    let updates = if bytes.len() >= 2 { bytes.get_u16() } else { 0 };
    Ok(Peeked {
        header,
        updates,
        rest: bytes,
    })
}

impl Peeked<'_> {
    /// The members that it speaks of, up to the first that cannot be read.
    pub(crate) fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let mut rest = self.rest;
        (0..self.updates).map_while(move |_| {
            let update: foca::Member<Member> = take(&mut rest).ok()?;
            Some(update.id().clone())
        })
    }
}

/// A datagram as foca would write it, for what foca has no way to ask. `None` when it cannot be
/// written, which the caps on identities exclude.
pub(crate) fn craft(header: &Header<Member>, updates: &[foca::Member<Member>]) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(MAX_ITEM_BYTES);
    put(&wire::to_bytes(header).ok()?, &mut bytes).ok()?;
    bytes.put_u16(u16::try_from(updates.len()).ok()?);
    for update in updates {
        put(&wire::to_bytes(update).ok()?, &mut bytes).ok()?;
    }
    Some(bytes.into())
}

/// Bytes of a header or of a member: three identities of at most 60 bytes and a few numbers.
const MAX_ITEM_BYTES: usize = 255;
