//! Where the tasks that own the disk run: on threads of their own in production, since an fsync
//! blocks; as tasks in a simulation, where an fsync takes no real time.

use std::future::Future;
use std::io;
use tokio::sync::oneshot;

/// How the writer runs. The code is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    Thread,
    Task,
}

impl Writer {
    /// The receiver resolves when the future has ended and all it owned is dropped.
    pub(super) fn run<F>(self, name: &str, future: F) -> io::Result<oneshot::Receiver<()>>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ended, end) = oneshot::channel::<()>();
        let whole = async move {
            future.await;
            drop(ended);
        };
        match self {
            Writer::Task => {
                tokio::spawn(whole);
            }
            Writer::Thread => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()?;
                std::thread::Builder::new()
                    .name(name.to_owned())
                    .spawn(move || runtime.block_on(whole))?;
            }
        }
        Ok(end)
    }
}
