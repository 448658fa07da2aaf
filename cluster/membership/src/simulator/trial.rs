//! The measurements, in any size: how fast deaths are seen, how often the living are declared dead,
//! how fast a cluster grows together again.

use super::{SwimWorld, Weather};
use crate::{SwimSettings, SwimSettingsError};
use std::time::Duration;

/// How deaths were seen.
#[derive(Clone, Debug, Default)]
pub struct Detection {
    /// From each kill until every living host had seen it, sorted.
    pub spans: Vec<Duration>,
    /// Kills that somebody had not seen after the limit.
    pub unseen: usize,
    pub false_deaths: usize,
    pub node_days: f64,
    /// Datagrams a second that one node sent.
    pub datagrams: f64,
    /// Bits a second that one node sent, without UDP and QUIC.
    pub bits: f64,
    pub simulated: Duration,
}

impl Detection {
    /// The span that this share of the kills stayed below.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let last = self.spans.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a short list"
        )]
        let index = (last as f64 * share).ceil() as usize;
        self.spans.get(index).copied()
    }

    pub fn false_deaths_per_node_day(&self) -> f64 {
        f64::from(u32::try_from(self.false_deaths).unwrap_or(u32::MAX)) / self.node_days.max(1e-9)
    }
}

/// A cluster in which everybody knows everybody. `None` when that did not come about in time.
pub fn grown(
    n: usize,
    weather: Weather,
    seed: u64,
) -> Result<Option<SwimWorld>, SwimSettingsError> {
    let mut world = SwimWorld::new(n, seed, weather, SwimSettings::default())?;
    let grown = world.run_until(GROW_LIMIT, SwimWorld::agrees).is_some();
    Ok(grown.then_some(world))
}

/// Kills one host after another, each at a random moment, and starts it again.
pub fn detect(
    n: usize,
    weather: Weather,
    kills: usize,
    seed: u64,
) -> Result<Detection, SwimSettingsError> {
    let mut found = Detection::default();
    let Some(mut world) = grown(n, weather, seed)? else {
        found.unseen = kills;
        return Ok(found);
    };
    let (start, before) = (world.now(), world.counts());
    world.forget_deaths();
    for kill in 0..kills {
        // In turn, so that no host comes and goes so often that it counts as restless.
        let victim = kill % n;
        let pause = 1000 + world.draw(1000);
        world.run_for(Duration::from_millis(pause as u64));
        let killed = world.now();
        world.kill(victim);
        world.run_until(SEE_LIMIT, |world| {
            world.seen_by_all(victim, killed).is_some()
        });
        match world.seen_by_all(victim, killed) {
            Some(span) => found.spans.push(span),
            None => found.unseen += 1,
        }
        world.restart(victim)?;
        world.run_until(GROW_LIMIT, SwimWorld::agrees);
        found.false_deaths += world.false_deaths();
        world.forget_deaths();
    }
    found.spans.sort();
    found.simulated = world.now().since(start);
    measure(&mut found, &world, before);
    Ok(found)
}

/// Nothing happens but loss: who is declared dead?
pub fn idle(
    n: usize,
    weather: Weather,
    span: Duration,
    seed: u64,
) -> Result<Detection, SwimSettingsError> {
    let mut found = Detection::default();
    let Some(mut world) = grown(n, weather, seed)? else {
        return Ok(found);
    };
    world.forget_deaths();
    let before = world.counts();
    world.run_for(span);
    found.false_deaths = world.false_deaths();
    found.simulated = span;
    measure(&mut found, &world, before);
    Ok(found)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people, of far fewer digits than an f64 has"
)]
fn measure(found: &mut Detection, world: &SwimWorld, before: super::NetCounts) {
    let node_seconds = found.simulated.as_secs_f64() * world.hosts() as f64;
    found.node_days = node_seconds / 86_400.0;
    let counts = world.counts();
    found.datagrams = (counts.sent - before.sent) as f64 / node_seconds.max(1e-9);
    found.bits = 8.0 * (counts.bytes - before.bytes) as f64 / node_seconds.max(1e-9);
}

/// Which hosts can talk while a partition lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Halves,
    /// One host is cut off in both directions.
    One,
    /// One host can send and hears nothing.
    Deaf,
    /// One host hears and cannot be heard.
    Mute,
    /// Two halves that only one host joins.
    Bridge,
    /// Each host reaches its two neighbours only.
    Ring,
}

impl Split {
    pub const ALL: [Split; 6] = [
        Split::Halves,
        Split::One,
        Split::Deaf,
        Split::Mute,
        Split::Bridge,
        Split::Ring,
    ];

    pub fn joins(self, n: usize, from: usize, to: usize) -> bool {
        let last = n - 1;
        match self {
            Split::Halves => (from < n / 2) == (to < n / 2),
            Split::One => (from == last) == (to == last),
            Split::Deaf => to != last,
            Split::Mute => from != last,
            Split::Bridge => from == last || to == last || (from < last / 2) == (to < last / 2),
            Split::Ring => {
                let apart = from.abs_diff(to);
                apart <= 1 || apart == last
            }
        }
    }
}

/// What a partition did, and how long its end took.
#[derive(Clone, Debug)]
pub struct Merge {
    /// Datagrams that the partition stopped.
    pub cut: u64,
    /// Lives that somebody declared dead although the process ran.
    pub false_deaths: usize,
    /// Hosts that declared anybody dead.
    pub judges: usize,
    /// From the end of the partition until all saw all; `None` when that took over a minute.
    pub merged: Option<Duration>,
}

/// Cuts a grown cluster for a while and mends it.
pub fn merge(
    n: usize,
    split: Split,
    weather: Weather,
    lasts: Duration,
    seed: u64,
) -> Result<Option<Merge>, SwimSettingsError> {
    let Some(mut world) = grown(n, weather, seed)? else {
        return Ok(None);
    };
    world.forget_deaths();
    let before = world.counts();
    world.partition(|from, to| split.joins(n, from, to));
    world.run_for(lasts);
    let mut judges: Vec<usize> = world.deaths().iter().map(|death| death.seen_by).collect();
    judges.sort_unstable();
    judges.dedup();
    let false_deaths = world.false_deaths();
    world.heal();
    let merged = world.run_until(MERGE_LIMIT, SwimWorld::agrees);
    Ok(Some(Merge {
        cut: world.counts().cut - before.cut,
        false_deaths,
        judges: judges.len(),
        merged,
    }))
}

const GROW_LIMIT: Duration = Duration::from_secs(60);
const SEE_LIMIT: Duration = Duration::from_secs(20);
const MERGE_LIMIT: Duration = Duration::from_secs(60);
