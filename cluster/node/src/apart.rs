//! Where work that blocks on the disk runs: apart from the runtime's threads on a real machine,
//! since an fsync takes milliseconds; in place on a simulated one, where it takes no real time and
//! a thread would bring an order that no seed decides.

use raft::Writer;

/// The work ended without an answer: it panicked, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work on the disk ended without an answer")]
pub(crate) struct Unanswered;

/// Runs `work` to its end. A caller that stops waiting does not stop the work.
pub(crate) async fn apart<T, F>(writer: Writer, work: F) -> Result<T, Unanswered>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match writer {
        Writer::Thread => tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Unanswered),
        Writer::Task => Ok(work()),
    }
}

#[cfg(test)]
mod tests;
