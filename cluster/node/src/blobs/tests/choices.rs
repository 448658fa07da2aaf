//! Whom to ask, what to drop, what to read: from facts to a choice.

use crate::blobs::policy::{
    Ages, Whom, copies_needed, is_short, named, next_scrub, partners, sources,
};
use crate::blobs::shelf::Shelved;
use crate::blobs::{BlobSettings, BlobSettingsError};
use base::{ContentHash, NodeId, Time};
use raft::ledger::{Model, ModelVersion, Models, Stage, State};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn node(n: u8) -> NodeId {
    NodeId([n; 16])
}

fn nodes(all: &[u8]) -> BTreeSet<NodeId> {
    all.iter().map(|n| node(*n)).collect()
}

fn hash(n: u8) -> ContentHash {
    ContentHash([n; 32])
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn check(asked: Vec<NodeId>, expected: &[u8]) {
    let expected: Vec<NodeId> = expected.iter().map(|n| node(*n)).collect();
    assert_eq!(asked, expected);
}

#[test]
fn the_living_are_asked_first_and_strangers_never() {
    let whom = Whom {
        me: node(1),
        members: nodes(&[1, 2, 3, 4]),
        usable: nodes(&[3, 4]),
        holders: nodes(&[1, 2, 3, 9]),
    };
    check(sources(&whom), &[3, 2]);
    check(partners(&whom), &[3, 2, 4]);
}

#[test]
fn two_nodes_do_not_ask_in_the_same_order() {
    let asked_by = |me| {
        sources(&Whom {
            me: node(me),
            members: nodes(&[0, 1, 2, 3]),
            usable: nodes(&[0, 1, 2, 3]),
            holders: nodes(&[2, 3]),
        })
    };
    check(asked_by(0), &[2, 3]);
    check(asked_by(1), &[3, 2]);
}

#[test]
fn two_copies_or_one_where_there_is_one_member() {
    assert_eq!([0, 1, 2, 3, 50].map(copies_needed), [1, 1, 2, 2, 2]);
    assert!(!is_short(&nodes(&[1]), &nodes(&[1])));
    assert!(is_short(&nodes(&[1, 2]), &nodes(&[1])));
    assert!(is_short(&nodes(&[1, 2]), &nodes(&[1, 9])), "9 was removed");
    assert!(!is_short(&nodes(&[1, 2, 3]), &nodes(&[2, 3])));
}

#[test]
fn what_the_ledger_names_is_no_garbage() {
    let version = ModelVersion {
        parent: None,
        hash: hash(1),
        size: 3,
        metrics: BTreeMap::new(),
        holders: Vec::new(),
        published: Time::ZERO,
        stage: Stage::RolledBack,
    };
    let model = Model {
        versions: BTreeMap::from([(1, version)]),
        promoted: Vec::new(),
    };
    let state = State {
        models: Arc::new(Models(BTreeMap::from([("m".to_owned(), model)]))),
        ..State::default()
    };
    assert_eq!(named(&state), BTreeSet::from([hash(1)]));
}

#[test]
fn garbage_is_what_was_of_no_use_for_the_whole_time() {
    let (day, whole) = (Duration::from_secs(86_400), Shelved::Whole(hash(1)));
    let files = [whole, Shelved::Bad(hash(2))];
    let mut ages = Ages::default();
    ages.look(at(0), &files, |_| false);
    assert_eq!(ages.garbage(at(86_399), day), []);
    assert_eq!(ages.garbage(at(86_400), day), files);
    // Somebody asked for it in between: it begins anew.
    ages.look(at(50_000), &files, |file| file == whole);
    ages.look(at(60_000), &files, |_| false);
    assert_eq!(ages.garbage(at(86_400), day), files[1..]);
    assert_eq!(ages.garbage(at(146_400), day), files);
    // What is gone has no age.
    ages.look(at(146_401), &[], |_| false);
    assert_eq!(ages.garbage(at(999_999), day), []);
}

#[test]
fn the_blob_that_was_read_the_longest_ago_is_read_next() {
    let every = Duration::from_secs(100);
    let read = BTreeMap::from([(hash(1), at(50)), (hash(2), at(10))]);
    assert_eq!(next_scrub(at(109), &read, every), None);
    assert_eq!(next_scrub(at(110), &read, every), Some(hash(2)));
    assert_eq!(next_scrub(at(110), &BTreeMap::new(), every), None);
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let good = BlobSettings::default();
    assert_eq!(
        good.check(transport::Settings::default().in_flight.bulk),
        Ok(())
    );
    let bulk = BlobSettingsError::Bulk { asked: 8, room: 7 };
    assert_eq!(good.check(15), Err(bulk));
    let cases = [
        (
            BlobSettings {
                chunk_bytes: (4 << 20) + 1,
                ..good
            },
            BlobSettingsError::Chunk,
        ),
        (BlobSettings { puts: 0, ..good }, BlobSettingsError::Zero),
        (
            BlobSettings {
                retention: Duration::from_secs(60),
                ..good
            },
            BlobSettingsError::Retention,
        ),
        (
            BlobSettings {
                sweep_every: Duration::from_secs(90_000),
                ..good
            },
            BlobSettingsError::Sweep,
        ),
    ];
    for (settings, error) in cases {
        assert_eq!(settings.check(16), Err(error));
    }
}
