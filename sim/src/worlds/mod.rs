//! The worlds: each a kind of cluster life, drawn anew from every seed. A world proves that its
//! faults happened before it asserts that they were survived.

mod alone;
mod blobs;
mod calm;
mod chaos;
mod clocks;
mod cuts;
mod disks;
mod ending;
mod fences;
mod joins;
mod members;
mod moves;
mod pauses;
mod plan;
mod power;
mod revoked;
mod rot;
mod strangers;
mod tokens;
mod versions;
mod weather;

use crate::world::{Broken, Report};
use ending::{happened, settle};

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
        about: "one disk at a time is slow, fails, cannot be read or fills up",
        run: disks::run,
    },
    WorldKind {
        name: "pauses",
        about: "machines stand still, leaders above all, and clocks drift",
        run: pauses::run,
    },
    WorldKind {
        name: "clocks",
        about: "a calendar jumps: minutes and an hour ahead are borne, an hour behind is cut off",
        run: clocks::run,
    },
    WorldKind {
        name: "moves",
        about: "machines join, leave, are removed and promoted under load and loss",
        run: moves::run,
    },
    WorldKind {
        name: "versions",
        about: "an upgrade, node by node; who is two apart or left behind is refused",
        run: versions::run,
    },
    WorldKind {
        name: "joins",
        about: "promotions and demotions under load, two joins in a partition, a removal",
        run: joins::run,
    },
    WorldKind {
        name: "rot",
        about: "bits flip at rest, a disk is wiped, another one restored from an old image",
        run: rot::run,
    },
    WorldKind {
        name: "revoked",
        about: "a member is removed, comes back with its old certificate, and is kept out",
        run: revoked::run,
    },
    WorldKind {
        name: "strangers",
        about: "garbage, a forged token and another cluster's certificate change nothing",
        run: strangers::run,
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
        about: "versions are published while holders die, copies rot and paths narrow",
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
