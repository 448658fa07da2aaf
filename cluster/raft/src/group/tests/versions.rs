//! A program that is older than what the cluster runs at.

use super::world::{World, accept, expect_jobs, node};
use crate::ledger::Command;
use crate::{Fault, ProposeError, Settings, StartError};
use base::JobId;
use std::time::Duration;

const NEXT: u16 = wire::VERSION + 1;
const LEFT_BEHIND: StartError = StartError::Outgrown {
    cluster: NEXT,
    ours: wire::VERSION,
};

/// Three nodes whose programs know the next version's commands; the cluster does not yet.
async fn newer(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.speaks = NEXT;
    world.assemble(3).await;
    world
}

async fn raise(world: &World) {
    let group = world.group(world.leader().await);
    let update = Command::UpdateMember {
        node: node(1),
        address: None,
        serial: None,
        version: Some(NEXT),
    };
    group.propose(update).await.unwrap();
    let raise = Command::RaiseVersion { to: NEXT };
    group.propose(raise).await.unwrap();
}

fn a_follower_of(leader: u8) -> u8 {
    (1..=3).find(|number| *number != leader).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_the_cluster_has_outgrown_stops_where_its_log_says_so() {
    let mut world = newer(Settings::default()).await;
    let away = a_follower_of(world.leader().await);
    world.stop(away).await;
    raise(&world).await;
    world.commit(1).await.unwrap();

    world.speaks = wire::VERSION;
    world.start(away).await;
    let group = world.group(away);
    world.until("the fault", || group.fault().is_some()).await;
    let outgrown = Fault::Outgrown {
        cluster: NEXT,
        ours: wire::VERSION,
    };
    assert_eq!(group.fault(), Some(outgrown));
    assert!(
        !group.state().jobs.all.contains_key(&JobId(1)),
        "nothing after it was applied"
    );
    let refused = group.propose(accept(2)).await;
    assert!(
        matches!(refused, Err(ProposeError::Stopped(_))),
        "{refused:?}"
    );
    let turns = group.turns(Duration::from_secs(30)).await;
    assert!(turns, "its process ends in order, unhurried");
    world.commit(3).await.unwrap();
    assert!(world.aborts.0.lock().unwrap().is_empty(), "no disk failed");
    world.stop(away).await;

    // Its log says so from now on.
    assert_eq!(world.try_start(away).await, Err(LEFT_BEHIND));
    world.speaks = NEXT;
    world.start(away).await;
    world.sound(away).await;
    expect_jobs(&*world.settled().await, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_newer_cluster_is_not_taken_over() {
    let often = Settings {
        snapshot_every: 50,
        keep_behind: 10,
        ..Settings::default()
    };
    let mut world = newer(often).await;
    let leader = world.leader().await;
    let away = a_follower_of(leader);
    world.stop(away).await;
    raise(&world).await;
    for number in 0..400 {
        world.group(leader).propose(accept(number)).await.unwrap();
    }
    let busy = world.group(leader);
    world
        .until("a purge", || busy.inner.metrics().purged.is_some())
        .await;
    let before = world.disks[&node(away)].names();

    world.speaks = wire::VERSION;
    world.start(away).await;
    let group = world.group(away);
    world.until("the fault", || group.fault().is_some()).await;
    assert!(matches!(group.fault(), Some(Fault::Outgrown { .. })));
    assert!(group.state().version < NEXT, "it was refused whole");
    let snapshots = |names: &[String]| {
        let of_one = |name: &&String| name.starts_with("snapshot.");
        names.iter().filter(of_one).count()
    };
    let after = world.disks[&node(away)].names();
    assert_eq!(snapshots(&before), snapshots(&after), "{after:?}");
    world.stop(away).await;

    world.speaks = NEXT;
    world.start(away).await;
    expect_jobs(&*world.settled().await, 0..400);

    // And with the snapshot on its own disk.
    world.stop(away).await;
    let names = world.disks[&node(away)].names();
    assert!(snapshots(&names) > 0, "{names:?}");
    world.speaks = wire::VERSION;
    assert_eq!(world.try_start(away).await, Err(LEFT_BEHIND));
}
