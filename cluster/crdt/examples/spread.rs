//! The figure "a CRDT write is seen on all nodes": many nodes' machines in virtual time, by loss.
//!
//!     cargo run --release -p crdt --example spread            (all tables)
//!     cargo run --release -p crdt --example spread -- quick   (the 50-node table)
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people"
)]

#[path = "../tests/world/mod.rs"]
mod world;

use bytes::Bytes;
use crdt::{Input, Settings, Write};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use world::{Weather, World, hash_of, percentile};

fn main() {
    let quick = std::env::args().nth(1).is_some_and(|word| word == "quick");
    let direct = Settings {
        direct_nodes: 1000,
        ..Settings::default()
    };
    let tree = Settings {
        direct_nodes: 2,
        ..Settings::default()
    };
    println!("write to sight on the last node, ms; round trip 1 ms + 0..0.3 ms each way;");
    println!("{WRITES} writes 20 ms apart, by random nodes; letters and bytes per write and node,");
    println!("everything included; speed is simulated seconds per CPU second\n");
    println!("nodes how    loss |   p50   p95   p99    max | letters  bytes | speed");
    println!("------------------|--------------------------|----------------|------");
    LOSSES
        .into_iter()
        .for_each(|loss| row("direct", 50, loss, direct));
    speeds();
    if quick {
        return;
    }
    println!("\nother sizes and ways\n");
    LOSSES
        .into_iter()
        .for_each(|loss| row("tree", 50, loss, tree));
    LOSSES
        .into_iter()
        .for_each(|loss| row("direct", 3, loss, direct));
    LOSSES
        .into_iter()
        .for_each(|loss| row("direct", 200, loss, direct));
    LOSSES
        .into_iter()
        .for_each(|loss| row("tree", 200, loss, tree));
    println!("\nannouncements: times x peers, 50 nodes direct\n");
    for (announce_times, announce_to) in [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2)] {
        for loss in [0.0, 0.1, 0.3] {
            let how = format!("{announce_times}x{announce_to}");
            let settings = Settings {
                announce_times,
                announce_to,
                ..direct
            };
            row(&how, 50, loss, settings);
        }
    }
    burst();
}

/// How fast a cluster of 50 is simulated, by how much it writes.
fn speeds() {
    println!(
        "\n50 nodes, loss 0.05: simulated seconds per CPU second, by writes of all per second"
    );
    for per_second in [0_u64, 1, 10, 50] {
        let mut world = World::new(50, weather(0.05), Settings::default(), 42);
        world.run(Duration::from_secs(3));
        let start = (cpu_time(), world.now);
        for i in 0..20 {
            for j in 0..per_second {
                let writer = world.random(50);
                world.hold(writer, hash_of(i * 1000 + j));
                world.run(Duration::from_secs(1) / per_second as u32);
            }
            if per_second == 0 {
                world.run(Duration::from_secs(1));
            }
        }
        let spent = (cpu_time() - start.0).as_secs_f64();
        let simulated = world.now.since(start.1).as_secs_f64();
        println!("{per_second:>5} writes/s: {:>6.0}", simulated / spent);
    }
}

fn weather(loss: f64) -> Weather {
    Weather {
        loss,
        round_trip: Duration::from_millis(1),
        jitter: Duration::from_micros(300),
    }
}

fn row(how: &str, nodes: usize, loss: f64, settings: Settings) {
    let mut world = World::new(nodes, weather(loss), settings, 42);
    world.run(Duration::from_secs(3));
    let before = (world.tally(), world.now, cpu_time());
    for i in 0..WRITES {
        let writer = world.random(nodes);
        world.hold(writer, hash_of(i));
        world.run(Duration::from_millis(20));
    }
    let after = world.tally();
    let simulated = world.now.since(before.1).as_secs_f64();
    let speed = simulated / (cpu_time() - before.2).as_secs_f64();
    world.run(Duration::from_secs(8));
    let unseen = world.unseen();
    let at = |share, world: &mut World| percentile(&mut world.spans, share).as_secs_f64() * 1e3;
    let per = (WRITES as usize * nodes) as f64;
    println!(
        "{nodes:>5} {how:<6} {loss:>4} | {:>5.1} {:>5.1} {:>5.1} {:>6.1} | {:>7.2} {:>6.0} \
         | {speed:>5.0}{}",
        at(0.5, &mut world),
        at(0.95, &mut world),
        at(0.99, &mut world),
        at(1.0, &mut world),
        (after.sent - before.0.sent) as f64 / per,
        (after.sent_bytes - before.0.sent_bytes) as f64 / per,
        if unseen > 0 {
            format!("  {unseen} UNSEEN")
        } else {
            String::new()
        },
    );
}

/// Every node writes all the time: what the network carries then, and how long a quiet cluster
/// takes to simulate.
fn burst() {
    println!("\nload: 50 nodes, loss 0.05, for one second; then ten quiet seconds\n");
    for per_second in [10_u64, 100] {
        let mut world = World::new(50, weather(0.05), Settings::default(), 42);
        world.run(Duration::from_secs(3));
        let before = world.tally();
        for tick in 0..per_second {
            for i in 0..50 {
                let key = Bytes::from(format!("{i} {tick}"));
                let value = Bytes::from(vec![0; 100]);
                world.step(i, Input::Write(Write::Record { key, value }));
            }
            world.run(Duration::from_secs(1) / per_second as u32);
        }
        let sent = world.tally().sent - before.sent;
        let bytes = world.tally().sent_bytes - before.sent_bytes;
        let settled = world.settle(Duration::from_secs(60));
        let start = (cpu_time(), world.now);
        world.run(Duration::from_secs(10));
        let quiet = world.now.since(start.1).as_secs_f64() / (cpu_time() - start.0).as_secs_f64();
        println!(
            "{per_second:>5} writes/s on each node: {:>6} letters/s and {:>6.2} MB/s per node; \
             equal after {settled:?}; quiet: {quiet:.0} simulated s per CPU s",
            sent / 50,
            bytes as f64 / 50e6,
        );
    }
}

/// What this thread has run so far. Not from `/proc`: not every kernel has `schedstat`.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

const LOSSES: [f64; 5] = [0.0, 0.05, 0.1, 0.2, 0.3];
const WRITES: u64 = 500;
