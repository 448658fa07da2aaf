//! The layouts of the letters are frozen: a peer one version older reads them, and so does a store
//! the changes that an older one wrote.

use super::*;
use crate::{Change, Dot, GpuFacts, NodeFacts, ReplicaDigest, Span, Stamp};
use base::ContentHash;

const A: Replica = Replica {
    node: NodeId([1; 16]),
    life: 300,
};
const B: NodeId = NodeId([2; 16]);
const NOW: u64 = 1_763_000_000_000_000;

/// Writes, compares with what was written on the first day, and reads it back.
#[track_caller]
fn check(letter: &Letter, frozen: &str) {
    let bytes = wire::to_bytes(letter).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, frozen, "{letter:?} is written in another layout now");
    assert_eq!(&wire::from_bytes::<Letter>(&bytes, 4096).unwrap(), letter);
}

fn seen() -> Spans {
    [(1, 4), (6, 300)].into_iter().collect()
}

/// One of each change.
fn delta() -> Delta {
    let gpu = GpuFacts {
        name: "H100".to_owned(),
        memory_bytes: 80 << 30,
    };
    let facts = NodeFacts {
        name: "n1".to_owned(),
        address: "10.0.0.5:7411".to_owned(),
        cores: 16,
        memory_bytes: 64 << 30,
        numa_nodes: 2,
        gpus: vec![gpu],
        models: vec!["m".to_owned()],
        slots: 4,
        wire_version: 1,
        not_ready: vec!["starting".to_owned()],
    };
    let stamp = Stamp(NOW);
    let (hash, metric) = (ContentHash([7; 32]), "calls".to_owned());
    let held = Dot {
        replica: Replica { node: B, life: 1 },
        count: 9,
    };
    let changes = [
        Change::Facts { stamp, facts },
        Change::Hold { hash, node: B },
        Change::Release { holds: vec![held] },
        Change::Count {
            metric,
            total: 70_000,
        },
        Change::Record {
            stamp,
            key: Bytes::from_static(b"k"),
            value: Bytes::from_static(b"v"),
        },
        Change::Retire { life: 2 },
    ];
    let span = Span {
        replica: A,
        first: 1,
        last: 300,
        live: (1..).zip(changes).collect(),
    };
    Delta { spans: vec![span] }
}

#[test]
fn what_carries_changes_is_frozen() {
    let push = Letter::Push {
        id: 70_000,
        root: B,
        delta: delta(),
    };
    check(&push, PUSH);
    check(&Letter::Ack { id: 70_000 }, ACK);
    check(&Letter::Content { delta: delta() }, CONTENT);
}

#[test]
fn what_repairs_is_frozen() {
    let dots = vec![(A, seen())];
    check(&Letter::Have { dots: dots.clone() }, HAVE);
    check(&Letter::Pull { dots }, PULL);
    let (time, root) = (Time(NOW), 1 << 40);
    check(&Letter::Summary { time, root }, SUMMARY);
    let row = ReplicaDigest {
        replica: A,
        seen: seen(),
        hash: 1 << 40,
    };
    let digest = StoreDigest {
        rows: vec![row],
        floor: Floor::default(),
    };
    check(&Letter::Digest { digest }, DIGEST);
    let floor = Floor(Some((Stamp(NOW), A, 3)));
    check(&Letter::Evicted { floor }, EVICTED);
    let alive = Letter::Alive {
        replica: A,
        seen: seen(),
        counts: vec![1, 300],
    };
    check(&alive, ALIVE);
}

// Worked out from the layout's rules by hand, not copied from what the code wrote: integers below
// 251 in one byte, longer ones behind their width, little-endian; lengths before texts, bytes and
// lists; a variant is its number. A failing one is a new kind of message, never a new text here.
const PUSH: &str = "00fc70110100020202020202020202020202020202020101010101010101010101010101010101f\
    b2c0101fb2c01060100fd0030bd6c70430600026e310d31302e302e302e353a3734313110fd0000000010000000020\
    10448313030fd000000001400000001016d040101087374617274696e6702010707070707070707070707070707070\
    7070707070707070707070707070707070202020202020202020202020202020203020102020202020202020202020\
    202020202010904030563616c6c73fc701101000504fd0030bd6c70430600016b0176060502";
const ACK: &str = "01fc70110100";
const HAVE: &str = "020101010101010101010101010101010101fb2c0102010406fb2c01";
const PULL: &str = "030101010101010101010101010101010101fb2c0102010406fb2c01";
const CONTENT: &str = "040101010101010101010101010101010101fb2c0101fb2c01060100fd0030bd6c7043060002\
    6e310d31302e302e302e353a3734313110fd000000001000000002010448313030fd000000001400000001016d0401\
    01087374617274696e6702010707070707070707070707070707070707070707070707070707070707070707020202\
    0202020202020202020202020203020102020202020202020202020202020202010904030563616c6c73fc70110100\
    0504fd0030bd6c70430600016b0176060502";
const SUMMARY: &str = "05fd0030bd6c70430600fd0000000000010000";
const DIGEST: &str = "060101010101010101010101010101010101fb2c0102010406fb2c01fd000000000001000000";
const EVICTED: &str = "0701fd0030bd6c7043060001010101010101010101010101010101fb2c0103";
const ALIVE: &str = "0801010101010101010101010101010101fb2c0102010406fb2c010201fb2c01";
