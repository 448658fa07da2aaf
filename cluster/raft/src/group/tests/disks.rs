//! Disks that were wiped, set back, damaged, filled or that fail: named, and never believed.

use super::world::{World, accept, expect_jobs, node};
use crate::disk::tests::RamDisk;
use crate::{ChangeError, Fault, ProposeError, Standing, StartError};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_wiped_node_is_refused_under_its_old_id() {
    let mut world = World::of(3).await;
    world.commit(1).await.unwrap();
    world.settled().await;
    let leader = world.leader().await;
    let wiped = (1..=3).find(|number| *number != leader).unwrap();
    world.stop(wiped).await;
    world.disks.insert(node(wiped), RamDisk::default());
    world.start(wiped).await;
    let group = world.group(wiped);
    world.until("the fault", || group.fault().is_some()).await;
    assert!(matches!(
        group.fault(),
        Some(Fault::RolledBack { have: None, .. })
    ));
    world.commit(2).await.unwrap();
    assert!(group.propose(accept(3)).await.is_err());
    assert_eq!(group.state().applied, None, "it was given nothing");
}

#[tokio::test(start_paused = true)]
async fn a_wiped_node_is_refused_by_a_leader_that_never_heard_from_it() {
    let mut world = World::of(3).await;
    world.commit(1).await.unwrap();
    world.settled().await;
    let old = world.leader().await;
    let wiped = (1..=3).find(|number| *number != old).unwrap();
    let third = 6 - old - wiped;
    world.stop(wiped).await;
    world.group(old).transfer(Some(node(third))).await.unwrap();
    world.disks.insert(node(wiped), RamDisk::default());
    world.start(wiped).await;
    let group = world.group(wiped);
    world.until("the fault", || group.fault().is_some()).await;
    assert!(matches!(
        group.fault(),
        Some(Fault::RolledBack { have: None, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn an_old_image_of_the_disk_is_found() {
    let mut world = World::of(3).await;
    world.commit(1).await.unwrap();
    world.settled().await;
    let leader = world.leader().await;
    let back = (1..=3).find(|number| *number != leader).unwrap();
    let image = world.disks[&node(back)].image();
    for number in 2..20 {
        world.commit(number).await.unwrap();
    }
    world.settled().await;
    // So that the leader's word covers what was acknowledged last.
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.stop(back).await;
    world.disks.insert(node(back), image);
    world.start(back).await;
    let group = world.group(back);
    world.until("the fault", || group.fault().is_some()).await;
    assert!(matches!(
        group.fault(),
        Some(Fault::RolledBack { have: Some(_), .. })
    ));
    assert_ne!(group.standing(), Standing::Sound, "its vote never counted");
}

/// Flips a bit in the middle of the first segment.
fn damage(disk: &RamDisk) {
    let name = disk
        .names()
        .into_iter()
        .find(|name| name.starts_with("log."))
        .unwrap();
    let mut bytes = disk.bytes(&name).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    disk.overwrite(&name, bytes);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_log_is_repaired_from_peers_and_has_no_vote_meanwhile() {
    let mut world = World::of(3).await;
    for number in 0..50 {
        world.commit(number).await.unwrap();
    }
    world.settled().await;
    let leader = world.leader().await;
    let hurt = (1..=3).find(|number| *number != leader).unwrap();
    let third = 6 - leader - hurt;
    world.stop(hurt).await;
    damage(&world.disks[&node(hurt)]);
    // Alone with it, the third must not become leader: its vote does not count.
    world.stop(leader).await;
    world.start(hurt).await;
    assert_eq!(world.group(hurt).standing(), Standing::Repairing);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.group(hurt).standing(), Standing::Repairing);
    assert_ne!(
        world.group(third).view().leader,
        Some(node(third)),
        "a vote was lent"
    );
    // With the others back it is made whole, and counts again.
    world.start(leader).await;
    world.sound(hurt).await;
    expect_jobs(&*world.settled().await, 0..50);
    world.stop(leader).await;
    world.commit(50).await.unwrap();
    expect_jobs(&*world.settled().await, 0..=50);
    let names = world.disks[&node(hurt)].names();
    assert!(
        names.iter().any(|name| name.starts_with("damaged.log.")),
        "{names:?}"
    );
    assert!(!names.contains(&"repair".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_repair_goes_on_after_another_crash() {
    let mut world = World::of(3).await;
    for number in 0..50 {
        world.commit(number).await.unwrap();
    }
    world.settled().await;
    let leader = world.leader().await;
    let hurt = (1..=3).find(|number| *number != leader).unwrap();
    world.stop(hurt).await;
    damage(&world.disks[&node(hurt)]);
    world.start(hurt).await;
    world.crash(hurt).await;
    world.start(hurt).await;
    assert_eq!(world.group(hurt).standing(), Standing::Repairing);
    world.sound(hurt).await;
    expect_jobs(&*world.settled().await, 0..50);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_log_without_peers_is_an_error_and_stays_as_it_is() {
    let mut world = World::of(1).await;
    for number in 0..20 {
        world.commit(number).await.unwrap();
    }
    world.stop(1).await;
    damage(&world.disks[&node(1)]);
    let before = world.disks[&node(1)].names();
    let refused = world.try_start(1).await;
    assert!(
        matches!(refused, Err(StartError::Damaged(_))),
        "{refused:?}"
    );
    assert_eq!(world.disks[&node(1)].names(), before);
}

#[tokio::test(start_paused = true)]
async fn a_failing_fsync_aborts_and_acknowledges_nothing() {
    let world = World::of(3).await;
    world.commit(1).await.unwrap();
    let leader = world.leader().await;
    let follower = (1..=3).find(|number| *number != leader).unwrap();
    world.disks[&node(follower)].ram().failing_sync = true;
    world.commit(2).await.unwrap();
    let aborts = world.aborts.0.clone();
    world
        .until("the abort", || !aborts.lock().unwrap().is_empty())
        .await;
    assert!(matches!(aborts.lock().unwrap()[0], Fault::Disk(_)));
    let third = 6 - leader - follower;
    world.disks[&node(third)].ram().failing_sync = true;
    let told = world.group(leader).propose(accept(3)).await;
    assert!(told.is_err(), "one node of three has it: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_makes_a_node_read_only_and_the_leadership_moves() {
    let world = World::of(3).await;
    world.commit(1).await.unwrap();
    let leader = world.leader().await;
    world.disks[&node(leader)].ram().room = Some(10);
    // Already under way when the disk is full: it is ended with what was kept in reserve.
    world.group(leader).propose(accept(2)).await.unwrap();
    let group = world.group(leader);
    world.until("read-only", || group.view().full).await;
    assert_eq!(group.propose(accept(3)).await, Err(ProposeError::DiskFull));
    world
        .until("another leader", || {
            group.view().leader != Some(node(leader))
        })
        .await;
    assert!(world.aborts.0.lock().unwrap().is_empty());
    world.commit(4).await.unwrap();
    // With room again, it is as before.
    world.disks[&node(leader)].ram().room = None;
    world.commit(5).await.unwrap();
    world.until("room", || !group.view().full).await;
    expect_jobs(&*world.settled().await, [1, 2, 4, 5]);
}

/// Lets an entry fill the disks of these, one after the other.
async fn fill(world: &World, numbers: impl IntoIterator<Item = u8>) {
    for number in numbers {
        world.disks[&node(number)].ram().room = Some(10);
        world.commit(number.into()).await.unwrap();
        let group = world.group(number);
        world.until("a full disk", || group.view().full).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_with_a_full_disk_passes_over_who_has_none_left_either() {
    let world = World::of(3).await;
    let leader = world.leader().await;
    // Of two that are as far, it would be asked first.
    let full = (1..=3).find(|number| *number != leader).unwrap();
    let roomy = 6 - leader - full;
    fill(&world, [full]).await;
    let (old, term) = (world.group(leader), world.term());
    assert!(!old.inner.would_lead(node(full)).await);
    assert!(old.inner.would_lead(node(roomy)).await);
    assert_eq!((world.leader().await, world.term()), (leader, term));

    fill(&world, [leader]).await;
    let moved = || old.view().leader.is_some_and(|now| now != node(leader));
    world.until("another leader", moved).await;
    assert_eq!(old.view().leader, Some(node(roomy)), "it was asked first");
    world.commit(10).await.unwrap();
    expect_jobs(&*world.settled().await, [full.into(), leader.into(), 10]);
    assert!(world.group(full).view().full);

    // The same where a person asks for it.
    world.disks[&node(leader)].ram().room = None;
    world.until("room", || !old.view().full).await;
    let handed = world.group(roomy).transfer(None).await;
    assert_eq!(handed, Ok(node(leader)));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_is_full_as_all_others_are_goes_on_answering() {
    let world = World::of(3).await;
    let leader = world.leader().await;
    let others = (1..=3).filter(|number| *number != leader);
    fill(&world, others).await;
    let term = world.term();
    fill(&world, [leader]).await;
    let group = world.group(leader);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        group.read_barrier().await.unwrap();
    }
    assert_eq!((world.leader().await, world.term()), (leader, term));
    assert_eq!(group.transfer(None).await, Err(ChangeError::NoHeir));
    assert_eq!(group.propose(accept(9)).await, Err(ProposeError::DiskFull));
    for number in 1..=3 {
        world.disks[&node(number)].ram().room = None;
    }
    world.until("room", || !group.view().full).await;
    world.commit(10).await.unwrap();
    expect_jobs(&*world.settled().await, [1, 2, 3, 10]);
}
