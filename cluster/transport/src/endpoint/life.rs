//! The endpoint's own loops, for whoever runs them, and how much it has to do.

use super::{Endpoint, accept, keep};
use futures::future::BoxFuture;

/// Nothing comes in or goes out any more, and no call mends it: it takes a new endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the UDP socket failed (the log says how); a restart opens another one")]
pub struct SocketLost;

/// How much an endpoint has to do at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointLoad {
    /// Peers with a link.
    pub links: usize,
    /// Requests of others that are under way here.
    pub requests_in: usize,
    /// Requests of this node that are under way elsewhere.
    pub requests_out: usize,
}

impl Endpoint {
    /// Runs the endpoint's own loops until it is closed: lets in who knocks, keeps house, tells the
    /// handler of links. A handler that panics over a link panics here.
    ///
    /// Dropped and called again it goes on: links and requests have tasks of their own, and who
    /// knocks meanwhile waits. To be run once at a time.
    pub fn serve(&self) -> BoxFuture<'static, Result<(), SocketLost>> {
        // Not the handle, which would keep the endpoint.
        let inner = self.inner.clone();
        Box::pin(async move {
            tokio::select! {
                biased;
                () = keep::keep_house(inner.clone()) => {}
                () = keep::announce_links(inner.clone()) => {}
                // The last, since it always has something to do while many knock.
                () = accept::accept(inner.clone()) => {}
            }
            if inner.table().closed() {
                Ok(())
            } else {
                Err(SocketLost)
            }
        })
    }

    /// What there is to do now. Cheaper than [`Endpoint::links`].
    pub fn load(&self) -> EndpointLoad {
        self.inner.table().load()
    }
}
