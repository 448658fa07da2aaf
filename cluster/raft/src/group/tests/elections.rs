//! Leaders come and go; what was acknowledged stays, and reads are never old.

use super::world::{World, accept, expect_jobs, node};
use crate::{ProposeError, ReadError};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn three_nodes_agree() {
    let world = World::of(3).await;
    for number in 0..50 {
        world.commit(number).await.unwrap();
    }
    let state = world.settled().await;
    expect_jobs(&state, 0..50);
    let leader = world.leader().await;
    let view = world.group(leader).view();
    assert_eq!(view.voters.len(), 3);
    assert_eq!(view.margin, Some(1));
    assert!(view.lag.values().all(|lag| lag.heard), "{view:?}");
    assert_eq!(view.fault, None);
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_replaced_within_a_second_and_comes_back() {
    let mut world = World::of(3).await;
    for round in 0..3_u64 {
        let base = round * 100;
        for number in base..base + 20 {
            world.commit(number).await.unwrap();
        }
        let old = world.leader().await;
        world.crash(old).await;
        let start = Instant::now();
        let new = world.leader().await;
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "took {:?}",
            start.elapsed()
        );
        assert_ne!(new, old);
        world.commit(base + 50).await.unwrap();
        world.start(old).await;
        world.sound(old).await;
        let state = world.settled().await;
        expect_jobs(&state, (base..base + 20).chain([base + 50]));
    }
}

#[tokio::test(start_paused = true)]
async fn five_nodes_lose_two_and_go_on_and_a_third_and_stop() {
    let mut world = World::of(5).await;
    world.commit(1).await.unwrap();
    world.crash(4).await;
    world.crash(5).await;
    world.commit(2).await.unwrap();
    let leader = world.leader().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.group(leader).view().margin, Some(0));
    let third = (1..=3).find(|number| *number != leader).unwrap();
    world.crash(third).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let refused = world.group(leader).propose(accept(3)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            ProposeError::NoQuorum | ProposeError::NotLeader { .. }
        ),
        "{refused:?}"
    );
    world.start(third).await;
    world.commit(4).await.unwrap();
    expect_jobs(&*world.settled().await, [1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_isolated_leader_neither_commits_nor_reads() {
    let world = World::of(3).await;
    world.commit(1).await.unwrap();
    let old = world.leader().await;
    world.isolate(old, true);
    let caught = world.group(old);
    let late = tokio::spawn(async move { caught.propose(accept(2)).await });
    let read = world.group(old).inner.barrier().await;
    assert!(
        matches!(read, Err(ReadError::NoQuorum | ReadError::NotLeader { .. })),
        "{read:?}"
    );
    let new = loop {
        let new = (1..=3).find(|number| {
            *number != old && world.group(*number).view().leader == Some(node(*number))
        });
        match new {
            Some(new) => break new,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    // A leader that was elected just now may not have heard from a majority yet: nothing was
    // proposed then.
    while let Err(error) = world.group(new).propose(accept(3)).await {
        assert_eq!(error, ProposeError::NoQuorum);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stale = world.group(old).state();
    assert!(
        !stale.jobs.all.contains_key(&base::JobId(3)),
        "the old leader cannot know"
    );
    let told = late.await.unwrap();
    assert!(
        matches!(told, Err(ProposeError::Unknown | ProposeError::NoQuorum)),
        "not acknowledged: {told:?}"
    );
    world.isolate(old, false);
    expect_jobs(&*world.settled().await, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_read_through_any_node_sees_what_was_committed_before_it() {
    let world = World::of(3).await;
    for number in 0..30 {
        let writer = world.group(u8::try_from(number % 3 + 1).unwrap());
        writer.submit("test", accept(number)).await.unwrap();
        let reader = world.group(u8::try_from((number + 1) % 3 + 1).unwrap());
        let point = reader.read_barrier().await.unwrap();
        let state = reader.state();
        expect_jobs(&state, 0..=number);
        assert!(state.applied.unwrap().index >= point.applied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_returning_node_does_not_disturb_a_living_leader() {
    let world = World::of(3).await;
    let leader = world.leader().await;
    let away = (1..=3).find(|number| *number != leader).unwrap();
    let term = world.group(leader).view().term;
    world.isolate(away, true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.isolate(away, false);
    world.commit(1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.leader().await, leader);
    assert_eq!(
        world.group(leader).view().term,
        term,
        "pre-vote kept the term"
    );
}

#[tokio::test(start_paused = true)]
async fn everybody_loses_power_and_nothing_acknowledged_is_lost() {
    let mut world = World::of(3).await;
    for number in 0..100 {
        world.commit(number).await.unwrap();
    }
    for number in 1..=3 {
        world.crash(number).await;
    }
    for number in 1..=3 {
        world.start(number).await;
    }
    world.commit(100).await.unwrap();
    expect_jobs(&*world.settled().await, 0..=100);
}

#[tokio::test(start_paused = true)]
async fn the_leadership_is_handed_over() {
    let world = World::of(3).await;
    let old = world.leader().await;
    let to = (1..=3).find(|number| *number != old).unwrap();
    let start = Instant::now();
    assert_eq!(
        world.group(old).transfer(Some(node(to))).await,
        Ok(node(to))
    );
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(world.leader().await, to);
    world.commit(1).await.unwrap();
    assert!(
        world.group(old).transfer(None).await.is_err(),
        "it leads no more"
    );
}

/// A real runtime: the loop hangs on a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_hangs_takes_no_turn() {
    let world = World::of(1).await;
    let group = world.group(1);
    assert!(group.turns(Duration::from_secs(30)).await);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hang = group.inner.raft.external_request(move |_| {
        // Ends when the test lets go.
        held.recv().ok();
    });
    hang.await.unwrap();
    assert!(!group.turns(Duration::from_millis(50)).await);
    drop(release);
    assert!(group.turns(Duration::from_secs(30)).await);
    group.shutdown().await;
    let after = group.turns(Duration::from_secs(30)).await;
    assert!(after, "a loop that was ended does not hang");
}
