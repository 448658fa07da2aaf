//! The pure machines in virtual time, and the store's own costs: one measurement to a process, so
//! that it can be killed and its CPU time is its own. Each prints one line of JSON.

#[path = "../../../../cluster/crdt/tests/world/mod.rs"]
mod world;

use crate::machine::cpu_of_thread;
use crate::stats::Spread;
use anyhow::{Result, bail};
use base::{ContentHash, NodeId, Time};
use bytes::Bytes;
use crdt::{RecordLimits, Replica, Settings, Store, Write};
use membership::simulator::{self as swim, trial};
use raft::simulator::{LedgerSpec, LedgerWorld};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Duration;
use tokio::time::Instant;
use world::{Weather, World, hash_of};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Pure {
    /// CRDT writes by random nodes, and when the last node sees each
    Spread {
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        /// Share of the datagrams that are lost
        #[arg(long, default_value_t = 0.0)]
        loss: f64,
        #[arg(long, default_value_t = 500)]
        writes: u64,
        /// Of all nodes together
        #[arg(long, default_value_t = 50)]
        per_second: u32,
    },
    /// What local writes and reads of the CRDT store cost
    Store {
        #[arg(long, default_value_t = 20_000)]
        times: u64,
    },
    /// Kills, and when the last living node has seen each
    Deaths {
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        /// Lost datagrams in a thousand
        #[arg(long, default_value_t = 0)]
        loss: u32,
        #[arg(long, default_value_t = 200)]
        kills: usize,
    },
    /// Nothing but loss: who is declared dead
    Idle {
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        #[arg(long, default_value_t = 50)]
        loss: u32,
        #[arg(long, default_value_t = 2000)]
        seconds: u64,
    },
    /// The ledger's replicas, with lost, late and repeated commands, crashes and images
    Ledger {
        #[arg(long, default_value_t = 50)]
        nodes: usize,
        /// Lost messages in a thousand
        #[arg(long, default_value_t = 50)]
        loss: u32,
        /// Of all who propose together
        #[arg(long, default_value_t = 50)]
        per_second: u32,
        #[arg(long, default_value_t = 100)]
        seconds: u64,
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
}

/// Times to the last node's sight, in seconds of virtual time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpreadReport {
    pub(crate) seen: Spread,
    pub(crate) unseen: usize,
    pub(crate) simulated_per_cpu: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoreReport {
    /// By operation, the costliest kind of each first.
    pub(crate) writes: Vec<(String, Spread)>,
    pub(crate) reads: Vec<(String, Spread)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SwimReport {
    pub(crate) seen: Spread,
    pub(crate) unseen: usize,
    pub(crate) false_deaths: usize,
    pub(crate) node_days: f64,
    pub(crate) simulated_per_cpu: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LedgerReport {
    /// Entries of the log; each replica applied each, some more than once.
    pub(crate) entries: u64,
    pub(crate) applied: u64,
    pub(crate) crashes: u64,
    pub(crate) simulated_per_cpu: f64,
}

impl Pure {
    pub(crate) fn run(self) -> Result<String> {
        Ok(match self {
            Pure::Spread {
                nodes,
                loss,
                writes,
                per_second,
            } => serde_json::to_string(&spread(nodes, loss, (writes, per_second))),
            Pure::Store { times } => serde_json::to_string(&store(times)?),
            Pure::Deaths { nodes, loss, kills } => {
                let weather = swim::Weather::lan(loss);
                let begin = cpu_of_thread();
                let found = trial::detect(nodes, weather, kills, 7)?;
                serde_json::to_string(&report(&found, begin))
            }
            Pure::Idle {
                nodes,
                loss,
                seconds,
            } => {
                let (weather, span) = (swim::Weather::lan(loss), Duration::from_secs(seconds));
                let begin = cpu_of_thread();
                let found = trial::idle(nodes, weather, span, 11)?;
                if found.simulated < span {
                    bail!("the cluster did not grow together");
                }
                serde_json::to_string(&report(&found, begin))
            }
            Pure::Ledger {
                nodes,
                loss,
                per_second,
                seconds,
                seed,
            } => {
                let spec = LedgerSpec {
                    replicas: nodes,
                    per_second,
                    loss,
                    seed,
                };
                serde_json::to_string(&ledger(spec, Duration::from_secs(seconds))?)
            }
        }?)
    }
}

fn report(found: &trial::Detection, begin: f64) -> SwimReport {
    SwimReport {
        seen: Spread::of_spans(&found.spans),
        unseen: found.unseen,
        false_deaths: found.false_deaths,
        node_days: found.node_days,
        simulated_per_cpu: found.simulated.as_secs_f64() / (cpu_of_thread() - begin),
    }
}

fn spread(nodes: usize, loss: f64, (writes, per_second): (u64, u32)) -> SpreadReport {
    let weather = Weather {
        loss,
        round_trip: Duration::from_millis(1),
        jitter: Duration::from_micros(300),
    };
    let mut world = World::new(nodes, weather, Settings::default(), 42);
    world.run(Duration::from_secs(3));
    let (cpu, since) = (cpu_of_thread(), world.now);
    for i in 0..writes {
        let writer = world.random(nodes);
        world.hold(writer, hash_of(i));
        world.run(Duration::from_secs(1) / per_second.max(1));
    }
    let simulated = world.now.since(since).as_secs_f64();
    let simulated_per_cpu = simulated / (cpu_of_thread() - cpu);
    // Longer than the last of them may take.
    world.run(Duration::from_secs(8));
    SpreadReport {
        seen: Spread::of_spans(&world.spans),
        unseen: world.unseen(),
        simulated_per_cpu,
    }
}

/// A promise that the ledger breaks is an error, and no figure.
fn ledger(spec: LedgerSpec, span: Duration) -> Result<LedgerReport> {
    let mut world = LedgerWorld::new(spec)?;
    // Until there are jobs, members and models.
    world.run_for(Duration::from_secs(3))?;
    let (cpu, before) = (cpu_of_thread(), world.counts());
    world.run_for(span)?;
    let simulated_per_cpu = span.as_secs_f64() / (cpu_of_thread() - cpu);
    let counts = world.counts();
    world.settle()?;
    Ok(LedgerReport {
        entries: counts.entries - before.entries,
        applied: counts.applied - before.applied,
        crashes: counts.crashes - before.crashes,
        simulated_per_cpu,
    })
}

/// A store of 50 nodes with 200 contents each and 20,000 records of 200 bytes.
fn filled() -> Result<Store> {
    let mut all = Store::new(replica(0), RecordLimits::default());
    for node in 1..50 {
        let mut other = Store::new(replica(node), RecordLimits::default());
        for i in 0..200 {
            let delta = other.write(NOW, Write::Hold(hash_of(i * 7 + node)))?;
            all.merge(NOW, delta);
        }
    }
    for i in 0..20_000 {
        all.write(NOW, record(i))?;
    }
    Ok(all)
}

fn store(times: u64) -> Result<StoreReport> {
    let mut store = filled()?;
    let mut writes = Vec::new();
    for (name, write) in WRITES {
        let spans = measure(times, |i| {
            let at = Time(NOW.0 + i);
            black_box(store.write(at, write(1_000_000 + i))).is_ok()
        });
        writes.push((name.to_owned(), spans?));
    }
    let mut reads = Vec::new();
    for (name, read) in READS {
        let spans = measure(times, |i| black_box(read(&store, i)));
        reads.push((name.to_owned(), spans?));
    }
    for list in [&mut writes, &mut reads] {
        list.sort_by(|a, b| b.1.p50.total_cmp(&a.1.p50));
    }
    Ok(StoreReport { writes, reads })
}

/// Each time apart; every one must work.
fn measure(times: u64, mut work: impl FnMut(u64) -> bool) -> Result<Spread> {
    let mut spans = Vec::new();
    for i in 0..times {
        let start = Instant::now();
        let worked = work(i);
        spans.push(start.elapsed());
        if !worked {
            bail!("operation {i} did not work");
        }
    }
    Ok(Spread::of_spans(&spans))
}

fn replica(i: u64) -> Replica {
    Replica {
        node: node_id(i),
        life: 1,
    }
}

fn node_id(i: u64) -> NodeId {
    world::node_id(i as usize)
}

fn record(i: u64) -> Write {
    Write::Record {
        key: Bytes::from(hash_of(i).0.to_vec()),
        value: Bytes::from(vec![i as u8; 200]),
    }
}

type MakeWrite = fn(u64) -> Write;
type Read = fn(&Store, u64) -> bool;

/// The kinds of local writes.
const WRITES: [(&str, MakeWrite); 3] = [
    ("hold", |i| Write::Hold(hash_of(i))),
    ("record of 200 B", record),
    ("count", |_| Write::Count {
        metric: "calls".into(),
        add: 1,
    }),
];

/// The kinds of local reads; each says whether it found what was written before.
const READS: [(&str, Read); 3] = [
    ("does a node hold it", |store, i| {
        let held: ContentHash = hash_of(i % 200 * 7 + 1);
        store.holds(&held, &node_id(1))
    }),
    ("record", |store, i| {
        store.record(&hash_of(i % 20_000).0).is_some()
    }),
    ("total of a counter", |store, _| store.total("calls") > 0),
];

const NOW: Time = Time(1_763_000_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pure_figures_run_at_a_small_size() {
        let spread = spread(5, 0.05, (5, 50));
        assert_eq!((spread.seen.count, spread.unseen), (5, 0));
        let store = store(50).unwrap();
        assert_eq!((store.writes.len(), store.reads.len()), (3, 3));
        let deaths = Pure::Deaths {
            nodes: 3,
            loss: 0,
            kills: 2,
        };
        let deaths: SwimReport = serde_json::from_str(&deaths.run().unwrap()).unwrap();
        assert_eq!((deaths.seen.count, deaths.unseen), (2, 0));
        let ledger = Pure::Ledger {
            nodes: 5,
            loss: 50,
            per_second: 50,
            seconds: 5,
            seed: 7,
        };
        let ledger: LedgerReport = serde_json::from_str(&ledger.run().unwrap()).unwrap();
        assert!(ledger.entries >= 200 && ledger.applied > ledger.entries);
    }

    #[test]
    fn what_does_not_work_is_no_figure() {
        assert!(measure(3, |i| i < 2).is_err());
    }
}
