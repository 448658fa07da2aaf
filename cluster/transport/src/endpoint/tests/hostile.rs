//! Bytes of no friend on the UDP port.

use super::world::{Node, TTL, VOTER, World};
use crate::verify::server_name;
use crate::{Settings, Sockets, tls};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn local(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 0))
}

/// A node on a real socket of the loopback.
fn real_node(world: &World, number: u8, settings: Settings) -> Node {
    let sockets = Sockets::bind(local(1)).unwrap();
    world.start_on(world.identity(number, 0, VOTER), sockets, settings)
}

#[tokio::test]
async fn garbage_on_the_port_is_dropped() {
    let world = World::new();
    let one = real_node(&world, 1, Settings::default());
    let two = real_node(&world, 2, Settings::default());
    let stranger = UdpSocket::bind(local(1)).unwrap();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for length in (0..1400).cycle().take(5000) {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise.to_le_bytes()[0]
            })
            .collect();
        // A full socket buffer loses it, which is as well.
        stranger.send_to(&bytes, one.addr).ok();
    }
    two.link_to(&one).await;
    assert_eq!(two.echo(one.id(), b"x").await.unwrap(), "x");
    let metrics = one.endpoint.metrics();
    assert_eq!((metrics.requests_garbled, metrics.strangers), (0, 0));
    assert!(metrics.handshakes <= 2, "{metrics:?}");
}

/// First packets of handshakes, as a real client makes them, each sent from an address of its own
/// that never answers.
async fn half_handshakes(world: &World, to: SocketAddr, count: usize) -> Vec<Vec<u8>> {
    world.hub.tap();
    let quinn = {
        let sockets = world.hub.socket(World::addr(200));
        let (socket, runtime) = (sockets.socket, sockets.runtime);
        let config = quinn::EndpointConfig::default();
        quinn::Endpoint::new_with_abstract_socket(config, None, socket, runtime).unwrap()
    };
    let config = {
        let revoked = tokio::sync::watch::Sender::new(Arc::default());
        let verifier = super::access::verifier(world, &revoked);
        tls::client(None, verifier, world.calendar.clone(), &world.settings).unwrap()
    };
    let dials: Vec<_> = (0..count)
        .map(|_| {
            quinn
                .connect_with(config.clone(), to, &server_name(None))
                .unwrap()
        })
        .collect();
    // The dials' first packets leave when their tasks run.
    let tapped = timeout(TTL, async {
        while world.hub.tapped() < count {
            sleep(Duration::from_millis(5)).await;
        }
    });
    tapped.await.expect("every dial sends a packet");
    drop(dials);
    world.hub.untap().into_iter().take(count).collect()
}

#[tokio::test]
async fn half_handshakes_are_bounded_and_friends_still_get_in() {
    let world = World::new();
    let settings = Settings {
        retry_above: 8,
        max_handshakes: 32,
        max_handshakes_per_source: 4,
        handshake: Duration::from_secs(2),
        ..Settings::default()
    };
    let one = real_node(&world, 1, settings);
    let two = real_node(&world, 2, Settings::default());
    let packets = half_handshakes(&world, one.addr, 200).await;
    for (packet, last) in packets.iter().zip((2..=101).cycle()) {
        let source = UdpSocket::bind(local(last)).unwrap();
        source.send_to(packet, one.addr).unwrap();
    }
    two.link_to(&one).await;
    assert_eq!(two.echo(one.id(), b"x").await.unwrap(), "x");
    let metrics = one.endpoint.metrics();
    assert!(metrics.knocks_to_prove > 100, "{metrics:?}");
    assert!(metrics.handshakes <= 8 + 2, "{metrics:?}");
    let patience = timeout(Duration::from_secs(10), async {
        while one.endpoint.inner.table().knocks(local(2).ip()).0 > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(patience.await.is_ok(), "half handshakes are forgotten");
    let metrics = one.endpoint.metrics();
    assert!(
        metrics.handshakes_failed >= metrics.handshakes - 1,
        "{metrics:?}"
    );
}

#[tokio::test]
async fn one_source_gets_its_share_only() {
    let world = World::new();
    let settings = Settings {
        retry_above: 100,
        max_handshakes: 200,
        max_handshakes_per_source: 4,
        handshake: Duration::from_secs(2),
        ..Settings::default()
    };
    let one = real_node(&world, 1, settings);
    let packets = half_handshakes(&world, one.addr, 50).await;
    let source = UdpSocket::bind(local(9)).unwrap();
    for packet in &packets {
        source.send_to(packet, one.addr).unwrap();
    }
    let seen = timeout(TTL, async {
        while one.endpoint.metrics().knocks_dropped < 40 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(seen.await.is_ok(), "{:?}", one.endpoint.metrics());
    assert!(one.endpoint.inner.table().knocks(local(9).ip()).0 <= 4);
}
