//! The tree as data.

use crate::{ActorContext, ActorFailure, Inbox, Mailbox, MailboxView, Seat};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Whom a failure takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The failed child alone is started again.
    OneForOne,
    /// All children are stopped and started again.
    OneForAll,
    /// The failed child and those listed after it, which were built upon it.
    RestForOne,
}

/// When a child is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// However it ended.
    Permanent,
    /// When it failed.
    Transient,
    Temporary,
}

/// How many restarts are too many: more than `restarts` within `span` end the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    pub restarts: u32,
    pub span: Duration,
}

/// How long to wait before a restart: between half and all of a bound that starts at `first` and
/// doubles with each failure up to `most`. A life longer than the intensity's span starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
}

/// A supervisor and what runs below it.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    pub strategy: Strategy,
    pub intensity: Intensity,
    pub backoff: Backoff,
    /// Whether its parent starts it again when it gave up.
    pub restart: Restart,
    /// Started in this order, stopped in the opposite one.
    pub children: Vec<Child>,
}

#[derive(Clone, Debug)]
pub enum Child {
    Worker(Worker),
    Tree(Spec),
}

pub(crate) type Loop = BoxFuture<'static, Result<(), ActorFailure>>;
type Build = dyn Fn(ActorContext) -> Result<Loop, NoInbox> + Send + Sync;
type Depth = dyn Fn() -> MailboxView + Send + Sync;
type Words = dyn Fn() -> String + Send + Sync;

/// The seat was taken: two lives of one actor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoInbox;

/// An actor: a loop, built anew for each life.
#[derive(Clone)]
pub struct Worker {
    pub(crate) name: String,
    pub(crate) restart: Restart,
    pub(crate) ready_within: Option<Duration>,
    pub(crate) stop_within: Duration,
    pub(crate) pulse_within: Option<Duration>,
    pub(crate) build: Arc<Build>,
    pub(crate) depth: Option<Arc<Depth>>,
    pub(crate) words: Option<Arc<Words>>,
}

impl Worker {
    /// A loop without a mailbox of its own.
    pub fn new<F, R>(name: &str, restart: Restart, run: F) -> Worker
    where
        F: Fn(ActorContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), ActorFailure>> + Send + 'static,
    {
        let build = move |context| -> Result<Loop, NoInbox> { Ok(Box::pin(run(context))) };
        Worker::built(name, restart, Arc::new(build))
    }

    /// A loop that reads letters.
    pub fn reading<T, F, R>(
        name: &str,
        restart: Restart,
        (mailbox, seat): (&Mailbox<T>, Seat<T>),
        run: F,
    ) -> Worker
    where
        T: Send + 'static,
        F: Fn(ActorContext, Inbox<T>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), ActorFailure>> + Send + 'static,
    {
        let build = move |context| -> Result<Loop, NoInbox> {
            let inbox = seat.take().ok_or(NoInbox)?;
            Ok(Box::pin(run(context, inbox)))
        };
        let mailbox = mailbox.clone();
        Worker {
            depth: Some(Arc::new(move || mailbox.view())),
            ..Worker::built(name, restart, Arc::new(build))
        }
    }

    fn built(name: &str, restart: Restart, build: Arc<Build>) -> Worker {
        Worker {
            name: name.to_owned(),
            restart,
            ready_within: None,
            stop_within: STOP_WITHIN,
            pulse_within: None,
            build,
            depth: None,
            words: None,
        }
    }

    /// The next sibling starts only after the loop has called [`ActorContext::ready`]. Without this
    /// it counts as ready at once.
    #[must_use]
    pub fn ready_within(self, span: Duration) -> Worker {
        Worker {
            ready_within: Some(span),
            ..self
        }
    }

    /// How long it may take to stop before it is cut off.
    #[must_use]
    pub fn stop_within(self, span: Duration) -> Worker {
        Worker {
            stop_within: span,
            ..self
        }
    }

    /// A loop that shows no pulse for longer counts as stalled.
    #[must_use]
    pub fn pulse_within(self, span: Duration) -> Worker {
        Worker {
            pulse_within: Some(span),
            ..self
        }
    }

    /// What a view says of it besides, in a few words. Made by whoever looks, alive or not: it must
    /// not wait.
    #[must_use]
    pub fn saying(self, words: impl Fn() -> String + Send + Sync + 'static) -> Worker {
        Worker {
            words: Some(Arc::new(words)),
            ..self
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({}, {:?})", self.name, self.restart)
    }
}

impl Default for Intensity {
    /// Five in a minute: a fault that lasts is passed on within a minute, one that passes is not.
    fn default() -> Intensity {
        Intensity {
            restarts: 5,
            span: Duration::from_secs(60),
        }
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            first: Duration::from_millis(20),
            most: Duration::from_secs(5),
        }
    }
}

impl Spec {
    /// With the default intensity and backoff, started again by its parent whenever it gave up.
    pub fn new(name: &str, strategy: Strategy, children: Vec<Child>) -> Spec {
        Spec {
            name: name.to_owned(),
            strategy,
            intensity: Intensity::default(),
            backoff: Backoff::default(),
            restart: Restart::Permanent,
            children,
        }
    }

    /// The longest that an orderly stop of everything below can take.
    pub(crate) fn stop_within(&self) -> Duration {
        let children = self.children.iter().map(Child::stop_within);
        children.sum::<Duration>() + KILL_WITHIN
    }
}

impl Child {
    pub fn name(&self) -> &str {
        match self {
            Child::Worker(worker) => &worker.name,
            Child::Tree(spec) => &spec.name,
        }
    }

    pub(crate) fn restart(&self) -> Restart {
        match self {
            Child::Worker(worker) => worker.restart,
            Child::Tree(spec) => spec.restart,
        }
    }

    pub(crate) fn stop_within(&self) -> Duration {
        match self {
            Child::Worker(worker) => worker.stop_within + KILL_WITHIN,
            Child::Tree(spec) => spec.stop_within(),
        }
    }
}

impl From<Worker> for Child {
    fn from(worker: Worker) -> Child {
        Child::Worker(worker)
    }
}

impl From<Spec> for Child {
    fn from(spec: Spec) -> Child {
        Child::Tree(spec)
    }
}

/// Long enough for a disk's sync, short enough for a person who waits.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// A task that is cut off ends at its next await.
pub(crate) const KILL_WITHIN: Duration = Duration::from_secs(1);
