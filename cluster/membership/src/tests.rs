mod faults;
mod machine;
mod numbers;
mod soup;

use crate::simulator::{SwimWorld, Weather, trial};
use std::time::Duration;

/// A cluster in which everybody knows everybody.
fn grown(n: usize, weather: Weather, seed: u64) -> SwimWorld {
    trial::grown(n, weather, seed)
        .expect("good settings")
        .expect("the cluster grows")
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The sum of one counter over all living hosts.
fn total(world: &SwimWorld, counter: impl Fn(crate::SwimCounts) -> u64) -> u64 {
    (0..world.hosts())
        .filter_map(|index| world.swim(index))
        .map(|swim| counter(swim.counts()))
        .sum()
}
