//! Links that lose, work one way or flap: who leads, and how fast terms grow meanwhile.

use super::world::{World, accept, expect_jobs, node};
use crate::ProposeError;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Kind;

/// Terms above `before` in which somebody led during that span.
async fn reigns(world: &World, before: u64, span: Duration) -> BTreeSet<u64> {
    let end = Instant::now() + span;
    let mut terms = BTreeSet::new();
    while Instant::now() < end {
        let led = world.reigns().into_iter().map(|(term, _)| term);
        terms.extend(led.filter(|term| *term > before));
        sleep(LOOK).await;
    }
    terms
}

/// Who leads besides a node that may believe that it still does.
async fn successor(world: &World, old: u8) -> (u64, u8) {
    let start = Instant::now();
    loop {
        let others = world.reigns().into_iter().filter(|(_, who)| *who != old);
        if let Some(newest) = others.max() {
            return newest;
        }
        assert!(start.elapsed() < PATIENCE, "nobody else leads");
        sleep(LOOK).await;
    }
}

/// Draws of who stands after whom may cost terms that nobody leads; an election has one winner.
#[tokio::test(start_paused = true)]
async fn a_burst_of_loss_costs_one_election_at_most() {
    let world = World::of(3).await;
    let first = world.term();
    let mut elections = 0;
    for (round, burst) in BURSTS.iter().cycle().take(32).enumerate() {
        let leader = world.leader().await;
        let (before, eaten) = (world.term(), world.eaten());
        world.cut_only(|from, to| match round / BURSTS.len() {
            0 => true,
            1 => from == leader || to == leader,
            2 => from == leader,
            _ => to == leader,
        });
        let mut led = reigns(&world, before, Duration::from_millis(*burst)).await;
        assert!(world.eaten() > eaten, "a burst of {burst} ms lost nothing");
        world.cut_only(|_, _| false);
        led.extend(reigns(&world, before, CALM).await);
        assert!(led.len() <= 1, "round {round}, {burst} ms: {led:?}");
        elections += led.len();
        world.commit(round as u64).await.unwrap();
    }
    assert!(elections > 4, "only {elections}: the long ones cost one");
    let terms = world.term() - first;
    assert!(terms <= 2 * 32, "{terms} terms, {elections} elections");
    expect_jobs(&*world.settled().await, 0..32);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hears_nobody_takes_no_command_and_is_replaced_once() {
    check_one_way(|old, _, to| to == old).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_nobody_hears_takes_no_command_and_is_replaced_once() {
    check_one_way(|old, from, _| from == old).await;
}

/// Cuts the leader off in one direction, for long, and joins it again.
async fn check_one_way(cut: fn(u8, u8, u8) -> bool) {
    let world = World::of(3).await;
    world.commit(1).await.unwrap();
    let (old, before, eaten) = (world.leader().await, world.term(), world.eaten());
    world.cut_only(|from, to| cut(old, from, to));
    let (term, new) = successor(&world, old).await;
    assert!(world.eaten() > eaten && term > before);
    let refused = world.group(old).propose(accept(2)).await;
    assert!(
        matches!(
            refused,
            Err(ProposeError::NoQuorum | ProposeError::NotLeader { .. })
        ),
        "a leader without a quorum steps back: {refused:?}"
    );
    while let Err(error) = world.group(new).propose(accept(3)).await {
        assert_eq!(error, ProposeError::NoQuorum, "it was elected just now");
        sleep(LOOK).await;
    }
    let later = reigns(&world, before, LONG).await;
    assert_eq!(later, BTreeSet::from([term]), "one election");
    assert_eq!(world.term(), term, "and nobody stood after it");
    world.cut_only(|_, _| false);
    expect_jobs(&*world.settled().await, [1, 3]);
    assert_eq!(reigns(&world, before, CALM).await, BTreeSet::from([term]));
    assert_eq!(world.group(old).view().leader, Some(node(new)));
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_hears_nobody_raises_no_term() {
    let world = World::of(3).await;
    let (leader, before) = (world.leader().await, world.term());
    let deaf = (1..=3).find(|number| *number != leader).unwrap();
    let (eaten, asked) = (world.eaten(), world.sent(Kind::RaftPreVote));
    world.cut_only(|_, to| to == deaf);
    sleep(LONG).await;
    assert!(world.eaten() > eaten);
    assert!(world.sent(Kind::RaftPreVote) > asked, "it wants to stand");
    assert_eq!(world.term(), before, "and nobody would vote for it");
    world.commit(1).await.unwrap();
    world.cut_only(|_, _| false);
    expect_jobs(&*world.settled().await, [1]);
    assert_eq!((world.leader().await, world.term()), (leader, before));
}

#[tokio::test(start_paused = true)]
async fn terms_grow_slowly_while_a_link_of_the_leader_flaps() {
    check_flapping(|ends, (from, to)| ends == (from, to) || ends == (to, from)).await;
}

#[tokio::test(start_paused = true)]
async fn terms_grow_slowly_while_all_links_of_a_leader_flap() {
    check_flapping(|(leader, _), (from, to)| from == leader || to == leader).await;
}

/// For a minute links of who led first come and go, for shorter and longer than an election takes.
/// What is cut is asked with that node and another one, and with a direction.
async fn check_flapping(cut: fn((u8, u8), (u8, u8)) -> bool) {
    let world = World::of(3).await;
    let (leader, before) = (world.leader().await, world.term());
    let other = (1..=3).find(|number| *number != leader).unwrap();
    let start = Instant::now();
    let pauses = DOWN.iter().cycle().zip(UP.iter().cycle());
    for (down, up) in pauses.take_while(|_| start.elapsed() < MINUTE) {
        let eaten = world.eaten();
        world.cut_only(|from, to| cut((leader, other), (from, to)));
        sleep(Duration::from_millis(*down)).await;
        assert!(world.eaten() > eaten, "{down} ms lost nothing");
        world.cut_only(|_, _| false);
        sleep(Duration::from_millis(*up)).await;
    }
    assert!(start.elapsed() >= MINUTE);
    let terms = world.term() - before;
    assert!(terms <= 6, "{terms} terms in a minute");
    world.commit(1).await.unwrap();
    expect_jobs(&*world.settled().await, [1]);
}

/// Lengths in milliseconds: below, around and above what an election takes.
const BURSTS: [u64; 8] = [100, 200, 300, 450, 600, 900, 1300, 2000];
const DOWN: [u64; 5] = [100, 350, 700, 200, 500];
const UP: [u64; 4] = [150, 400, 90, 600];
const LOOK: Duration = Duration::from_millis(5);
/// For an election, a returning node and what it missed.
const CALM: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(30);
