//! Disks that are a hundred times slower than they should be.

use super::world::{World, accept, expect_jobs, node};
use base::NodeId;
use std::time::Duration;
use tokio::time::sleep;

/// Writes through one node, as fast as commits come, for that span.
async fn busy(world: &World, first: u64, span: Duration) {
    let writes = async {
        for number in first.. {
            // Nobody may lead at the moment: then the next one is written.
            world.group(1).submit("test", accept(number)).await.ok();
        }
    };
    tokio::time::timeout(span, writes).await.ok();
}

fn syncs(world: &World, number: u8) -> u64 {
    world.disks[&node(number)].counts().1
}

fn leads(world: &World, number: u8) -> Option<NodeId> {
    world.group(number).view().leader
}

#[tokio::test(start_paused = true)]
async fn the_leadership_leaves_a_disk_that_is_a_hundred_times_slower() {
    let world = World::of(3).await;
    let (slow, before) = (world.leader().await, world.term());
    let written = syncs(&world, slow);
    world.disks[&node(slow)].ram().lag = Duration::from_millis(100);
    busy(&world, 1000, Duration::from_secs(10)).await;
    assert!(syncs(&world, slow) > written, "it was slow at something");
    let new = leads(&world, slow).expect("a leader");
    assert_ne!(new, node(slow));
    let term = world.term();
    assert!(term > before);
    // It stays there, and who follows slowly disturbs nobody.
    busy(&world, 1_000_000, Duration::from_secs(10)).await;
    assert_eq!((leads(&world, slow), world.term()), (Some(new), term));
    world.disks[&node(slow)].ram().lag = Duration::ZERO;
    sleep(Duration::from_secs(1)).await;
    world.commit(1).await.unwrap();
    expect_jobs(&*world.settled().await, [1, 1000, 1_000_000]);
}

#[tokio::test(start_paused = true)]
async fn disks_that_are_all_slow_move_nothing() {
    let world = World::of(3).await;
    let (leader, before) = (world.leader().await, world.term());
    let written = syncs(&world, leader);
    for number in 1..=3 {
        world.disks[&node(number)].ram().lag = Duration::from_millis(20);
    }
    busy(&world, 1000, Duration::from_secs(10)).await;
    assert!(syncs(&world, leader) > written + 100, "it was slow at much");
    assert_eq!((world.leader().await, world.term()), (leader, before));
}
