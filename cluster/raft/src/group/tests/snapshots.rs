//! A follower that was away too long gets a snapshot, proved before it replaces anything.

use super::world::{World, accept, expect_jobs, node};
use crate::Settings;
use crate::net::{Piece, PieceReply};
use crate::snapshot::Image;
use crate::types::Ballot;
use base::{PeerRole, PeerRoles};
use bytes::Bytes;
use std::sync::Arc;

fn often() -> Settings {
    Settings {
        snapshot_every: 50,
        keep_behind: 10,
        ..Settings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_installs_a_snapshot() {
    let mut world = World::with(3, often()).await;
    let leader = world.leader().await;
    let away = (1..=3).find(|number| *number != leader).unwrap();
    world.stop(away).await;
    for number in 0..400 {
        world.group(leader).propose(accept(number)).await.unwrap();
    }
    // A log that a follower may still read is purged when the follower was found to be away.
    let busy = world.group(leader);
    world
        .until("a purge", || busy.inner.metrics().purged.is_some())
        .await;
    let before = world
        .wires
        .lock()
        .unwrap()
        .sent
        .get(&19)
        .copied()
        .unwrap_or(0);
    world.start(away).await;
    let state = world.settled().await;
    expect_jobs(&state, 0..400);
    let after = world
        .wires
        .lock()
        .unwrap()
        .sent
        .get(&19)
        .copied()
        .unwrap_or(0);
    assert!(after > before, "the log alone did not reach back");
    assert!(
        !state.snapshots.is_empty(),
        "a snapshot's hash was committed"
    );
    // And it starts again from what it installed.
    world.crash(away).await;
    world.start(away).await;
    expect_jobs(&*world.settled().await, 0..400);
}

#[tokio::test(start_paused = true)]
async fn everything_comes_back_from_snapshot_and_log() {
    let mut world = World::with(3, often()).await;
    for number in 0..230 {
        world.commit(number).await.unwrap();
    }
    let before = world.settled().await;
    for number in 1..=3 {
        world.crash(number).await;
        let names = world.disks[&node(number)].names();
        let kept = names
            .iter()
            .filter(|name| name.starts_with("snapshot."))
            .count();
        assert_eq!(kept, 2, "{names:?}");
        world.start(number).await;
    }
    let after = world.settled().await;
    assert_eq!(before.jobs, after.jobs);
}

#[tokio::test(start_paused = true)]
async fn with_its_newest_snapshot_damaged_a_node_starts_from_the_older() {
    let mut world = World::with(3, often()).await;
    for number in 0..230 {
        world.commit(number).await.unwrap();
    }
    world.settled().await;
    let follower = (1..=3).find(|number| *number != 1).unwrap();
    world.stop(follower).await;
    let disk = world.disks[&node(follower)].clone();
    let newest = disk
        .names()
        .into_iter()
        .rfind(|name| name.starts_with("snapshot."))
        .unwrap();
    let mut bytes = disk.bytes(&newest).unwrap();
    bytes[40] ^= 4;
    disk.overwrite(&newest, bytes);
    world.start(follower).await;
    world.sound(follower).await;
    expect_jobs(&*world.settled().await, 0..230);
}

#[tokio::test(start_paused = true)]
async fn a_garbled_snapshot_replaces_nothing() {
    let world = World::of(3).await;
    world.commit(1).await.unwrap();
    let state = world.settled().await;
    let group = world.group(2);
    let image = Image::of(Arc::default()).unwrap();
    let mut bytes = image.bytes.to_vec();
    bytes[20] ^= 1;
    let piece = Piece {
        from: node(1),
        ballot: Ballot {
            term: 99,
            node: node(1),
            committed: true,
        },
        hash: image.hash.0,
        total: bytes.len() as u64,
        offset: 0,
        bytes: Bytes::from(bytes),
    };
    let frame = wire::encode(wire::Kind::RaftSnapshot, &piece).unwrap();
    let voter = PeerRoles::of(&[PeerRole::Voter]);
    let reply = group
        .handle(node(1), voter, wire::open_bytes(&frame).unwrap())
        .await
        .unwrap();
    let reply: PieceReply = wire::open_bytes(&reply).unwrap().body().unwrap();
    assert!(matches!(reply, PieceReply::Refused(_)), "{reply:?}");
    assert_eq!(group.state().hash(), state.hash());
}
