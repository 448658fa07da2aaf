//! A node's supervision tree, as data: who runs below whom, and whom a failure takes along. The
//! only place that decides restarts; whoever runs the node adds children of its own (the API's
//! doors).
//!
//! Not below it are the tasks of single links and of the Raft group's core: a broken link is remade
//! by its own dialler, and an error of Raft's storage ends the process.

use crate::blobs::{BlobAsk, BlobDriver};
use crate::core::Core;
use crate::home::Home;
use crate::node::open_store;
use crate::settings::Settings;
use crate::spread::{StoreAsk, StoreDriver, reopening};
use crate::swim::{SwimDriver, SwimNote};
use crate::{duties, facts, foundation, own, renew, revoke, roster};
use actor::{
    ActorContext, ActorFailure, Child, Inbox, Mailbox, Restart, Seat, Spec, Strategy, Worker,
};
use membership::{Member, Swim};
use raft::Abort;
use rand::RngCore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where the letters of the tree's actors are read.
pub(crate) struct Seats {
    pub(crate) swim: (Mailbox<SwimNote>, Seat<SwimNote>),
    pub(crate) store: (Mailbox<StoreAsk>, Seat<StoreAsk>),
    pub(crate) blobs: (Mailbox<BlobAsk>, Seat<BlobAsk>),
}

/// `more` are the children that whoever runs the node adds: started last, stopped first.
pub(crate) fn spec<H: Home>(
    core: &Arc<Core>,
    home: &H,
    settings: &Settings,
    seats: Seats,
    (abort, more): (Arc<dyn Abort>, Vec<Child>),
) -> Spec {
    let agreement = agreement(core, roster(core, home), renewal(core, home));
    let mut children = vec![
        transport(core, abort),
        membership(core, settings, seats.swim),
        raft(core),
        store(core, home, settings, seats.store),
        blobs(core, seats.blobs),
        Child::Tree(agreement),
    ];
    children.extend(more);
    Spec::new("node", Strategy::OneForOne, children)
}

/// Each only follows the ledger; none is built upon another.
fn agreement(core: &Arc<Core>, roster: Worker, renewal: Worker) -> Spec {
    let followers = [
        roster,
        worker(core, "duties", |core| async { duties::serve(core).await }),
        worker(core, "revocations", |core| async {
            revoke::push(core).await
        }),
        renewal,
        worker(core, "own-record", |core| async { own::keep(core).await }),
        worker(core, "facts", |core| async { facts::publish(core).await }),
    ];
    let followers = followers.into_iter().map(Child::from).collect();
    Spec::new("agreement", Strategy::OneForOne, followers)
}

fn transport(core: &Arc<Core>, abort: Arc<dyn Abort>) -> Child {
    let (core, carried) = (core.clone(), core.clone());
    let run = move |context: ActorContext| {
        let (core, abort) = (core.clone(), abort.clone());
        async move {
            let ran = foundation::carry(&core, &context, &*abort).await;
            ran.map_err(|lost| ActorFailure::new(SOCKET, lost))
        }
    };
    let worker = Worker::new("transport", Restart::Permanent, run)
        .saying(move || foundation::load(carried.endpoint.load()));
    Child::Worker(worker.pulse_within(PULSE))
}

fn raft(core: &Arc<Core>) -> Child {
    let watched = core.clone();
    let worker = worker(core, "raft", |core| async {
        foundation::watch_raft(core).await
    });
    Child::Worker(worker.saying(move || foundation::place(watched.node, &watched.group.view())))
}

fn membership(
    core: &Arc<Core>,
    settings: &Settings,
    (mailbox, seat): (Mailbox<SwimNote>, Seat<SwimNote>),
) -> Child {
    let (core, settings) = (core.clone(), settings.swim.clone());
    // Each life of the actor is a new life of the member, so that the peers believe it again.
    let lives = Arc::new(AtomicU32::new(0));
    let run = move |context: ActorContext, mut inbox: Inbox<SwimNote>| {
        let (core, settings, lives) = (core.clone(), settings.clone(), lives.clone());
        async move {
            let member = Member {
                renewals: lives.fetch_add(1, Ordering::Relaxed),
                ..Member::new(core.node, core.boot, core.address)
            };
            let swim = Swim::new(member, settings, rand::rng().next_u64())
                .map_err(|error| ActorFailure::new(SETTINGS, error.to_string()))?;
            SwimDriver::new(core, swim).run(&context, &mut inbox).await;
            Ok(())
        }
    };
    let worker = Worker::reading("membership", Restart::Permanent, (&mailbox, seat), run);
    Child::Worker(worker.pulse_within(PULSE))
}

fn store<H: Home>(
    core: &Arc<Core>,
    home: &H,
    settings: &Settings,
    (mailbox, seat): (Mailbox<StoreAsk>, Seat<StoreAsk>),
) -> Child {
    let (core, home, settings) = (core.clone(), home.clone(), settings.clone());
    let run = move |context: ActorContext, mut inbox: Inbox<StoreAsk>| {
        let (core, home, settings) = (core.clone(), home.clone(), settings.clone());
        async move {
            let (gossip, file) = open_store(&core, &home, &settings)
                .map_err(|error| ActorFailure::new(OPEN, error.to_string()))?;
            let driver = StoreDriver::new(core, gossip, file, reopening(home));
            let ran = driver.run(&context, &mut inbox).await;
            ran.map_err(|error| ActorFailure::new(DISK, error.to_string()))
        }
    };
    let worker = Worker::reading("store", Restart::Permanent, (&mailbox, seat), run);
    Child::Worker(worker.pulse_within(PULSE))
}

fn blobs(core: &Arc<Core>, (mailbox, seat): (Mailbox<BlobAsk>, Seat<BlobAsk>)) -> Child {
    let core = core.clone();
    let run = move |context: ActorContext, mut inbox: Inbox<BlobAsk>| {
        let driver = BlobDriver::new(core.clone());
        async move {
            let ran = driver.run(&context, &mut inbox).await;
            ran.map_err(|error| ActorFailure::new(JOB, error.to_string()))
        }
    };
    let worker = Worker::reading("blobs", Restart::Permanent, (&mailbox, seat), run);
    Child::Worker(worker.pulse_within(PULSE))
}

fn roster<H: Home>(core: &Arc<Core>, home: &H) -> Worker {
    let home = home.clone();
    worker(core, "roster", move |core| {
        let home = home.clone();
        async move { roster::follow(core, home).await }
    })
}

fn renewal<H: Home>(core: &Arc<Core>, home: &H) -> Worker {
    let home = home.clone();
    worker(core, "certificate", move |core| {
        let home = home.clone();
        async move { renew::keep(core, home).await }
    })
}

/// A loop that follows the core until it is told to stop.
fn worker<F, R>(core: &Arc<Core>, name: &str, run: F) -> Worker
where
    F: Fn(Arc<Core>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let core = core.clone();
    let loops = move |context: ActorContext| {
        let ran = run(core.clone());
        async move {
            tokio::select! {
                biased;
                () = context.stopping() => return Ok(()),
                () = ran => {}
            }
            // The group has ended, and tells why itself; a new life would end as this one did.
            context.stopping().await;
            Ok(())
        }
    };
    Worker::new(name, Restart::Permanent, loops)
}

/// Failure codes of these actors.
const SETTINGS: u16 = 1;
const OPEN: u16 = 2;
const DISK: u16 = 3;
const JOB: u16 = 4;
const SOCKET: u16 = 5;
/// A loop that shows no pulse for this long stalls the watchdog.
const PULSE: Duration = Duration::from_secs(10);
