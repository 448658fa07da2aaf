//! Every kind of message against every kind of sender, over real TLS.

use super::world::{Node, TTL, World, frame, is_up};
use crate::streams::{self, StreamFault};
use crate::verify::{Trust, Verifier, server_name};
use crate::{CallError, Denial, DialError, DownReason, Refusal, Revocations, tls};
use base::{PeerRole, PeerRoles};
use quinn::Connection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use wire::Kind;

const RIGHT: Result<(), Denial> = Ok(());

/// What a node's answer says about its sender.
fn verdict(kind: Kind, outcome: Result<wire::Frame, CallError>) -> Result<(), Denial> {
    match outcome {
        Ok(frame) if frame.kind == kind => Ok(()),
        Err(CallError::Refused(Refusal::Unauthorised(denial))) => Err(denial),
        other => panic!("{}: {other:?}", kind.name()),
    }
}

async fn ask_all(node: &Node, to: &Node, expected: impl Fn(Kind) -> Result<(), Denial>) {
    for kind in Kind::ALL.iter().copied() {
        let outcome = node
            .endpoint
            .call(to.id(), kind, frame(kind, b"x"), TTL)
            .await;
        assert_eq!(verdict(kind, outcome), expected(kind), "{}", kind.name());
    }
}

#[tokio::test(start_paused = true)]
async fn each_role_may_what_its_rows_say() {
    let world = World::new();
    let server = world.voter(100);
    for (number, role) in (1..).zip(PeerRole::ALL) {
        let roles = PeerRoles::of(&[role]);
        let node = world.node(number, roles);
        node.link_to(&server).await;
        ask_all(&node, &server, |kind| {
            match kind.callers().roles.meets(roles) {
                true => RIGHT,
                false => Err(Denial::Role),
            }
        })
        .await;
        let allowed = Kind::ALL
            .iter()
            .filter(|kind| kind.callers().roles.meets(roles));
        let seen = server.diary.kinds();
        assert_eq!(
            seen,
            allowed.copied().collect::<Vec<_>>(),
            "the handler saw no other"
        );
        server.diary.calls.lock().unwrap().clear();
    }
    assert!(server.endpoint.metrics().requests_unauthorised > 0);
}

/// A connection whose certificate ends, or is revoked, while it lives. What runs before it is
/// closed is the check of each request.
#[tokio::test(start_paused = true)]
async fn nobody_may_anything_once_the_certificate_fell() {
    for expired in [true, false] {
        let world = World::new();
        let (one, two) = world.pair().await;
        let link = one.endpoint.inner.table().links()[0].clone();
        let expected = if expired {
            world.calendar.pass(Duration::from_secs(2 * 86_400));
            Denial::Expired
        } else {
            two.endpoint.inner.revoked.send_modify(|revoked| {
                Arc::make_mut(revoked).merge(&Revocations::of_node(one.id()));
            });
            Denial::Revoked
        };
        let requests = Kind::ALL.iter().map(|kind| raw(&link.connection, *kind));
        for (kind, reply) in Kind::ALL
            .iter()
            .zip(futures::future::join_all(requests).await)
        {
            match reply {
                Ok(Err(Refusal::Unauthorised(denial))) => assert_eq!(denial, expected),
                Err(StreamFault::Lost(_)) => {}
                other => panic!("{}: {other:?}", kind.name()),
            }
        }
        assert!(two.endpoint.metrics().requests_unauthorised > 0);
        assert_eq!(two.diary.kinds(), [], "expired: {expired}");
    }
}

async fn raw(
    connection: &Connection,
    kind: Kind,
) -> Result<Result<bytes::Bytes, Refusal>, StreamFault> {
    let (mut ask, mut answer) = connection.open_bi().await.map_err(StreamFault::Lost)?;
    streams::write_request(&mut ask, TTL, 0, frame(kind, b"x"))
        .await
        .ok();
    streams::read_reply(&mut answer, 1 << 20).await
}

#[tokio::test(start_paused = true)]
async fn a_stranger_may_say_hello_and_ask_to_come_in() {
    let world = World::new();
    let server = world.voter(1);
    let (_quinn, connection) = stranger(&world, &server, 60).await.unwrap();
    for kind in Kind::ALL.iter().copied() {
        let reply = raw(&connection, kind).await;
        match (reply, kind) {
            (Ok(Ok(_)), Kind::Hello | Kind::Join | Kind::Revive) => {}
            (Ok(Err(Refusal::Unauthorised(Denial::NoCertificate))), _) => {
                assert!(!kind.callers().stranger);
            }
            other => panic!("{other:?}"),
        }
    }
    let heard = [Kind::Hello, Kind::Join, Kind::Revive];
    assert_eq!(server.diary.kinds(), heard);
    let callers = server.diary.calls.lock().unwrap();
    assert_eq!(callers[0].0.node, None);
    assert_eq!(
        callers[0].0.exporter,
        crate::endpoint::exporter(&connection)
    );
    assert_eq!(server.endpoint.metrics().strangers, 1);
    assert!(server.endpoint.links().is_empty());
}

#[tokio::test(start_paused = true)]
async fn strangers_are_few_and_do_not_stay() {
    let mut world = World::new();
    world.settings.max_strangers = 1;
    let server = world.voter(1);
    let (_first, connection) = stranger(&world, &server, 60).await.unwrap();
    let second = stranger(&world, &server, 61).await;
    assert!(matches!(second, Err(DialError::Full)));
    let closed = connection.closed().await;
    assert_eq!(streams::down_reason(&closed), DownReason::Left);
    let third = stranger(&world, &server, 62).await;
    assert!(third.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_another_cluster_gets_nowhere() {
    let (world, mut elsewhere) = (World::new(), World::of(2));
    elsewhere.hub = world.hub.clone();
    let server = world.voter(1);
    let foreign = elsewhere.identity(3, 0, PeerRoles::of(&[PeerRole::Voter]));
    // The foreigner even trusts this cluster, so it is the server that refuses.
    let revoked = watch::Sender::new(Arc::new(Revocations::default()));
    let verifier = verifier(&world, &revoked);
    let clock = world.calendar.clone();
    let config = tls::client(Some(&foreign), verifier, clock, &world.settings).unwrap();
    let quinn = bare(&world, 50);
    let dialled = crate::endpoint::open(
        &quinn,
        (config, wire::VERSION),
        server.addr,
        &server_name(None),
    )
    .await;
    let why = crate::CertificateRefusal::OtherCluster;
    assert_eq!(dialled.unwrap_err(), DialError::OurCertificate(why));
    assert_eq!(server.diary.kinds(), []);
    assert_eq!(server.endpoint.metrics().handshakes_failed, 1);
}

#[tokio::test(start_paused = true)]
async fn datagrams_are_for_nodes_only() {
    let world = World::new();
    let server = world.voter(100);
    let client = world.node(1, PeerRoles::of(&[PeerRole::ClientAdmin]));
    let worker = world.node(2, PeerRoles::of(&[PeerRole::Worker]));
    let gossip = frame(Kind::Gossip, b"a letter");
    for node in [&client, &worker] {
        node.link_to(&server).await;
        server.diary.event(|event| is_up(event, node.id())).await;
        node.endpoint.datagram(server.id(), "ping".into()).unwrap();
        let endpoint = &node.endpoint;
        endpoint
            .spare_datagram(server.id(), gossip.clone())
            .unwrap();
    }
    let mut datagrams = server.diary.datagrams.subscribe();
    let datagrams = datagrams
        .wait_for(|all| all.len() > 1)
        .await
        .unwrap()
        .clone();
    let id = worker.id();
    assert_eq!(datagrams, [(id, "ping".into()), (id, gossip)]);
    assert_eq!(server.endpoint.metrics().datagrams_unauthorised, 2);
}

pub(super) fn verifier(world: &World, revoked: &watch::Sender<Arc<Revocations>>) -> Arc<Verifier> {
    Arc::new(Verifier {
        cluster: Some(world.authority.cluster()),
        trust: Trust::Pin(world.authority.root_hash()),
        wall: world.calendar.clone(),
        revoked: revoked.subscribe(),
        provider: tls::provider(),
    })
}

fn bare(world: &World, number: u8) -> quinn::Endpoint {
    let sockets = world.hub.socket(World::addr(number));
    let (socket, runtime) = (sockets.socket, sockets.runtime);
    let config = quinn::EndpointConfig::default();
    quinn::Endpoint::new_with_abstract_socket(config, None, socket, runtime).unwrap()
}

async fn stranger(
    world: &World,
    server: &Node,
    number: u8,
) -> Result<(quinn::Endpoint, Connection), DialError> {
    let revoked = watch::Sender::new(Arc::new(Revocations::default()));
    let clock = world.calendar.clone();
    let config = tls::client(None, verifier(world, &revoked), clock, &world.settings).unwrap();
    let quinn = bare(world, number);
    let name = server_name(None);
    let connection =
        crate::endpoint::open(&quinn, (config, wire::VERSION), server.addr, &name).await?;
    Ok((quinn, connection))
}
