//! What a local write, a read, a merge and a save cost.
//!
//!     cargo run --release -p crdt --example cost [FOLDER]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program for people that measures with the clock"
)]

use base::{ContentHash, NodeId, Time};
use bytes::Bytes;
use crdt::disk::StoreFile;
use crdt::{Gossip, Input, NodeFacts, RecordLimits, Replica, Settings, Store, Write};
use redb::backends::FileBackend;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    println!("microseconds per operation: p50, p99 of 20,000, in a store of 50 nodes with");
    println!("200 contents each and 20,000 records of 200 B (target: write < 50, read < 1)\n");
    let mut store = filled();
    writes(&mut store);
    reads(&store);
    spread();
    saves();
}

fn replica(i: u64) -> Replica {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Replica {
        node: NodeId(id),
        life: 1,
    }
}

fn hash(i: u64) -> ContentHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ContentHash(hash)
}

fn record(i: u64) -> Write {
    let key = Bytes::from(hash(i).0.to_vec());
    Write::Record {
        key,
        value: Bytes::from(vec![i as u8; 200]),
    }
}

fn facts(i: u64) -> NodeFacts {
    NodeFacts {
        name: format!("xeon-{i}"),
        address: "10.0.0.1:7400".into(),
        cores: 56,
        models: vec!["qwen3-4b-instruct-q4_k_m".into(); 3],
        slots: i as u32,
        ..NodeFacts::default()
    }
}

fn filled() -> Store {
    let mut all = Store::new(replica(0), RecordLimits::default());
    for n in 1..50 {
        let mut other = Store::new(replica(n), RecordLimits::default());
        for i in 0..200 {
            let delta = other.write(NOW, Write::Hold(hash(i * 7 + n))).unwrap();
            all.merge(NOW, delta);
        }
        all.merge(NOW, other.write(NOW, Write::Facts(facts(n))).unwrap());
    }
    for i in 0..20_000 {
        all.write(NOW, record(i)).unwrap();
    }
    all
}

fn writes(store: &mut Store) {
    let at = |i: u64| Time(NOW.0 + i);
    measure("write: hold", |i| {
        black_box(
            store
                .write(at(i), Write::Hold(hash(1_000_000 + i)))
                .unwrap(),
        );
    });
    measure("write: release", |i| {
        let (hash, node) = (hash(1_000_000 + i), replica(0).node);
        black_box(store.write(at(i), Write::Release { hash, node }).unwrap());
    });
    measure("write: count", |i| {
        black_box(
            store
                .write(
                    at(i),
                    Write::Count {
                        metric: "calls".into(),
                        add: 1,
                    },
                )
                .unwrap(),
        );
    });
    measure("write: record of 200 B", |i| {
        black_box(store.write(at(i), record(1_000_000 + i)).unwrap());
    });
    measure("write: facts", |i| {
        black_box(store.write(at(i), Write::Facts(facts(i))).unwrap());
    });
    let mut other = Store::new(replica(77), RecordLimits::default());
    let deltas: Vec<_> = (0..OPERATIONS)
        .map(|i| other.write(at(i), record(2_000_000 + i)).unwrap())
        .collect();
    let mut deltas = deltas.into_iter();
    measure("merge: one record of a peer", |_| {
        black_box(store.merge(at(0), deltas.next().unwrap()));
    });
}

fn reads(store: &Store) {
    measure("read: facts of a node", |i| {
        black_box(store.facts(&replica(i % 50).node));
    });
    measure("read: does that node hold it", |i| {
        black_box(store.holds(&hash(i % 1400), &replica(i % 50).node));
    });
    measure("read: holders of a content", |i| {
        black_box(store.holders(&hash(i % 1400)).count());
    });
    measure("read: total of a counter", |_| {
        black_box(store.total("calls"));
    });
    measure("read: record", |i| {
        black_box(store.record(&hash(i % 20_000).0));
    });
    measure_few("root of everything", 2000, |_| {
        black_box(store.root());
    });
}

/// A write through the machine, with the encoding of its push for 49 peers.
fn spread() {
    let store = Store::new(replica(0), RecordLimits::default());
    let mut gossip = Gossip::new(store, Settings::default(), 1, NOW);
    let peers: Vec<NodeId> = (1..50).map(|i| replica(i).node).collect();
    let mut out = Vec::new();
    gossip.step(NOW, Input::Peers(peers.clone()), &mut out);
    let mut now = NOW;
    let mut push = 0;
    measure("write, step and encode of the push", |i| {
        now = now + Duration::from_millis(2);
        out.clear();
        gossip.step(now, Input::Write(record(i)), &mut out);
        for effect in &out {
            if let crdt::Effect::Send { letter, .. } = effect {
                black_box(letter.encode().unwrap());
            }
        }
        push += 1;
        for peer in &peers {
            let letter = crdt::Letter::Ack { id: push };
            gossip.step(
                now,
                Input::Letter {
                    from: *peer,
                    letter,
                },
                &mut out,
            );
        }
    });
}

fn saves() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "/dev/shm".into());
    let path = std::path::Path::new(&folder).join("crdt-cost");
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    let (disk, _) = StoreFile::open(FileBackend::new(file).unwrap()).unwrap();
    let mut store = Store::new_saved(replica(0), RecordLimits::default());
    let save = |store: &mut Store| {
        if let Some(batch) = store.take_batch() {
            disk.save(&batch).unwrap();
            store.batch_saved(&batch);
        }
    };
    save(&mut store);
    println!("\nsaves in {folder} (a save makes everything before it durable)");
    let mut next = 0;
    for batch in [1, 10, 100] {
        measure_few(&format!("save of {batch} records"), 300, |_| {
            for _ in 0..batch {
                store.write(NOW, record(next)).unwrap();
                next += 1;
            }
            save(&mut store);
        });
    }
    drop(disk);
    let start = Instant::now();
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let (_, saved) = StoreFile::open(FileBackend::new(file).unwrap()).unwrap();
    let back = Store::load(saved.unwrap(), RecordLimits::default(), NOW);
    let (records, bytes) = back.record_size();
    println!(
        "load of {records} records ({bytes} B): {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    std::fs::remove_file(&path).unwrap();
}

fn measure(what: &str, work: impl FnMut(u64)) {
    measure_few(what, OPERATIONS, work);
}

fn measure_few(what: &str, times: u64, mut work: impl FnMut(u64)) {
    let mut spans: Vec<Duration> = (0..times)
        .map(|i| {
            let start = Instant::now();
            work(i);
            start.elapsed()
        })
        .collect();
    spans.sort();
    let at = |share: f64| spans[(spans.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{what:<36} {:>8.2} {:>8.2}", at(0.5), at(0.99));
}

const NOW: Time = Time(1_763_000_000_000_000);
const OPERATIONS: u64 = 20_000;
