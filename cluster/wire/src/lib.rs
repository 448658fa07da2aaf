//! The one place that turns messages into network bytes and back.
//!
//! A frame is a header of fixed width ([`Head`]) and a body. The body is bincode 2, squeezed by lz4
//! when that makes it smaller. Nothing outside this crate names bincode or lz4.
//!
//! Invariants: no length that a peer claims is believed before it was compared with a cap; bytes
//! that are not exactly one frame give a typed error and never a panic; a body's layout never
//! changes, since a new layout is a new [`Kind`] whose `since` is the new [`VERSION`]. That is why
//! a node can talk to a peer one version older or newer by doing nothing at all.
//!
//! Bodies hold no `usize`, no `u128`, no sequence of empty elements, and byte strings as
//! `bytes::Bytes` (a `Vec<u8>` is read and written byte by byte).

mod body;
mod error;
mod frame;
mod kind;

pub use body::{from_bytes, to_bytes};
pub use error::{DecodeError, EncodeError};
pub use frame::{Frame, Head, decode, encode, encode_plain, open, open_bytes, restamp};
pub use kind::{Callers, Class, Kind};

/// The version that this build speaks.
pub const VERSION: u16 = 1;

/// Bytes of a frame before its body.
pub const HEAD_BYTES: usize = 16;

/// Whether two versions can talk to each other: where they are at most one apart.
pub fn works_with(ours: u16, theirs: u16) -> bool {
    ours.abs_diff(theirs) <= 1
}

#[cfg(test)]
mod tests;
