//! Blobs between real nodes: a version's bytes outlive their first holder, one that cannot be
//! copied is not entered, rot is mended from another node.

use crate::lab::{Machine, token, until};
use bytes::Bytes;
use cluster::{BlobError, NewBlobVersion, Node, NodeEvent, PublishError};
use futures::stream;
use raft::ledger::{Command, Model};
use std::collections::BTreeMap;
use std::time::Duration;

/// Not a multiple of a chunk.
fn weights(seed: u8) -> Vec<u8> {
    (0..3_300_001_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed)
        .collect()
}

async fn put(node: &Node, bytes: &[u8]) -> cluster::Blob {
    let pieces = bytes.chunks(100_000).map(Bytes::copy_from_slice);
    let pieces: Vec<Result<Bytes, String>> = pieces.map(Ok).collect();
    let put = node.put_blob(stream::iter(pieces)).await;
    put.expect("it is on the disk")
}

fn version(blob: cluster::Blob, parent: Option<u32>) -> NewBlobVersion {
    NewBlobVersion {
        name: "adapter".to_owned(),
        parent,
        hash: blob.hash,
        metrics: BTreeMap::new(),
    }
}

fn serving(node: &Node) -> Option<u32> {
    let state = node.state();
    let model = state.models.0.get("adapter");
    model.and_then(Model::current).map(|(version, _)| version)
}

#[tokio::test]
async fn the_bytes_outlive_their_first_holder() {
    let machines = [1, 2, 3].map(|n| Machine::new(&format!("n{n}")));
    let founder = machines[0].founder().await;
    let token = token(&founder, 2, DAY).await;
    let second = machines[1].joiner(&token).await;
    let third = machines[2].joiner(&token).await;
    let nodes = [&founder, &second, &third];
    until("all three see each other", || {
        nodes.iter().all(|node| {
            let view = node.membership();
            view.peers.iter().filter(|p| p.liveness.is_active()).count() == 2
        })
    })
    .await;
    let (old, new) = (weights(1), weights(2));
    let mut last = None;
    for bytes in [&old, &new] {
        let blob = put(&second, bytes).await;
        let made = second.publish("test", version(blob, last), PATIENCE);
        let made = made.await.unwrap();
        assert_eq!(made.holders.len(), 2, "{made:?}");
        assert_eq!(made.holders[0], second.id());
        for (machine, node) in machines.iter().zip(nodes) {
            let file = machine.path().join("blobs").join(blob.hash.to_string());
            let holds = made.holders.contains(&node.id());
            assert_eq!(file.exists(), holds, "{}", machine.name);
        }
        last = Some(made.version);
        let name = "adapter".to_owned();
        let promote = Command::Promote {
            name,
            version: made.version,
        };
        founder.submit("test", promote).await.unwrap();
    }
    second.stop().await;
    let rollback = Command::Rollback {
        name: "adapter".to_owned(),
        to: None,
    };
    founder.submit("test", rollback).await.unwrap();
    assert_eq!(serving(&founder), Some(1), "the parent serves at once");
    let hash = founder.state().models.0["adapter"].versions[&1].hash;
    for node in [&founder, &third] {
        assert!(node.read_blob(hash).await.unwrap() == old, "the same bytes");
    }
    third.stop().await;
    founder.stop().await;
}

#[tokio::test]
async fn a_version_that_nobody_else_can_hold_is_not_entered() {
    let machines = [1, 2].map(|n| Machine::new(&format!("n{n}")));
    let founder = machines[0].founder().await;
    let alone = put(&founder, b"one member, one copy").await;
    let made = founder.publish("test", version(alone, None), PATIENCE);
    assert_eq!(made.await.unwrap().holders, [founder.id()]);
    let token = token(&founder, 1, DAY).await;
    let second = machines[1].joiner(&token).await;
    second.stop().await;
    let blob = put(&founder, b"two members, one of them down").await;
    let refused = founder.publish("test", version(blob, None), PATIENCE).await;
    let Err(PublishError::FewHolders {
        need,
        holders,
        failed,
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((need, holders), (2, vec!["n1".to_owned()]));
    assert_eq!(failed[0].0, second.id());
    assert_eq!(founder.state().models.0["adapter"].versions.len(), 1);
    founder.stop().await;
}

#[tokio::test]
async fn a_rotten_copy_is_put_aside_and_fetched_again() {
    let machines = [1, 2].map(|n| Machine::new(&format!("n{n}")));
    let founder = machines[0].founder().await;
    let token = token(&founder, 1, DAY).await;
    let second = machines[1].joiner(&token).await;
    let bytes = weights(3);
    let blob = put(&founder, &bytes).await;
    let made = founder.publish("test", version(blob, None), PATIENCE);
    assert_eq!(made.await.unwrap().holders.len(), 2);
    let name = blob.hash.to_string();
    let file = machines[0].path().join("blobs").join(&name);
    let mut rotten = bytes.clone();
    rotten[1_234_567] ^= 0x10;
    std::fs::write(&file, rotten).unwrap();
    assert!(founder.read_blob(blob.hash).await.unwrap() == bytes);
    let damaged = |event: &NodeEvent| matches!(event, NodeEvent::BlobDamaged { .. });
    assert!(machines[0].diary.saw(damaged));
    assert!(std::fs::read(&file).unwrap() == bytes, "mended");
    let nowhere = founder.fetch_blob(base::ContentHash([9; 32])).await;
    assert!(
        matches!(nowhere, Err(BlobError::Nowhere { .. })),
        "{nowhere:?}"
    );
    second.stop().await;
    founder.stop().await;
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(60);
