//! Stories of links: up, down, both at once, again, renewed, revoked, ended.

use super::world::{DAY, Node, TTL, VOTER, World, is_down, is_up};
use crate::{
    CallError, CertificateRefusal, DialError, DownReason, LinkEvent, Revocations, WallClock,
};
use base::NodeId;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

fn reason(event: &LinkEvent) -> DownReason {
    match event {
        LinkEvent::Down { reason, .. } => reason.clone(),
        LinkEvent::Up { .. } => panic!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn two_nodes_link_and_know_their_path() {
    let world = World::new();
    let (one, two) = world.pair().await;
    assert_eq!(one.echo(two.id(), b"hello").await.unwrap(), "hello");
    assert_eq!(two.echo(one.id(), b"back").await.unwrap(), "back");
    let [facts] = &one.endpoint.links()[..] else {
        panic!("one link")
    };
    assert_eq!(
        (facts.peer, facts.addr, facts.roles),
        (two.id(), two.addr, VOTER)
    );
    assert!(facts.dialled && facts.sent > 0 && facts.lost == 0);
    assert!(facts.datagram_max > 1100 && facts.mtu >= 1200);
    assert_eq!(facts.certified_until, world.calendar.unix() + DAY);
    assert_eq!(facts.issuer_until, world.authority.issuer_until());
    let [facts] = &two.endpoint.links()[..] else {
        panic!("one link")
    };
    assert!(!facts.dialled && facts.peer == one.id());
    let caller = &two.diary.calls.lock().unwrap()[0].0;
    assert_eq!(caller.node, Some(one.id()));
    assert_eq!(caller.serial, Some(one.identity.certificate().serial));
}

#[tokio::test(start_paused = true)]
async fn of_two_dials_at_once_the_lower_ones_survives() {
    let mut world = World::new();
    world.settings.courtesy = Duration::ZERO;
    // So slow that neither sees the other's dial before its own is out.
    world.hub.throttle(super::hub::Rate {
        bytes_per_second: 1 << 30,
        delay: Duration::from_millis(20),
        queue: Duration::from_secs(1),
    });
    let (one, two) = (world.voter(1), world.voter(2));
    one.knows(&two);
    two.knows(&one);
    one.endpoint.reach(two.id(), TTL).await.unwrap();
    two.endpoint.reach(one.id(), TTL).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(
        (one.all_links().len(), two.all_links().len()),
        (2, 2),
        "both came up"
    );
    assert!(one.endpoint.links()[0].dialled && !two.endpoint.links()[0].dialled);
    sleep(Duration::from_secs(8)).await;
    assert_eq!(one.all_links(), [(two.id(), true)]);
    assert_eq!(two.all_links(), [(one.id(), false)]);
    let replaced = |node: &Node| node.endpoint.metrics().links_replaced;
    assert!(replaced(&one) + replaced(&two) >= 1);
    // Nobody was told of a loss, since there was none.
    assert!(
        !one.diary
            .events
            .borrow()
            .iter()
            .any(|event| is_down(event, two.id()))
    );
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_down_after_the_idle_time_and_found_again() {
    let world = World::new();
    let (one, two) = world.pair().await;
    world.hub.cut(one.addr, two.addr);
    let cut = Instant::now();
    let down = one.diary.event(|event| is_down(event, two.id())).await;
    assert_eq!(reason(&down), DownReason::Silent);
    assert!(
        cut.elapsed() <= world.settings.idle + Duration::from_secs(1),
        "{:?}",
        cut.elapsed()
    );
    let lost = one.echo(two.id(), b"x").await.unwrap_err();
    assert!(matches!(lost, CallError::Unreachable { .. }), "{lost}");
    assert!(world.hub.lost() > 0);
    sleep(Duration::from_secs(20)).await;
    world.hub.heal();
    let healed = Instant::now();
    while one.endpoint.links().is_empty() {
        sleep(Duration::from_millis(50)).await;
    }
    let most = world.settings.redial_most + world.settings.handshake;
    assert!(healed.elapsed() <= most, "{:?}", healed.elapsed());
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_path_of_one_direction_is_no_link() {
    let world = World::new();
    let (one, two) = world.pair().await;
    world.hub.cut_one_way(two.addr, one.addr);
    one.diary.event(|event| is_down(event, two.id())).await;
    two.diary.event(|event| is_down(event, one.id())).await;
    assert!(one.endpoint.links().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_peer_tells_so_at_once() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let Node {
        endpoint,
        identity,
        addr,
        ..
    } = two;
    // As `kill -9`: nothing of the old process is heard any more.
    let there = endpoint.node();
    world.hub.cut(one.addr, addr);
    drop(endpoint);
    sleep(Duration::from_millis(300)).await;
    world.hub.heal();
    let two = world.start(identity, addr);
    let back = Instant::now();
    let down = one.diary.event(|event| is_down(event, there)).await;
    assert_eq!(reason(&down), DownReason::Restarted);
    assert!(back.elapsed() <= world.settings.keep_alive + Duration::from_millis(300));
    assert_eq!(one.echo(two.id(), b"again").await.unwrap(), "again");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_leaves_says_so() {
    let world = World::new();
    let (one, two) = world.pair().await;
    two.endpoint.close().await;
    let down = one.diary.event(|event| is_down(event, two.id())).await;
    assert_eq!(reason(&down), DownReason::Left);
    assert_eq!(two.echo(one.id(), b"x").await, Err(CallError::Closed));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_leaves_no_task_behind() {
    let world = World::new();
    let before = Handle::current().metrics().num_alive_tasks();
    let (one, two) = world.pair().await;
    assert!(Handle::current().metrics().num_alive_tasks() > before);
    let other_handle = one.endpoint.clone();
    drop(one);
    assert_eq!(other_handle.links().len(), 1);
    drop(other_handle);
    two.endpoint.close().await;
    drop(two);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_dialled_by_its_address_alone() {
    let world = World::new();
    let (one, two) = (world.voter(1), world.voter(2));
    assert_eq!(one.endpoint.dial(two.addr).await, Ok(two.id()));
    assert_eq!(one.endpoint.dial(two.addr).await, Ok(two.id()));
    assert_eq!(one.all_links().len(), 1, "a live link is not dialled again");
    assert_eq!(
        one.endpoint.dial(one.addr).await,
        Err(DialError::Own(one.addr))
    );
    let nobody = World::addr(99);
    assert_eq!(
        one.endpoint.dial(nobody).await,
        Err(DialError::Silent(nobody))
    );
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_cannot_succeed_says_why() {
    let (world, mut elsewhere) = (World::new(), World::of(2));
    elsewhere.hub = world.hub.clone();
    let (one, two) = (world.voter(1), world.voter(2));
    let foreign = elsewhere.voter(3);
    let dialled = one.endpoint.dial(foreign.addr).await;
    assert_eq!(dialled, Err(DialError::OtherCluster(foreign.addr)));

    let someone_else = NodeId([77; 16]);
    one.endpoint.add_peer(someone_else, vec![two.addr]);
    let refused = one.endpoint.reach(someone_else, TTL).await.unwrap_err();
    let why = DialError::TheirCertificate(CertificateRefusal::OtherNode);
    assert_eq!(
        refused,
        CallError::Unreachable {
            peer: someone_else,
            why
        }
    );

    let unknown = one.echo(NodeId([78; 16]), b"x").await.unwrap_err();
    let why = DialError::NoAddress;
    assert_eq!(
        unknown,
        CallError::Unreachable {
            peer: NodeId([78; 16]),
            why
        }
    );
}

#[tokio::test(start_paused = true)]
async fn revocation_closes_live_links_and_keeps_the_door_shut() {
    let world = World::new();
    let (one, two) = world.pair().await;
    two.knows(&one);
    one.endpoint.revoke(&Revocations::of_node(two.id()));
    let told = Instant::now();
    let down = two.diary.event(|event| is_down(event, one.id())).await;
    assert_eq!(reason(&down), DownReason::Revoked);
    assert!(
        told.elapsed() < Duration::from_millis(100),
        "{:?}",
        told.elapsed()
    );
    let down = one.diary.event(|event| is_down(event, two.id())).await;
    assert_eq!(reason(&down), DownReason::Revoked);
    assert_eq!(one.endpoint.metrics().links_revoked, 1);

    let again = two.endpoint.dial(one.addr).await;
    let revoked = CertificateRefusal::Revoked;
    assert_eq!(again, Err(DialError::OurCertificate(revoked)));
    let towards = one.endpoint.dial(two.addr).await;
    assert_eq!(towards, Err(DialError::TheirCertificate(revoked)));
    assert!(one.endpoint.links().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ended_certificate_ends_its_links() {
    let world = World::new();
    let (one, two) = world.pair().await;
    world.calendar.pass(DAY + Duration::from_secs(11 * 60));
    let down = one.diary.event(|event| is_down(event, two.id())).await;
    assert_eq!(reason(&down), DownReason::Expired);
    let why = one.endpoint.dial(two.addr).await.unwrap_err();
    assert_eq!(
        why,
        DialError::TheirCertificate(CertificateRefusal::Expired)
    );
}

#[tokio::test(start_paused = true)]
async fn renewal_replaces_links_without_a_gap() {
    let world = World::new();
    let (one, two) = world.pair().await;
    two.knows(&one);
    // Both renew in time; the link of the old certificates goes on.
    world.calendar.pass(DAY * 2 / 3);
    for (node, number) in [(&one, 1), (&two, 2)] {
        let renewed = world.identity(number, 1, VOTER);
        node.endpoint.set_identity(&renewed).unwrap();
    }
    let old = one.endpoint.links()[0].clone();
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
    // Near their end, a new link takes over, while requests go on.
    world.calendar.pass(DAY / 4);
    for _ in 0..300 {
        assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
        sleep(Duration::from_millis(500)).await;
    }
    let new = one.endpoint.links()[0].clone();
    assert!(new.certified_until > old.certified_until + DAY / 2);
    assert_eq!(one.all_links().len(), 1);
    world.calendar.pass(DAY / 2);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
    let ups = |node: &Node, peer| {
        let events = node.diary.events.borrow();
        events.iter().filter(|event| is_up(event, peer)).count()
    };
    assert_eq!(
        (ups(&one, two.id()), ups(&two, one.id())),
        (1, 1),
        "no gap was seen"
    );

    let other = world.identity(9, 0, VOTER);
    let swapped = one.endpoint.set_identity(&other);
    assert_eq!(swapped, Err(crate::IdentitySwapError::Other));
}

#[tokio::test(start_paused = true)]
async fn a_full_house_turns_away() {
    let mut world = World::new();
    world.settings.max_peers = 1;
    let (one, two) = world.pair().await;
    let three = world.voter(3);
    assert_eq!(three.endpoint.dial(two.addr).await, Err(DialError::Full));
    assert_eq!(two.endpoint.metrics().turned_away, 1);
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
    one.endpoint.remove_peer(two.id());
    two.diary.event(|event| is_down(event, one.id())).await;
    assert_eq!(three.endpoint.dial(two.addr).await, Ok(two.id()));
}

#[tokio::test(start_paused = true)]
async fn losses_are_made_good() {
    let world = World::new();
    world.hub.lose_one_in(5);
    let (one, two) = world.pair().await;
    let body = vec![7; 60_000];
    for _ in 0..20 {
        assert_eq!(one.echo(two.id(), &body).await.unwrap(), body);
    }
    assert!(world.hub.lost() > 100);
    assert!(one.endpoint.links()[0].lost > 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_change_on_the_way_are_dropped_and_sent_again() {
    let world = World::new();
    let (one, two) = world.pair().await;
    world.hub.garble_one_in(5);
    let body: Vec<u8> = (0..60_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    for _ in 0..20 {
        assert_eq!(one.echo(two.id(), &body).await.unwrap(), body);
    }
    assert!(world.hub.garbled() > 50, "{}", world.hub.garbled());
    // Nobody who reads requests saw one of them; whoever sent it missed it and sent it again.
    let metrics = two.endpoint.metrics();
    assert_eq!((metrics.requests, metrics.requests_garbled), (20, 0));
    assert_eq!(two.diary.kinds().len(), 20);
    for node in [&one, &two] {
        assert!(node.endpoint.links()[0].lost > 0);
        assert_eq!(node.endpoint.metrics().links_down, 0, "the link holds");
    }
}
