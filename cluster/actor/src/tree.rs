//! The whole tree from outside: start, view, stop, end.

use crate::supervisor::{Orders, Supervisor, fault_of};
use crate::vitals::{Branch, TreeClock};
use crate::{ActorState, ActorView, Cause, Child, Spec, StartFault};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A tree that lives. Dropping it stops it in order, in the background.
pub struct Tree {
    cell: ActorCell,
    join: JoinHandle<()>,
    stop: watch::Sender<bool>,
    stop_within: Duration,
    root: Branch,
}

/// Why a tree did not start. What had started was stopped again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("two children of {path} are called {name}, or a name is empty or holds a `/`")]
    Name { path: String, name: String },
    #[error("{path} did not start: {cause}")]
    Start { path: String, cause: Cause },
}

impl Tree {
    /// Starts everything, in order. `seed` feeds the jitter of restarts. Boxed, so that the
    /// supervisor is compiled in this crate, and not in each one that starts a tree.
    pub fn start(spec: Spec, seed: u64) -> BoxFuture<'static, Result<Tree, TreeError>> {
        Box::pin(Tree::grow(spec, seed))
    }

    async fn grow(spec: Spec, seed: u64) -> Result<Tree, TreeError> {
        check_names(&spec, "")?;
        let root = Branch::of(&spec, "", TreeClock::start());
        let (stop, stopped) = watch::channel(false);
        let stop_within = spec.stop_within();
        let orders = Orders {
            spec,
            branch: root.clone(),
            seed,
            stop: stopped,
        };
        match Supervisor::spawn(None, Supervisor, orders).await {
            Ok((supervisor, join)) => Ok(Tree {
                cell: supervisor.get_cell(),
                join,
                stop,
                stop_within,
                root,
            }),
            Err(error) => Err(blame(&root, fault_of(&error))),
        }
    }

    /// Every supervisor and actor, parents before children, in the spec's order.
    pub fn view(&self) -> Vec<ActorView> {
        let mut views = Vec::new();
        self.root.visit(&mut |branch| views.push(branch.view()));
        views
    }

    /// Paths of actors that promised a pulse and show none. A watchdog is fed while this is empty.
    pub fn stalled(&self) -> Vec<String> {
        let mut stalled = Vec::new();
        self.root.visit(&mut |branch| {
            if branch.is_stalled() {
                stalled.push(branch.path.to_string());
            }
        });
        stalled
    }

    /// Whether every actor is running, or ended as it should.
    pub fn is_settled(&self) -> bool {
        let mut settled = true;
        self.root.visit(&mut |branch| {
            settled &= matches!(
                branch.vitals.state(),
                ActorState::Running | ActorState::Ended
            );
        });
        settled
    }

    /// Returns when the root ended: [`Cause::Escalated`] when it gave up, [`Cause::Stopped`]
    /// otherwise.
    pub async fn ended(&mut self) -> Cause {
        if !self.join.is_finished() {
            // ractor catches what happens inside, so that an error means the runtime ends.
            drop((&mut self.join).await);
        }
        let cause = self.root.vitals.last_words().unwrap_or(Cause::Killed);
        self.root.vitals.ended(cause);
        cause
    }

    /// As [`Tree::ended`], for somebody who does not hold the tree.
    pub fn watch_end(&self) -> impl Future<Output = Cause> + Send + 'static {
        let (cell, root) = (self.cell.clone(), self.root.clone());
        async move {
            // Without a limit of time there is no error.
            cell.wait(None).await.ok();
            root.vitals.last_words().unwrap_or(Cause::Killed)
        }
    }

    /// Stops everything in reverse order. Takes at most the sum of the actors' times.
    pub async fn stop(mut self) -> Cause {
        self.ask_to_stop();
        let within = self.stop_within;
        if let Ok(cause) = tokio::time::timeout(within, self.ended()).await {
            return cause;
        }
        self.cell.kill();
        self.ended().await
    }

    fn ask_to_stop(&self) {
        self.stop.send_replace(true);
        self.cell.stop(None);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.view()).finish()
    }
}

/// The deepest actor that did not start.
fn blame(root: &Branch, fault: StartFault) -> TreeError {
    let mut path = root.path.to_string();
    let mut cause = Cause::Startup(fault);
    root.visit(&mut |branch| {
        let view = branch.view();
        if let Some(found @ Cause::Startup(_)) = view.last_cause {
            path = view.path;
            cause = found;
        }
    });
    TreeError::Start { path, cause }
}

fn check_names(spec: &Spec, above: &str) -> Result<(), TreeError> {
    let path = format!("{above}{}", spec.name);
    let mut seen = BTreeSet::new();
    for child in &spec.children {
        let name = child.name();
        if name.is_empty() || name.contains('/') || !seen.insert(name) {
            let name = name.to_owned();
            return Err(TreeError::Name { path, name });
        }
        if let Child::Tree(spec) = child {
            check_names(spec, &format!("{path}/"))?;
        }
    }
    Ok(())
}
