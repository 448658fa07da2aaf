//! What a seed draws: the topology, the rates and the settings of one run (swarm testing: Groce et
//! al., 2012 — each run leaves most faults out, so that the rest gets far).

use crate::fabric::Rates;
use crate::world::{World, WorldSpec};
use cluster::Settings;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::time::Duration;

/// The stream that a run is planned from.
pub(super) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed ^ STREAM)
}

pub(super) fn spec(seed: u64, echo: bool) -> WorldSpec {
    let mut rng = rng(seed);
    let nodes = [3, 3, 3, 5, 5, 7][rng.random_range(0..6)];
    let voters = if nodes > 3 && rng.random_bool(0.3) {
        3
    } else {
        nodes
    };
    let most = [2, 5, 10, 30][rng.random_range(0..4)];
    let mut settings = Settings::default();
    settings.raft.snapshot_every = [50, 200, 5_000][rng.random_range(0..3)];
    settings.raft.keep_behind = settings.raft.snapshot_every / 5;
    // Simulated delays are those of a slow network, so the timeouts are too.
    settings.raft.heartbeat = Duration::from_millis(60);
    settings.raft.election_min = Duration::from_millis(250);
    settings.raft.election_max = Duration::from_millis(500);
    WorldSpec {
        seed,
        nodes,
        later: 0,
        voters,
        clients: rng.random_range(1..3),
        latency: (Duration::from_millis(1), Duration::from_millis(most)),
        settings,
        versions: BTreeMap::new(),
        echo,
    }
}

/// Rates of the network, each fault in about half of the seeds.
pub(super) fn rates(rng: &mut ChaCha8Rng) -> Rates {
    let mut rates = Rates::default();
    if rng.random_bool(0.6) {
        rates.loss = [0.01, 0.05, 0.1, 0.3][rng.random_range(0..4)];
    }
    if rng.random_bool(0.4) {
        rates.duplicate = rng.random_range(0.0..0.1);
    }
    if rng.random_bool(0.5) {
        rates.reorder = rng.random_range(0.0..0.2);
        rates.tail = Duration::from_millis(rng.random_range(10..500));
    }
    if rng.random_bool(0.4) {
        rates.burst = rng.random_range(0.0..0.002);
        rates.burst_length = Duration::from_millis(rng.random_range(50..1500));
    }
    rates
}

/// A machine to hurt: the leader's in half of the cases.
pub(super) fn victim(world: &mut World) -> usize {
    let any = world.rng.random_range(0..world.machines.len());
    match world.leader() {
        Some(leader) if world.rng.random_bool(0.5) => leader,
        Some(_) | None => any,
    }
}

/// Sets about half of the clocks drifting, each at its own pace; says whether any drifts.
pub(super) fn drifts(world: &mut World) -> bool {
    let mut any = false;
    for i in 0..world.machines.len() {
        if world.rng.random_bool(0.5) {
            let ppm = [300, 1_000, 10_000, 50_000][world.rng.random_range(0..4)];
            let ppm = if world.rng.random_bool(0.5) {
                ppm
            } else {
                -ppm
            };
            world.drift(i, ppm);
            any = true;
        }
    }
    any
}

/// Keeps this stream apart from the others that are drawn from the seed.
const STREAM: u64 = 0x0070_6c61_6e00;
