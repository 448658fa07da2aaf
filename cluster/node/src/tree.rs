//! The supervision tree of a node's cluster half, as data: who runs below whom, and whom a failure
//! takes along. The only place that decides restarts.
//!
//! The endpoint and the Raft group are not below it: their tasks end with their handles, a broken
//! link is remade by its own dialler, and an error of Raft's storage ends the process.

use crate::blobs::{BlobAsk, BlobDriver};
use crate::core::Core;
use crate::event::NodeEvent;
use crate::home::Home;
use crate::node::open_store;
use crate::settings::Settings;
use crate::spread::{StoreAsk, StoreDriver};
use crate::swim::{SwimDriver, SwimNote};
use crate::{duties, facts, own, renew, revoke, roster};
use actor::{
    ActorContext, ActorFailure, Child, Inbox, Mailbox, Restart, Seat, Spec, Strategy, Worker,
};
use membership::{Member, Swim};
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

pub(crate) fn spec<H: Home>(core: &Arc<Core>, home: &H, settings: &Settings, seats: Seats) -> Spec {
    let agreement = agreement(core, roster(core, home), renewal(core, home));
    Spec::new(
        "node",
        Strategy::OneForOne,
        vec![
            membership(core, settings, seats.swim),
            store(core, home, settings, seats.store),
            blobs(core, seats.blobs),
            Child::Tree(agreement),
        ],
    )
}

/// Each only follows the ledger; none is built upon another.
fn agreement(core: &Arc<Core>, roster: Child, renewal: Child) -> Spec {
    let followers = vec![
        roster,
        worker(core, "duties", |core| async { duties::serve(core).await }),
        worker(core, "revocations", |core| async {
            revoke::push(core).await
        }),
        renewal,
        worker(core, "own-record", |core| async { own::keep(core).await }),
        worker(core, "facts", |core| async { facts::publish(core).await }),
        worker(core, "faults", |core| async { watch_faults(core).await }),
    ];
    Spec::new("agreement", Strategy::OneForOne, followers)
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
            let driver = StoreDriver::new(core, gossip, file);
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

fn roster<H: Home>(core: &Arc<Core>, home: &H) -> Child {
    let home = home.clone();
    worker(core, "roster", move |core| {
        let home = home.clone();
        async move { roster::follow(core, home).await }
    })
}

fn renewal<H: Home>(core: &Arc<Core>, home: &H) -> Child {
    let home = home.clone();
    worker(core, "certificate", move |core| {
        let home = home.clone();
        async move { renew::keep(core, home).await }
    })
}

/// A loop that follows the core until it is told to stop.
fn worker<F, R>(core: &Arc<Core>, name: &str, run: F) -> Child
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
    Child::Worker(Worker::new(name, Restart::Permanent, loops))
}

/// Tells once why Raft stopped, and waits.
async fn watch_faults(core: Arc<Core>) {
    let mut faults = core.group.watch_fault();
    if let Ok(fault) = faults.wait_for(Option::is_some).await {
        let why = fault.as_ref().map(ToString::to_string).unwrap_or_default();
        drop(fault);
        core.tell_now(NodeEvent::Fault { why });
    }
    std::future::pending().await
}

/// Failure codes of these actors.
const SETTINGS: u16 = 1;
const OPEN: u16 = 2;
const DISK: u16 = 3;
const JOB: u16 = 4;
/// A loop that shows no pulse for this long stalls the watchdog.
const PULSE: Duration = Duration::from_secs(10);
