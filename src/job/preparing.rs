//! What comes before a job's first turn and may take minutes: a context is copied, Python compiled,
//! a model loaded. A cancel ends it at once and says what it was.

use super::event::{JobEvent, Observer};
use super::run::JobError;
use engine::CancellationToken;
use std::sync::Arc;
use tokio::sync::watch;

/// Passes events on, and keeps in mind what is being prepared.
pub(crate) struct Preparing {
    observer: Arc<dyn Observer>,
    doing: watch::Sender<String>,
}

impl Preparing {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Preparing {
        Preparing {
            observer,
            doing: watch::Sender::new(BEGINNING.to_owned()),
        }
    }

    /// What `opening` comes to, unless the job is cancelled before. Work that it has given to a
    /// thread goes on there, and nobody takes what it comes to.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        cancel: &CancellationToken,
        opening: impl Future<Output = Result<T, JobError>>,
    ) -> Result<T, JobError> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                let during = self.doing.borrow().clone();
                Err(JobError::Cancelled { during })
            }
            opened = opening => opened,
        }
    }
}

impl Observer for Preparing {
    fn see(&self, event: JobEvent) {
        if let JobEvent::Preparing { what, .. } = &event {
            self.doing.send_replace(what.clone());
        }
        self.observer.see(event);
    }
}

/// Before anything was told.
const BEGINNING: &str = "beginning";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unobserved;

    #[tokio::test]
    async fn a_cancel_ends_what_hangs_and_names_it() {
        let preparing = Preparing::new(Arc::new(Unobserved));
        let cancel = CancellationToken::new();
        let opening = async {
            for what in ["reading the context", "loading the model"] {
                preparing.see(JobEvent::Preparing {
                    what: what.to_owned(),
                    done: 0,
                    total: None,
                });
            }
            std::future::pending::<Result<(), JobError>>().await
        };
        let (ended, ()) = tokio::join!(preparing.unless_cancelled(&cancel, opening), async {
            cancel.cancel();
        });
        let told = ended.unwrap_err().to_string();
        assert!(told.ends_with("while loading the model"), "{told}");
    }

    #[tokio::test]
    async fn who_cancels_before_it_began_begins_nothing() {
        let preparing = Preparing::new(Arc::new(Unobserved));
        let cancel = CancellationToken::new();
        cancel.cancel();
        let opening = async { Ok(()) };
        let ended = preparing.unless_cancelled(&cancel, opening).await;
        assert!(matches!(ended, Err(JobError::Cancelled { .. })));
    }
}
