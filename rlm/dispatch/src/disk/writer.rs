//! The one thread of a process that writes replies to disk, behind a bounded queue. A full queue
//! drops the reply and counts it: the cache must never slow down a call.

use super::DiskStore;
use crate::key::Key;
use engine::Reply;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot};

#[derive(Debug)]
pub(crate) struct DiskWriter {
    queue: mpsc::Sender<(Key, Reply)>,
    done: oneshot::Receiver<()>,
    counts: Arc<WriterCounts>,
    pub(crate) skipped: u64,
}

/// Moved by the writer's thread, read by the owner.
#[derive(Debug, Default)]
pub(crate) struct WriterCounts {
    pub(crate) stored: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl DiskWriter {
    pub(crate) fn start(store: DiskStore) -> std::io::Result<DiskWriter> {
        let (queue, incoming) = mpsc::channel(MOST_WAITING);
        let (ended, done) = oneshot::channel();
        let counts = Arc::new(WriterCounts::default());
        let shared = counts.clone();
        std::thread::Builder::new()
            .name("reply-cache".to_owned())
            .spawn(move || {
                write_all(&store, incoming, &shared);
                // Nobody waits for the end unless the dispatcher is being closed.
                drop(ended);
            })?;
        Ok(DiskWriter {
            queue,
            done,
            counts,
            skipped: 0,
        })
    }

    pub(crate) fn put(&mut self, key: &Key, reply: &Reply) {
        if self.queue.try_send((key.clone(), reply.clone())).is_err() {
            self.skipped += 1;
        }
    }

    /// (Stored, evicted, failed) so far.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (
            read(&self.counts.stored),
            read(&self.counts.evicted),
            read(&self.counts.failed),
        )
    }

    /// Waits until everything that was accepted is written.
    pub(crate) async fn close(self) {
        drop(self.queue);
        // The sender is dropped at the thread's end, which shows here as an error.
        if self.done.await.is_ok() {
            tracing::debug!("the reply cache's thread ended");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are aged by the clock that dates them"
)]
fn write_all(store: &DiskStore, mut incoming: mpsc::Receiver<(Key, Reply)>, counts: &WriterCounts) {
    let mut size: Option<u64> = None;
    let mut unique = 0;
    while let Some((key, reply)) = incoming.blocking_recv() {
        unique += 1;
        match store.put(&key, &reply, unique) {
            Ok(length) => {
                counts
                    .stored
                    .fetch_add(u64::from(length > 0), Ordering::Relaxed);
                let total = size.map_or_else(|| store.size(), |size| size + length);
                size = Some(total);
                if total > store.most_bytes() {
                    let (left, removed) = store.make_room(SystemTime::now());
                    counts.evicted.fetch_add(removed, Ordering::Relaxed);
                    size = Some(left);
                }
            }
            Err(error) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "a reply cannot be kept on disk");
            }
        }
    }
}

/// Replies that wait to be written: a burst of a wide batch. Each holds its prompt.
const MOST_WAITING: usize = 4096;
