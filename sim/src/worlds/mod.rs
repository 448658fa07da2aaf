//! The worlds: each a kind of cluster life, drawn anew from every seed. A world proves that its
//! faults happened before it asserts that they were survived.

mod alone;
mod blobs;
mod calm;
mod chaos;
mod disks;
mod fences;
mod joins;
mod moves;
mod pauses;
mod plan;
mod power;
mod revoked;
mod rot;
mod tokens;
mod versions;

use crate::invariants::{
    accepted_jobs_are_there, cluster_is_live, missing_record, register_is_linearizable,
    stores_are_equal,
};
use crate::world::{Broken, Report, World};
use std::time::Duration;

/// One kind of world.
#[derive(Clone, Copy)]
pub struct WorldKind {
    pub name: &'static str,
    pub about: &'static str,
    run: fn(u64, bool) -> Result<Report, Broken>,
}

/// All worlds there are.
pub const WORLDS: &[WorldKind] = &[
    WorldKind {
        name: "calm",
        about: "no faults: a cluster assembles and works",
        run: calm::run,
    },
    WorldKind {
        name: "chaos",
        about: "loss, bursts, partitions of every shape, kills, power cuts and pauses under load",
        run: chaos::run,
    },
    WorldKind {
        name: "power",
        about: "all machines lose power together, again and again, with failing disks",
        run: power::run,
    },
    WorldKind {
        name: "disks",
        about: "one disk at a time is slow, fails or fills up",
        run: disks::run,
    },
    WorldKind {
        name: "pauses",
        about: "machines stand still, leaders above all, and clocks drift",
        run: pauses::run,
    },
    WorldKind {
        name: "moves",
        about: "machines join, leave, are removed and promoted under load and loss",
        run: moves::run,
    },
    WorldKind {
        name: "versions",
        about: "one node speaks the version before or after ours; two apart is refused",
        run: versions::run,
    },
    WorldKind {
        name: "joins",
        about: "joins, promotions, demotions and removals under load and partitions",
        run: joins::run,
    },
    WorldKind {
        name: "rot",
        about: "bits flip at rest, disks are wiped or restored from old images, on a minority",
        run: rot::run,
    },
    WorldKind {
        name: "revoked",
        about: "a member is removed, comes back with its old certificate, and is kept out",
        run: revoked::run,
    },
    WorldKind {
        name: "images",
        about: "bits flip in snapshots at rest, on a minority",
        run: rot::images,
    },
    WorldKind {
        name: "alone",
        about: "one node is deaf, mute or both: it doubts itself and blames nobody",
        run: alone::run,
    },
    WorldKind {
        name: "tokens",
        about: "more machines than a token has uses join at once",
        run: tokens::run,
    },
    WorldKind {
        name: "fences",
        about: "jobs are given away twice and ended late: an older epoch has no say",
        run: fences::run,
    },
    WorldKind {
        name: "blobs",
        about: "versions are published while their holders die, and copies rot",
        run: blobs::run,
    },
];

impl WorldKind {
    pub fn of(name: &str) -> Option<WorldKind> {
        WORLDS.iter().copied().find(|world| world.name == name)
    }

    /// Runs one seed on the calling thread, which must be a fresh one of
    /// [`crate::entropy::isolated`].
    ///
    /// # Errors
    /// The first promise that was broken.
    pub fn run(&self, seed: u64, echo: bool) -> Result<Report, Broken> {
        (self.run)(seed, echo)
    }
}

/// The second phase of each seed: all faults end, everybody is up, and what was promised is there.
fn settle(world: &mut World) -> Result<(), Broken> {
    world.trace.event("world", "all faults end");
    world.wake_all();
    world.fabric.heal();
    world.fabric.set_rates(crate::fabric::Rates::default());
    let present: Vec<usize> = world.present().collect();
    for i in present {
        world.machines[i]
            .disk()
            .set_rates(crate::disk::DiskRates::default());
        world.machines[i].set_clock_offset(0);
        world.drift(i, 0);
        world.boot(i);
    }
    world.run_until(("the cluster lives again", LIVE), |world| world.all_alive())?;
    world.on_any_node(|node| async move {
        let mut last = String::new();
        for _ in 0..NOTE_TRIES {
            let note = raft::ledger::Command::Note {
                what: "after the last fault".to_owned(),
            };
            match node.submit("world", note).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    })?;
    // Clients stop, so that the last words can be compared.
    world.quiet();
    world.run_until(("the cluster is live", LIVE), |world| {
        cluster_is_live(world)
    })?;
    world.run_until(("stores converge", LIVE), |world| stores_are_equal(world))?;
    let records = world.oracle.told().records.clone();
    let missing = world.on_any_node(|node| async move { missing_record(&node, records).await })?;
    if let Some(what) = missing {
        return Err(world.broken("no acknowledged record is lost", what));
    }
    audit(world)
}

/// Compares what the clients were told until now with a node that has caught up since: the last
/// commands of clients that fall silent commit after the cluster is live.
fn audit(world: &mut World) -> Result<(), Broken> {
    let told = world.oracle.told().clone();
    let state = world.on_any_node(|node| async move {
        node.barrier().await.map_err(|error| error.to_string())?;
        Ok(node.state())
    })?;
    accepted_jobs_are_there(&told, &state)
        .and_then(|()| register_is_linearizable(&told))
        .map_err(|(invariant, what)| world.broken(invariant, what))
}

/// That a fault which the world is about has happened at all.
fn happened(world: &World, what: &str, times: u64) -> Result<(), Broken> {
    if times > 0 {
        return Ok(());
    }
    Err(world.broken("the world's faults happen", format!("not once: {what}")))
}

/// A command whose outcome is unknown is sent again; each try has its own deadline.
const NOTE_TRIES: u32 = 10;
/// Simulated time that a cluster has after the last fault.
const LIVE: Duration = Duration::from_secs(60);
