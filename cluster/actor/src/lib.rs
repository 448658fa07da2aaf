//! Supervised actors: a tree of loops that fail alone, are started again, and stop in order.
//!
//! The tree is data ([`Spec`]): who runs below whom, what a failure takes with it
//! ([`Strategy`]), how many restarts are too many ([`Intensity`]). A [`Worker`] is an async
//! loop that gets an [`ActorContext`] and usually an [`Inbox`]; [`Tree::start`] brings the tree
//! up, in order, and [`Tree::view`] shows it as it lives.
//!
//! * A panic ends one actor, never the node. Causes are typed ([`Cause`]).
//! * More failures than the intensity allows end the supervisor, which is its parent's problem;
//!   at the root, [`Tree::ended`] tells the node.
//! * Every [`Mailbox`] has a bound. A full one refuses, at once or after a deadline, and counts
//!   it. A mailbox outlives the actor behind it: letters wait while the actor is started again,
//!   and only the one that was being read is lost.
//! * ractor runs the tasks, links them and delivers their ends. Its process-wide names and
//!   groups and its unbounded mailboxes are not used, so that several nodes can live in one
//!   process, as they do in the simulation. Time is tokio's, paused or not; no thread is
//!   started.

mod budget;
mod cause;
mod context;
mod looper;
mod mailbox;
mod spec;
mod supervisor;
mod tree;
mod vitals;

pub use cause::{ActorFailure, Cause, StartFault};
pub use context::ActorContext;
pub use mailbox::{AskError, Inbox, Mailbox, MailboxView, ReplyTo, Seat, Undelivered, mailbox};
pub use spec::{Backoff, Child, Intensity, Restart, Spec, Strategy, Worker};
pub use tree::{Tree, TreeError};
pub use vitals::{ActorState, ActorView};

#[cfg(test)]
mod tests;
