//! Why bytes were not a message, or a message could not become bytes.

use crate::Kind;

/// The sender's mistake; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The message is larger than its kind may be. Send less at a time.
    #[error("a message of kind {} may have {max} bytes, this one has more", kind.name())]
    TooLong { kind: Kind, max: usize },
    /// The type cannot be written: a programming error, such as a sequence of unknown length.
    #[error("this type has no wire form: {0}")]
    Unwritable(String),
}

/// The peer's mistake, or damage. Nothing changed; asking again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a header, or than the header promises.
    #[error("{len} bytes, where {need} were promised")]
    TooShort { len: usize, need: usize },
    /// These bytes were never a frame of ours.
    #[error("not a message of this cluster software")]
    Magic,
    /// The peer is more than one version away. The person should upgrade the older of the two.
    #[error(
        "the peer speaks version {theirs}, this node {}: at most one apart works",
        crate::VERSION
    )]
    Version { theirs: u16 },
    /// A kind that this version does not have: the peer is newer and should not have sent it.
    #[error("unknown kind of message {0}")]
    UnknownKind(u16),
    /// A bit of the header that this version gives no meaning.
    #[error("unknown flags {0:#06x}")]
    UnknownFlags(u16),
    /// A length above the cap of its kind. Nothing was allocated for it.
    #[error("{len} bytes, where {max} are allowed")]
    TooLong { len: u64, max: usize },
    /// The body does not unpack to the length that the header claims.
    #[error("the body unpacks to {found} bytes, where {claimed} were promised")]
    Unpacked { claimed: usize, found: usize },
    /// The compressed body is damaged.
    #[error("the compressed body is damaged")]
    Squeezed,
    /// The body is not what its kind says.
    #[error("the body is garbled: {0}")]
    Garbled(String),
    /// More bytes than the message.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A frame of another kind than the caller asked for.
    #[error("a message of kind {}, where {} was expected", found.name(), expected.name())]
    OtherKind { expected: Kind, found: Kind },
}
