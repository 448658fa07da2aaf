//! Stories of requests: bounds, deadlines, sizes, panics, classes.

use super::hub::Rate;
use super::world::{FAIL, HANG, Node, PANIC, TTL, World, frame};
use crate::streams;
use crate::{CallError, DatagramError, InFlight, Refusal, datagram_kind};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Kind;

#[tokio::test(start_paused = true)]
async fn a_refusal_keeps_its_type() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let failed = one.echo(two.id(), FAIL).await.unwrap_err();
    let told = Refusal::Failed {
        code: 7,
        text: "told to".to_owned(),
    };
    assert_eq!(failed, CallError::Refused(told));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_request_only() {
    let world = World::new();
    let (one, two) = world.pair().await;
    assert_eq!(one.echo(two.id(), PANIC).await, Err(CallError::ReplyCut));
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
    assert_eq!(two.endpoint.metrics().panics, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hung_request_ends_with_its_deadline() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let start = Instant::now();
    let ttl = Duration::from_millis(700);
    let late = one.echo_within(two.id(), HANG, ttl).await;
    assert!(matches!(
        late,
        Err(CallError::Deadline | CallError::Refused(Refusal::Deadline))
    ));
    assert!(start.elapsed() <= ttl + Duration::from_millis(5));
    sleep(Duration::from_millis(100)).await;
    let metrics = two.endpoint.metrics();
    assert_eq!((metrics.requests, metrics.requests_timed_out), (1, 1));
    assert_eq!(
        two.endpoint.links()[0].requests_in,
        0,
        "its place is free again"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_request_is_not_begun() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let link = one.endpoint.inner.table().links()[0].clone();
    let (mut ask, mut answer) = link.connection.open_bi().await.unwrap();
    let request = frame(Kind::Echo, b"x");
    streams::write_request(&mut ask, Duration::ZERO, 0, request)
        .await
        .unwrap();
    let reply = streams::read_reply(&mut answer, 1 << 20).await.unwrap();
    assert_eq!(reply, Err(Refusal::Deadline));
    assert_eq!(two.diary.kinds(), []);
    assert_eq!(two.endpoint.metrics().requests_expired, 1);
}

#[tokio::test(start_paused = true)]
async fn the_trace_id_arrives() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let request = frame(Kind::Echo, b"x");
    let reply = one
        .endpoint
        .call_traced(two.id(), Kind::Echo, request, TTL, 42)
        .await;
    assert!(reply.is_ok());
    assert_eq!(two.diary.calls.lock().unwrap()[0].0.trace, 42);
}

fn hang(from: &Node, to: &Node, kind: Kind) -> tokio::task::JoinHandle<bool> {
    let (endpoint, to) = (from.endpoint.clone(), to.id());
    tokio::spawn(async move {
        endpoint
            .call(to, kind, frame(kind, HANG), TTL)
            .await
            .is_ok()
    })
}

#[tokio::test(start_paused = true)]
async fn a_full_class_refuses_and_the_others_go_on() {
    let mut world = World::new();
    world.settings.in_flight = InFlight {
        control: 4,
        calls: 3,
        bulk: 2,
    };
    let (one, two) = world.pair().await;
    let hung: Vec<_> = (0..3).map(|_| hang(&one, &two, Kind::Echo)).collect();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(two.endpoint.links()[0].requests_in, 3);
    // The sender's own bound.
    assert_eq!(one.echo(two.id(), b"x").await, Err(CallError::Overloaded));
    assert_eq!(one.endpoint.metrics().calls_overloaded, 1);
    // The receiver's bound, where a sender keeps none.
    let link = one.endpoint.inner.table().links()[0].clone();
    let (mut ask, mut answer) = link.connection.open_bi().await.unwrap();
    streams::write_request(&mut ask, TTL, 0, frame(Kind::Echo, b"x"))
        .await
        .unwrap();
    let reply = streams::read_reply(&mut answer, 1 << 20).await.unwrap();
    let retry_after = world.settings.retry_after;
    assert_eq!(reply, Err(Refusal::Overloaded { retry_after }));
    assert_eq!(two.endpoint.metrics().requests_overloaded, 1);
    // Another class.
    let probe = one
        .endpoint
        .call(two.id(), Kind::Probe, frame(Kind::Probe, b"x"), TTL)
        .await;
    assert!(probe.is_ok());
    two.diary.release.send_replace(true);
    for hung in hung {
        assert!(hung.await.unwrap());
    }
    assert_eq!(one.echo(two.id(), b"x").await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn bytes_held_for_all_peers_are_bounded() {
    let mut world = World::new();
    world.settings.inbound_bytes = 100_000;
    let (one, two) = world.pair().await;
    let large = frame(Kind::BlobPut, &vec![1; 200_000]);
    let refused = one.endpoint.call(two.id(), Kind::BlobPut, large, TTL).await;
    let retry_after = world.settings.retry_after;
    let overloaded = CallError::Refused(Refusal::Overloaded { retry_after });
    assert_eq!(refused.unwrap_err(), overloaded);
    assert_eq!(two.diary.kinds(), []);
    assert_eq!(
        one.echo(two.id(), &[1; 50_000]).await.unwrap().len(),
        50_000
    );
    assert_eq!(two.endpoint.inner.inbound.taken(), 0);
}

#[tokio::test(start_paused = true)]
async fn large_bodies_pass_and_larger_ones_do_not() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let blob = vec![5; 8_000_000];
    let sent = one
        .endpoint
        .call(two.id(), Kind::BlobPut, frame(Kind::BlobPut, &blob), TTL)
        .await;
    assert_eq!(sent.unwrap().body::<Bytes>().unwrap(), blob);
    let too_large = Bytes::from(vec![0; Kind::Probe.max_bytes() + 100]);
    let refused = one
        .endpoint
        .call(two.id(), Kind::Probe, too_large, TTL)
        .await;
    assert!(
        matches!(refused, Err(CallError::TooLarge { .. })),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused_by_name() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let link = one.endpoint.inner.table().links()[0].clone();
    let good = frame(Kind::Echo, &[b'x'; 100]);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = to;
        Bytes::from(bytes)
    };
    let longer = Bytes::from([&good[..], b"more"].concat());
    let cases = [
        ("magic", changed(0, b'?'), "Failed"),
        ("version", changed(2, 9), "Version"),
        ("kind", changed(4, 0xee), "Unsupported"),
        ("length", changed(11, 0xff), "TooLarge"),
        ("cut off", good.slice(..60), "Failed"),
        ("longer", longer, "Failed"),
        ("no head", good.slice(..10), "Failed"),
    ];
    for (name, bytes, expected) in cases {
        let (mut ask, mut answer) = link.connection.open_bi().await.unwrap();
        streams::write_request(&mut ask, TTL, 0, bytes)
            .await
            .unwrap();
        let reply = streams::read_reply(&mut answer, 1 << 20).await.unwrap();
        let refusal = format!("{:?}", reply.unwrap_err());
        assert!(refusal.starts_with(expected), "{name}: {refusal}");
    }
    assert_eq!(two.diary.kinds(), []);
    let metrics = two.endpoint.metrics();
    assert_eq!(
        (metrics.requests_garbled, metrics.requests_too_large),
        (6, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_is_given_up() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let link = one.endpoint.inner.table().links()[0].clone();
    let (mut ask, mut answer) = link.connection.open_bi().await.unwrap();
    ask.write_all(b"half a head").await.unwrap();
    let reply = streams::read_reply(&mut answer, 1 << 20).await.unwrap();
    assert!(matches!(reply, Err(Refusal::Failed { .. })), "{reply:?}");
    assert_eq!(two.endpoint.metrics().requests_garbled, 1);
    drop(ask);
}

#[tokio::test(start_paused = true)]
async fn datagrams_fit_or_are_refused() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let max = one.endpoint.links()[0].datagram_max;
    one.endpoint
        .datagram(two.id(), vec![1; max].into())
        .unwrap();
    let mut seen = two.diary.datagrams.subscribe();
    let seen = seen.wait_for(|all| !all.is_empty()).await.unwrap().clone();
    assert_eq!(seen[0].1.len(), max);
    let too_large = one.endpoint.datagram(two.id(), vec![1; 70_000].into());
    assert!(matches!(too_large, Err(DatagramError::TooLarge { .. })));
    let nobody = base::NodeId([9; 16]);
    let unsent = one.endpoint.datagram(nobody, "x".into());
    assert_eq!(unsent, Err(DatagramError::NoLink(nobody)));
    let metrics = one.endpoint.metrics();
    assert_eq!((metrics.datagrams_out, metrics.datagrams_unsent), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_can_travel_another_way_gives_way_to_datagrams_that_wait() {
    let world = World::new();
    let (one, two) = world.pair().await;
    let letter = frame(Kind::Gossip, &[5; 900]);
    let to = two.id();
    one.endpoint.spare_datagram(to, letter.clone()).unwrap();
    // Nothing leaves before this task waits for something.
    for _ in 0..8 {
        one.endpoint.datagram(to, vec![1; 1000].into()).unwrap();
    }
    let refused = one.endpoint.spare_datagram(to, letter.clone());
    assert_eq!(refused, Err(DatagramError::Waiting(to)));
    let mut seen = two.diary.datagrams.subscribe();
    seen.wait_for(|all| all.len() == 9).await.unwrap();
    one.endpoint.spare_datagram(to, letter.clone()).unwrap();
    let seen = seen.wait_for(|all| all.len() == 10).await.unwrap().clone();
    assert_eq!(seen[9], (one.id(), letter));
}

#[test]
fn a_datagram_is_gossip_only_behind_a_whole_head() {
    let letter = frame(Kind::Gossip, b"a letter");
    assert_eq!(datagram_kind(&letter), Kind::Gossip);
    for other in [
        &letter[..15],
        b"ping",
        b"",
        &frame(Kind::Propose, b"a command")[..],
    ] {
        assert_eq!(datagram_kind(other), Kind::Swim, "{other:?}");
    }
}

/// A link of 100 Mbit/s that bulk fills: a heartbeat waits for what is in the path's queue, and
/// never for what bulk has still to send.
#[tokio::test(start_paused = true)]
async fn bulk_never_delays_a_heartbeat() {
    let world = World::new();
    world.hub.throttle(Rate {
        bytes_per_second: 12_500_000,
        delay: Duration::from_micros(500),
        queue: Duration::from_millis(10),
    });
    let (one, two) = world.pair().await;
    let ttl = Duration::from_secs(120);
    let blob = frame(Kind::BlobPut, &vec![3; 8_000_000]);
    let transfers: Vec<_> = (0..8)
        .map(|_| {
            let (endpoint, to, blob) = (one.endpoint.clone(), two.id(), blob.clone());
            tokio::spawn(async move { endpoint.call(to, Kind::BlobPut, blob, ttl).await.is_ok() })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let mut waits = Vec::new();
    while !transfers.iter().any(|transfer| transfer.is_finished()) {
        let start = Instant::now();
        let beat = one
            .endpoint
            .call(two.id(), Kind::Probe, frame(Kind::Probe, b"x"), ttl)
            .await;
        assert!(beat.is_ok());
        waits.push(start.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    waits.sort();
    // The transfers took seconds side by side, so there was something to wait for.
    assert!(waits.len() > 20, "{}", waits.len());
    let p99 = waits[waits.len() * 99 / 100];
    assert!(
        p99 <= Duration::from_millis(50),
        "p99 {p99:?}, worst {:?}",
        waits.last()
    );
    for transfer in transfers {
        assert!(transfer.await.unwrap());
    }
}
