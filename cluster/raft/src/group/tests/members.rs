//! Who votes changes by one at a time, and never to a worse quorum unseen.

use super::world::{World, accept, expect_jobs, node};
use crate::ChangeError;
use crate::net::Ask;
use base::{PeerRole, PeerRoles};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn three_become_five_and_three_again_under_load() {
    let mut world = World::of(3).await;
    let mut next = 0;
    for number in [4, 5] {
        world.start(number).await;
        let leader = world.group(world.leader().await);
        leader.add_learner(node(number)).await.unwrap();
        leader.add_learner(node(number)).await.unwrap();
        leader.propose(accept(next)).await.unwrap();
        next += 1;
        leader.promote(node(number)).await.unwrap();
    }
    let leader = world.leader().await;
    assert_eq!(world.group(leader).peers().voters.len(), 5);
    let gone: Vec<u8> = (1..=5).filter(|number| *number != leader).take(2).collect();
    world.group(leader).demote(node(gone[0])).await.unwrap();
    assert!(
        world
            .group(leader)
            .peers()
            .learners
            .contains(&node(gone[0]))
    );
    world.group(leader).remove(node(gone[0])).await.unwrap();
    world.group(leader).remove(node(gone[1])).await.unwrap();
    world.commit(next).await.unwrap();
    let peers = world.group(leader).peers();
    assert_eq!((peers.voters.len(), peers.learners.len()), (3, 0));
    for number in gone {
        world.stop(number).await;
    }
    expect_jobs(&*world.settled().await, 0..=next);
}

#[tokio::test(start_paused = true)]
async fn a_learner_that_is_behind_is_not_promoted() {
    let mut world = World::of(3).await;
    world.settings.change = Duration::from_secs(2);
    let leader = world.leader().await;
    let group = world.group(leader);
    assert_eq!(
        group.promote(node(9)).await,
        Err(ChangeError::UnknownNode { node: node(9) })
    );
    // Never started: it acknowledges nothing.
    group.add_learner(node(4)).await.unwrap();
    let refused = group.promote(node(4)).await;
    assert!(
        matches!(refused, Err(ChangeError::NotCaughtUp { .. })),
        "{refused:?}"
    );
    assert_eq!(group.peers().voters.len(), 3);
    group.remove(node(4)).await.unwrap();
    assert!(group.peers().learners.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_last_voter_and_the_leader_stay() {
    let world = World::of(1).await;
    let last = Err(ChangeError::LastVoter { node: node(1) });
    assert_eq!(world.group(1).remove(node(1)).await, last);
    assert_eq!(world.group(1).initialize().await, Err(ChangeError::Exists));
    let world = World::of(3).await;
    let leader = world.leader().await;
    let leading = Err(ChangeError::Leading { node: node(leader) });
    assert_eq!(world.group(leader).demote(node(leader)).await, leading);
    let follower = (1..=3).find(|number| *number != leader).unwrap();
    let elsewhere = world.group(follower).remove(node(leader)).await;
    assert_eq!(
        elsewhere,
        Err(ChangeError::NotLeader {
            leader: Some(node(leader))
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_speaks_only_for_itself_and_within_its_role() {
    let world = World::of(3).await;
    let group = world.group(world.leader().await);
    let worker = PeerRoles::of(&[PeerRole::Worker]);
    let frame =
        |body: &Ask| wire::open_bytes(&wire::encode(wire::Kind::Read, body).unwrap()).unwrap();
    let lie = frame(&Ask::MyWord { node: node(2) });
    assert!(group.handle(node(3), worker, lie).await.is_err());
    let command = crate::ledger::Command::RaiseVersion { to: 1 };
    let propose = crate::net::Propose {
        by: "worker".into(),
        command,
    };
    let frame = wire::encode(wire::Kind::Propose, &propose).unwrap();
    let reply = group
        .handle(node(9), worker, wire::open_bytes(&frame).unwrap())
        .await
        .unwrap();
    let reply: crate::net::ProposeReply = wire::open_bytes(&reply).unwrap().body().unwrap();
    assert_eq!(reply, Err(crate::ProposeError::Forbidden));
    let status = wire::encode(wire::Kind::Status, &()).unwrap();
    let status = wire::open_bytes(&status).unwrap();
    assert!(
        group.handle(node(9), worker, status).await.is_err(),
        "not this group's kind"
    );
}
