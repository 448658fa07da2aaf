//! Raft's messages: their layouts, the way out ([`link::Link`]) and the order on the way in
//! ([`Lanes`]).
//! Bytes and frames are `wire`'s; who carries them is a [`Courier`]'s business.

mod book;
mod lanes;
mod link;
mod messages;

#[cfg(test)]
mod tests;

pub(crate) use book::Book;
pub(crate) use lanes::Lanes;
pub(crate) use link::{Factory, send};
pub(crate) use messages::*;

use base::NodeId;
use bytes::Bytes;
use futures::future::BoxFuture;
use std::time::Duration;

/// Carries a frame to a node and its answer back. The transport in production, a map of nodes in
/// tests.
pub trait Courier: Send + Sync + 'static {
    /// The answer is a frame of the same kind. Gives up after `ttl`.
    fn send(
        &self,
        to: NodeId,
        kind: wire::Kind,
        frame: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'static, Result<wire::Frame, CourierError>>;
}

/// Why no answer came. Whether the message arrived is unknown, except for `Unreachable`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// Never sent.
    #[error("the node cannot be reached: {0}")]
    Unreachable(String),
    #[error("no answer in time")]
    Timeout,
    /// The peer answered that it will not.
    #[error("the node refused: {0}")]
    Refused(String),
}
