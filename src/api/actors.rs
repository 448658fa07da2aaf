//! The API's doors as actors of the node's tree: the owner's socket, and TCP where it is wanted. A
//! listener outlives the actor that lets people in, so that whoever knocks meanwhile waits; a
//! request has a task of its own, which no panic of a door ends.

use super::{Door, Gate, serve};
use actor::{ActorContext, ActorFailure, Child, Restart, Spec, Strategy, Worker};
use axum::Router;
use engine::CancellationToken;
use futures::future::BoxFuture;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;

/// What the doors answer with, known once the node runs.
#[derive(Clone)]
pub struct Answering {
    pub socket: Arc<UnixListener>,
    /// The door to the network, and who is let in there.
    pub network: Option<(Arc<Door>, Arc<Gate>)>,
    pub router: Router,
}

/// The doors of one process. Their actors are born with the node, before there is anything to
/// answer with, and wait for it.
pub struct Doors {
    /// The socket's.
    file: PathBuf,
    answering: watch::Sender<Option<Answering>>,
    stop: CancellationToken,
    // Each is cancelled by its actor once the door is closed.
    socket: CancellationToken,
    tcp: Option<CancellationToken>,
}

impl Doors {
    /// A door at the socket's `file`, and one to the network where there is to be one. `stop`
    /// closes them.
    pub fn new(file: PathBuf, network: bool, stop: CancellationToken) -> Doors {
        Doors {
            file,
            answering: watch::Sender::new(None),
            stop,
            socket: CancellationToken::new(),
            tcp: network.then(CancellationToken::new),
        }
    }

    /// The actors, for the tree of whatever runs in this process.
    pub fn actors(&self) -> Child {
        let mut doors = vec![self.actor("socket", &self.socket, |answering, stop| {
            Box::pin(serve(answering.socket, answering.router, stop))
        })];
        if let Some(tcp) = &self.tcp {
            doors.push(self.actor("tcp", tcp, |answering, stop| {
                // Nothing of the other door stays behind, which would keep it open.
                let Answering {
                    network, router, ..
                } = answering;
                Box::pin(async move {
                    match network {
                        Some((door, gate)) => door.serve(router, gate, stop).await,
                        None => Ok(()),
                    }
                })
            }));
        }
        Child::Tree(Spec::new("api", Strategy::OneForOne, doors))
    }

    /// From now on whoever knocks is answered.
    pub fn open(&self, answering: Answering) {
        self.answering.send_replace(Some(answering));
    }

    /// Returns when it was said to stop and the requests under way have their answers. The socket's
    /// file goes first.
    pub async fn closed(&self) {
        self.stop.cancelled().await;
        // Ours as long as something listens behind it: later it may be that of a node that was
        // started while the last requests are answered here. A missing one is as good as a removed
        // one.
        drop(std::fs::remove_file(&self.file));
        // The listeners go with it: whoever knocks now is refused, and does not wait for nothing.
        self.answering.send_replace(None);
        self.socket.cancelled().await;
        if let Some(tcp) = &self.tcp {
            tcp.cancelled().await;
        }
    }

    /// One door: each life of it serves anew, until the node stops.
    fn actor<F>(&self, name: &str, closed: &CancellationToken, serve: F) -> Child
    where
        F: Fn(Answering, CancellationToken) -> BoxFuture<'static, io::Result<()>>,
        F: Clone + Send + Sync + 'static,
    {
        let (answering, stop) = (self.answering.subscribe(), self.stop.clone());
        let closed = closed.clone();
        let run = move |context: ActorContext| {
            let (answering, stop) = (answering.clone(), stop.clone());
            let (serve, closed) = (serve.clone(), closed.clone());
            async move {
                let serving = async move {
                    let Some(answering) = given(answering, &stop).await else {
                        return Ok(());
                    };
                    serve(answering, stop).await
                };
                match context.pulsing(serving).await {
                    // The tree stops, and what is under way is not waited for.
                    None => Ok(()),
                    Some(Ok(())) => {
                        closed.cancel();
                        Ok(())
                    }
                    Some(Err(error)) => Err(ActorFailure::new(SERVE, error)),
                }
            }
        };
        Child::Worker(Worker::new(name, Restart::Transient, run).pulse_within(PULSE))
    }
}

/// Waits for what there is to answer with; `None` when the node stops first.
async fn given(
    answering: watch::Receiver<Option<Answering>>,
    stop: &CancellationToken,
) -> Option<Answering> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        given = first(answering) => given,
    }
}

async fn first(mut answering: watch::Receiver<Option<Answering>>) -> Option<Answering> {
    // An error means that nobody will open the doors any more.
    let given = answering.wait_for(Option::is_some).await.ok()?;
    given.clone()
}

/// Failure code of these actors: the listener cannot be served.
const SERVE: u16 = 1;
/// A door that shows no pulse for this long stalls the watchdog.
const PULSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
