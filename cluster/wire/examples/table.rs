//! Two tables: what lz4 costs and saves by size, which justifies the size from which it is tried,
//! and the bytes of the real mix of messages on the wire beside the same messages as JSON.
//!
//!     cargo run --release -p wire --example table
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people"
)]

use base::{Budgets, ContentHash, Epoch, JobId, NodeId};
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::hint::black_box;
use std::time::Duration;
use wire::{HEAD_BYTES, Head, Kind};

fn main() {
    let text = corpus();
    costs(&text);
    mix(&text);
}

/// Text of this repository: prose and source, which is what contexts hold.
fn corpus() -> String {
    [
        include_str!("../../../ARCHITECTURE.md"),
        include_str!("../../../docs/configuration.md"),
        include_str!("../../../base/src/job.rs"),
        include_str!("../src/frame.rs"),
        include_str!("../src/kind.rs"),
    ]
    .concat()
}

fn costs(text: &str) {
    println!("lz4 by size of the body (text and numbers alternate); microseconds of CPU\n");
    println!(
        "body B | kind    | wire B | saved | plain enc | lz4 enc | plain dec | lz4 dec | MB/s*"
    );
    println!(
        "-------|---------|--------|-------|-----------|---------|-----------|---------|------"
    );
    let numbers = floats(64 * 1024);
    for size in [
        64, 128, 256, 384, 512, 768, 1024, 2048, 4096, 16_384, 65_536,
    ] {
        // Several places of the text, since one short piece says little.
        let steps = 16;
        let pieces: Vec<Bytes> = (0..steps)
            .map(|i| {
                let whole = text.repeat(1 + size / text.len() * 2 + 1);
                let at = (i * text.len() / steps).min(whole.len() - size);
                Bytes::copy_from_slice(&whole.as_bytes()[at..at + size])
            })
            .collect();
        row(size, "text", &pieces);
        row(size, "floats", &[Bytes::copy_from_slice(&numbers[..size])]);
    }
    println!("\n* the network's speed below which trying lz4 pays: bytes saved / time added.\n");
}

fn row(size: usize, what: &str, pieces: &[Bytes]) {
    let forced: Vec<Vec<u8>> = pieces
        .iter()
        .map(|piece| lz4_flex::block::compress(piece))
        .collect();
    let n = pieces.len();
    let smaller = forced
        .iter()
        .map(|block| block.len().min(size))
        .sum::<usize>()
        / n;
    let plain: Vec<Bytes> = pieces
        .iter()
        .map(|piece| wire::encode_plain(Kind::Echo, piece).unwrap())
        .collect();
    let plain_enc = cost(|i| {
        black_box(wire::encode_plain(Kind::Echo, &pieces[i % n]).unwrap());
    });
    let plain_dec = cost(|i| {
        black_box(wire::decode::<Bytes>(Kind::Echo, &plain[i % n]).unwrap());
    });
    let squeeze = cost(|i| {
        black_box(lz4_flex::block::compress(&pieces[i % n]));
    });
    let expand = cost(|i| {
        black_box(lz4_flex::block::decompress(&forced[i % n], size).unwrap());
    });
    let saved = size - smaller;
    let added = squeeze + if saved > 0 { expand } else { 0.0 };
    println!(
        "{size:>6} | {what:<7} | {:>6} | {:>4.0}% | {plain_enc:>9.2} | {:>7.2} | {plain_dec:>9.2} \
         | {:>7.2} | {:>5.0}",
        HEAD_BYTES + smaller,
        100.0 * saved as f64 / size as f64,
        plain_enc + squeeze,
        plain_dec + if saved > 0 { expand } else { 0.0 },
        saved as f64 / added,
    );
}

/// Microseconds of CPU of one call: the least of a few stretches, each long against the kernel's
/// tick. Wall time would measure the neighbours too.
fn cost(mut work: impl FnMut(usize)) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..STRETCHES {
        let start = cpu_time();
        let mut calls = 0;
        while cpu_time() - start < STRETCH {
            (0..BATCH).for_each(&mut work);
            calls += BATCH;
        }
        let spent = (cpu_time() - start).as_secs_f64();
        least = least.min(spent * 1e6 / calls as f64);
    }
    least
}

/// What this thread has run so far. Not from `/proc`: not every kernel has `schedstat`.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

#[derive(Serialize)]
struct SubCall {
    job: JobId,
    path: Vec<u32>,
    epoch: Epoch,
    model: String,
    system: String,
    prompt: String,
    max_tokens: u32,
    temperature: f32,
    deadline_ms: u64,
}

#[derive(Serialize)]
struct SubResult {
    job: JobId,
    path: Vec<u32>,
    epoch: Epoch,
    text: String,
    prompt_tokens: u32,
    completion_tokens: u32,
    millis: u64,
}

#[derive(Serialize)]
struct Dot {
    node: NodeId,
    incarnation: u64,
    count: u64,
}

#[derive(Serialize)]
enum Change {
    Hold {
        hash: ContentHash,
        holder: NodeId,
    },
    Count {
        metric: String,
        total: u64,
    },
    Facts {
        name: String,
        cores: u32,
        memory: u64,
        models: Vec<String>,
        slots: u32,
    },
}

#[derive(Serialize)]
struct Delta {
    dot: Dot,
    change: Change,
}

#[derive(Serialize)]
enum Entry {
    Accept {
        job: JobId,
        key: String,
        question: String,
        context: ContentHash,
        budgets: Budgets,
    },
    Assign {
        job: JobId,
        node: NodeId,
        epoch: Epoch,
    },
    Done {
        job: JobId,
        answer: ContentHash,
        epoch: Epoch,
    },
}

#[derive(Serialize)]
struct Append {
    term: u64,
    leader: NodeId,
    previous: (u64, u64),
    committed: u64,
    entries: Vec<(u64, u64, Entry)>,
}

#[derive(Serialize)]
struct Embeddings {
    model: String,
    keys: Vec<ContentHash>,
    vectors: Vec<Vec<f32>>,
}

fn mix(text: &str) {
    println!("bytes on the wire, header included, against the same value as compact JSON\n");
    println!("message                                  |   JSON |   ours | less | without lz4");
    println!("-----------------------------------------|--------|--------|------|------------");
    let mut total = (0, 0);
    for size in [2_000, 8_000, 30_000] {
        let name = format!("text prompt of {size} B");
        total = add(
            total,
            line(&name, Kind::Propose, &prompt(&text[..floor(text, size)])),
        );
    }
    for size in [60, 600, 3_000] {
        let name = format!("result of {size} B");
        total = add(
            total,
            line(&name, Kind::Propose, &result(&text[..floor(text, size)])),
        );
    }
    for n in [1, 20] {
        let deltas: Vec<Delta> = (0..n).map(delta).collect();
        total = add(
            total,
            line(&format!("gossip, {n} change(s)"), Kind::Gossip, &deltas),
        );
    }
    for n in [1, 64] {
        total = add(
            total,
            line(
                &format!("Raft append, {n} entries"),
                Kind::RaftAppend,
                &append(n),
            ),
        );
    }
    for n in [1, 32] {
        let name = format!("embeddings, {n} of 384 floats");
        total = add(total, line(&name, Kind::BlobPut, &embeddings(n)));
    }
    let less = 100.0 * (1.0 - total.1 as f64 / total.0 as f64);
    println!(
        "one of each                              | {:>6} | {:>6} | {less:>3.0}% |",
        total.0, total.1
    );
}

fn line<T: Serialize>(name: &str, kind: Kind, body: &T) -> (usize, usize) {
    let json = serde_json::to_string(body).unwrap().len();
    let ours = wire::encode(kind, body).unwrap();
    let plain = wire::encode_plain(kind, body).unwrap().len();
    let how = if Head::read(&ours).unwrap().squeezed {
        "lz4"
    } else {
        ""
    };
    let less = 100.0 * (1.0 - ours.len() as f64 / json as f64);
    println!(
        "{name:<36} {how:<3} | {json:>6} | {:>6} | {less:>3.0}% | {plain:>6}",
        ours.len()
    );
    (json, ours.len())
}

fn add(left: (usize, usize), right: (usize, usize)) -> (usize, usize) {
    (left.0 + right.0, left.1 + right.1)
}

fn floor(text: &str, size: usize) -> usize {
    (0..=size)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap()
}

fn prompt(text: &str) -> SubCall {
    SubCall {
        job: JobId(0x9e37_79b9_7f4a_7c15),
        path: vec![3, 17],
        epoch: Epoch(41),
        model: "qwen3-4b-instruct-q4_k_m".into(),
        system: "Answer only from the text. Say so when it is not there.".into(),
        prompt: text.into(),
        max_tokens: 512,
        temperature: 0.2,
        deadline_ms: 30_000,
    }
}

fn result(text: &str) -> SubResult {
    SubResult {
        job: JobId(0x9e37_79b9_7f4a_7c15),
        path: vec![3, 17],
        epoch: Epoch(41),
        text: text.into(),
        prompt_tokens: 2143,
        completion_tokens: 118,
        millis: 1874,
    }
}

fn delta(i: u64) -> Delta {
    let change = match i % 4 {
        0 | 2 => Change::Hold {
            hash: hash(i),
            holder: node(i),
        },
        1 => Change::Count {
            metric: "sub_calls_done".into(),
            total: 1000 * i,
        },
        _ => Change::Facts {
            name: format!("xeon-{i}"),
            cores: 56,
            memory: 512 << 30,
            models: vec![
                "qwen3-4b-instruct-q4_k_m".into(),
                "bge-small-en-v1.5".into(),
            ],
            slots: 12,
        },
    };
    let dot = Dot {
        node: node(i % 5),
        incarnation: 1_763_700_000_000_000,
        count: 9000 + i,
    };
    Delta { dot, change }
}

fn append(n: u64) -> Append {
    let entry = |i: u64| match i % 3 {
        0 => Entry::Accept {
            job: JobId(noise(i)),
            key: format!("client-{}-{i}", noise(i) % 1000),
            question: "Which of the contracts name a penalty above 10 percent, and which?".into(),
            context: hash(i),
            budgets: Budgets {
                turns: 30,
                sub_calls: 500,
                tokens: 2_000_000,
                wall: Duration::from_secs(600),
                depth: 1,
                consecutive_errors: 5,
            },
        },
        1 => Entry::Assign {
            job: JobId(noise(i)),
            node: node(i % 5),
            epoch: Epoch(7 + i),
        },
        _ => Entry::Done {
            job: JobId(noise(i)),
            answer: hash(i + 7),
            epoch: Epoch(7 + i),
        },
    };
    Append {
        term: 12,
        leader: node(1),
        previous: (12, 88_000),
        committed: 87_990,
        entries: (0..n).map(|i| (12, 88_001 + i, entry(i))).collect(),
    }
}

fn embeddings(n: u64) -> Embeddings {
    let bytes = floats(384 * 4 * n as usize);
    let vectors = bytes
        .chunks_exact(384 * 4)
        .map(|row| {
            row.chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect()
        })
        .collect();
    Embeddings {
        model: "bge-small-en-v1.5".into(),
        keys: (0..n).map(hash).collect(),
        vectors,
    }
}

/// Little-endian floats as an embedding has them: small, signed, no pattern.
fn floats(bytes: usize) -> Vec<u8> {
    (0..bytes as u64 / 4)
        .flat_map(|i| {
            let unit = (noise(i) >> 40) as f32 / (1_u64 << 24) as f32;
            ((unit - 0.5) * 0.2).to_le_bytes()
        })
        .collect()
}

fn node(i: u64) -> NodeId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&noise(i + 100).to_le_bytes());
    bytes[8..].copy_from_slice(&noise(i + 200).to_le_bytes());
    NodeId(bytes)
}

fn hash(i: u64) -> ContentHash {
    let mut bytes = [0; 32];
    for (j, part) in bytes.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&noise(i * 4 + j as u64 + 1000).to_le_bytes());
    }
    ContentHash(bytes)
}

/// SplitMix64: the same on every run.
fn noise(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const BATCH: usize = 200;
const STRETCHES: usize = 3;
const STRETCH: Duration = Duration::from_millis(40);
