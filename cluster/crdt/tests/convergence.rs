//! Clusters of pure machines: every write reaches every node, whatever the network does, and within
//! the times that the README of figures promises (a small size of `examples/spread.rs`).

mod world;

use base::Time;
use bytes::Bytes;
use crdt::{Input, NodeFacts, Settings, Write};
use std::time::Duration;
use world::{Weather, World, hash_of, node_id, percentile};

fn weather(loss: f64) -> Weather {
    Weather {
        loss,
        round_trip: Duration::from_millis(1),
        jitter: Duration::from_micros(300),
    }
}

fn spread(nodes: usize, loss: f64, writes: u64, seed: u64) -> World {
    let mut world = World::new(nodes, weather(loss), Settings::default(), seed);
    world.run(Duration::from_secs(3));
    for i in 0..writes {
        let writer = world.random(nodes);
        world.hold(writer, hash_of(i));
        world.run(Duration::from_millis(20));
    }
    world.run(Duration::from_secs(5));
    world
}

#[test]
fn a_write_is_seen_by_all_of_fifty_in_time() {
    for (loss, p95, p99) in [
        (0.0, 10, 10),
        (0.05, 10, 500),
        (0.1, 250, 500),
        (0.3, 5000, 500),
    ] {
        let mut world = spread(50, loss, 100, 7);
        assert_eq!(world.unseen(), 0, "loss {loss}");
        assert_eq!(world.spans.len(), 100);
        let at = |world: &mut World, share| percentile(&mut world.spans, share).as_millis();
        let (found95, found99) = (at(&mut world, 0.95), at(&mut world, 0.99));
        assert!(
            found95 <= p95 && found99 <= p99,
            "loss {loss}: {found95}, {found99} ms"
        );
        assert!(at(&mut world, 1.0) <= 5000);
        // The fault happened, and the way around it ran.
        assert_eq!(world.lost > 0, loss > 0.0);
        assert_eq!(world.tally().repeated > 0, loss > 0.0);
    }
}

#[test]
fn three_nodes_and_a_tree_of_many_converge_under_loss() {
    for (nodes, loss, writes) in [(2, 0.3, 40), (3, 0.3, 60), (3, 0.0, 20), (90, 0.2, 20)] {
        let mut world = spread(nodes, loss, writes, 11);
        assert_eq!(world.unseen(), 0, "{nodes} nodes");
        assert!(
            world.settle(Duration::from_secs(20)).is_some(),
            "{nodes} nodes"
        );
    }
}

#[test]
fn the_tree_reaches_every_node_without_waste() {
    let settings = Settings {
        announce_times: 0,
        compare_every: Duration::from_secs(3600),
        ..Settings::default()
    };
    let mut world = World::new(200, weather(0.0), settings, 3);
    world.run(Duration::from_secs(1));
    let before = world.tally();
    for i in 0..20 {
        let writer = world.random(200);
        world.hold(writer, hash_of(i));
        world.run(Duration::from_millis(50));
    }
    assert_eq!(world.unseen(), 0);
    let after = world.tally();
    // One push and one acknowledgement for each of the 199 others, and nothing twice.
    assert_eq!(after.sent - before.sent, 20 * 199 * 2);
    assert_eq!(after.redundant, 0);
    assert!(
        world
            .spans
            .iter()
            .all(|span| *span < Duration::from_millis(10))
    );
}

#[test]
fn a_partition_heals_within_seconds() {
    let mut world = World::new(9, weather(0.05), Settings::default(), 5);
    world.run(Duration::from_secs(2));
    for a in 0..4 {
        for b in 4..9 {
            world.cut.extend([(a, b), (b, a)]);
        }
    }
    for i in 0..60 {
        let writer = world.random(9);
        world.hold(writer, hash_of(i));
        world.run(Duration::from_millis(50));
    }
    assert!(
        world.unseen() > 0 && !world.converged(),
        "the partition holds"
    );
    assert!(world.tally().given_up > 0);
    world.cut.clear();
    let took = world
        .settle(Duration::from_secs(20))
        .expect("they converge");
    assert!(took <= Duration::from_secs(5), "{took:?}");
    assert_eq!(world.unseen(), 0);
}

#[test]
fn one_way_and_broken_links_are_gone_around() {
    let mut world = World::new(6, weather(0.0), Settings::default(), 9);
    world.run(Duration::from_secs(2));
    // Node 0 reaches nobody but node 1; node 2 hears nobody but node 5.
    world.cut.extend([(0, 2), (0, 3), (0, 4), (0, 5)]);
    world.cut.extend([(0, 2), (1, 2), (3, 2), (4, 2)]);
    for i in 0..30 {
        world.hold(i as usize % 6, hash_of(i));
        world.run(Duration::from_millis(40));
    }
    world.run(Duration::from_secs(5));
    assert_eq!(world.unseen(), 0);
    assert!(world.lost > 0 && world.tally().pulled > 0);
    assert!(*world.spans.iter().max().unwrap() <= Duration::from_secs(5));
}

#[test]
fn a_writer_that_dies_at_once_is_heard_by_all_or_none() {
    let mut heard = 0;
    for seed in 0..40 {
        let mut world = World::new(20, weather(0.4), Settings::default(), seed);
        world.run(Duration::from_secs(1));
        world.hold(0, hash_of(1));
        world.down.insert(0);
        world.run(Duration::from_secs(8));
        let holders = |i: usize| world.nodes[i].store().holds(&hash_of(1), &node_id(0));
        let count = (1..20).filter(|i| holders(*i)).count();
        assert!(count == 0 || count == 19, "seed {seed}: {count}");
        heard += count;
    }
    assert!(heard > 0);
}

#[test]
fn a_node_that_was_away_fetches_everything() {
    let mut world = World::new(5, weather(0.1), Settings::default(), 21);
    world.run(Duration::from_secs(1));
    world.down.insert(4);
    for i in 0..200 {
        world.hold(i as usize % 4, hash_of(i));
        let key = Bytes::from(format!("key {i}"));
        let value = Bytes::from(vec![i as u8; 2000]);
        world.step(i as usize % 4, Input::Write(Write::Record { key, value }));
        let (hash, node) = (hash_of(i / 2), node_id(i as usize / 2 % 4));
        world.step(i as usize % 4, Input::Write(Write::Release { hash, node }));
        world.run(Duration::from_millis(10));
    }
    // Long enough for every push to be given up and every release to be forgotten.
    world.run(Duration::from_secs(400));
    assert!(!world.nodes[4].store().holds(&hash_of(199), &node_id(3)));
    world.restart(4);
    assert!(world.settle(Duration::from_secs(20)).is_some());
    let store = world.nodes[4].store();
    assert!(store.holds(&hash_of(199), &node_id(3)));
    assert!(!store.holds(&hash_of(0), &node_id(0)));
    assert_eq!(store.record(b"key 7").unwrap()[..], [7; 2000]);
}

#[test]
fn a_large_change_is_announced_and_fetched() {
    let mut world = World::new(10, weather(0.1), Settings::default(), 4);
    world.run(Duration::from_secs(1));
    let (key, value) = (Bytes::from("big"), Bytes::from(vec![3; 100_000]));
    world.step(2, Input::Write(Write::Record { key, value }));
    world.run(Duration::from_secs(5));
    let has = |node: &crdt::Gossip| node.store().record(b"big").is_some();
    assert!(world.nodes.iter().all(has));
    assert!(world.tally().pulled > 0);
}

#[test]
fn a_wrong_clock_is_told_and_does_not_win() {
    let mut world = World::new(5, weather(0.0), Settings::default(), 8);
    let facts = |name: &str| {
        Write::Facts(NodeFacts {
            name: name.into(),
            ..NodeFacts::default()
        })
    };
    // Before it heard of anybody, node 0 believes that it is next week.
    world.skew[0] = 7 * 24 * 3_600_000_000;
    world.step(0, Input::Write(facts("early")));
    let (key, value) = (Bytes::from("early"), Bytes::from("v"));
    world.step(0, Input::Write(Write::Record { key, value }));
    let (key, value) = (Bytes::from("k"), Bytes::from("v"));
    world.step(1, Input::Write(Write::Record { key, value }));
    world.run(Duration::from_secs(10));
    assert!(world.skewed > 0);
    // The clocks of the others correct it: it says again what they did not take, and what it writes
    // now is taken.
    for node in &world.nodes {
        let store = node.store();
        assert!(store.record(b"k").is_some() && store.record(b"early").is_some());
        assert_eq!(store.facts(&node_id(0)).unwrap().name, "early");
    }
    let (key, value) = (Bytes::from("from 0"), Bytes::from("v"));
    world.step(0, Input::Write(Write::Record { key, value }));
    world.run(Duration::from_secs(10));
    for node in &world.nodes {
        let store = node.store();
        assert!(store.record(b"from 0").is_some());
        assert_eq!(store.facts(&node_id(0)).unwrap().name, "early");
    }
}

#[test]
fn queues_and_memory_stay_bounded_under_a_flood() {
    let mut world = World::new(7, weather(0.3), Settings::default(), 13);
    world.run(Duration::from_secs(1));
    for i in 0..4000_u64 {
        let writer = i as usize % 7;
        world.step(writer, Input::Write(Write::Hold(hash_of(i % 50))));
        let (hash, node) = (hash_of((i + 7) % 50), node_id(writer));
        world.step(writer, Input::Write(Write::Release { hash, node }));
        let metric = "calls".to_owned();
        world.step(writer, Input::Write(Write::Count { metric, add: 1 }));
        world.run(Duration::from_micros(300));
        let (flights, news, wanted) = world.nodes[writer].queues();
        assert!(flights <= 1024 && news <= 64 && wanted <= 4096);
    }
    world.run(Duration::from_secs(600));
    assert!(world.settle(Duration::from_secs(20)).is_some());
    for node in &world.nodes {
        // At most 50 holds of each of 7 nodes and a count each; no trace of 12,000 events.
        let (live, pieces) = node.store().size();
        assert!(live <= 357 && pieces <= 14, "{live} live, {pieces} pieces");
        assert_eq!(node.store().total("calls"), 4000);
        assert_eq!(node.queues(), (0, 0, 0));
    }
}

#[test]
fn a_removed_node_leaves_nothing() {
    let mut world = spread(5, 0.1, 50, 2);
    let gone = node_id(3);
    let lives = |world: &World| world.nodes[0].store().lives(&gone);
    assert_eq!(lives(&world), 1);
    world.down.insert(3);
    let rest: Vec<_> = (0..5).filter(|i| *i != 3).map(node_id).collect();
    for i in [0, 1, 2, 4] {
        // One after the other: those who still have it must not bring it back.
        world.step(i, Input::Removed(gone));
        world.step(i, Input::Peers(rest.clone()));
        world.run(Duration::from_secs(3));
    }
    for i in [0, 1, 2, 4] {
        let store = world.nodes[i].store();
        assert_eq!(store.lives(&gone), 0);
        assert!(store.placements().all(|(_, node)| node != gone));
    }
    let roots: std::collections::BTreeSet<u64> = [0, 1, 2, 4]
        .iter()
        .map(|i| world.nodes[*i].store().root())
        .collect();
    assert_eq!(roots.len(), 1);
}

#[test]
fn a_seed_is_a_run() {
    let trace = |seed| spread(8, 0.2, 30, seed).trace;
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_quiet_cluster_says_little() {
    let mut world = spread(50, 0.0, 5, 3);
    world.run(Duration::from_secs(30));
    let before = (world.now, world.tally().sent_bytes);
    world.run(Duration::from_secs(60));
    let bytes = world.tally().sent_bytes - before.1;
    // One summary per node and second, and nothing that answers it.
    assert!(bytes < 50 * 60 * 2 * 50, "{bytes} bytes");
    assert_eq!(world.now, before.0 + Duration::from_secs(60));
    assert!(world.now > Time::ZERO);
}
