//! The door on a loopback socket with real TLS: who gets in, who does not, and what they are told.

use super::{Door, STRANGER_LIFE, TlsParts};
use crate::api::{ApiKeys, Asker, Gate};
use axum::Router;
use axum::routing::get;
use base::{ClusterId, ContentHash, NodeId, PeerRole, PeerRoles};
use engine::CancellationToken;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use transport::{
    Authority, CertificateGrant, Identity, KeySeed, NODE_LIFE, Revocations, Serial,
    SystemWallClock, WallClock, https_client, https_name, request,
};

fn authority(seed: u8) -> Authority {
    let mut rng = StdRng::seed_from_u64(seed.into());
    Authority::create(ClusterId([seed; 8]), &mut rng, SystemWallClock.unix()).unwrap()
}

fn identity(authority: &Authority, number: u8, role: PeerRole) -> Identity {
    let seed = KeySeed::from_bytes([number; 32]);
    let grant = CertificateGrant {
        node: NodeId([number; 16]),
        roles: PeerRoles::of(&[role]),
        name: format!("box-{number}"),
        validity: NODE_LIFE,
    };
    let serial = Serial::from_bytes([number; 16]);
    let now = SystemWallClock.unix();
    let chain = authority.issue(&request(&seed), &grant, serial, now);
    Identity::new(seed, chain.unwrap()).unwrap()
}

/// A node of cluster 1 that answers with the name of whoever asks.
struct World {
    authority: Authority,
    address: SocketAddr,
    keys: Arc<ApiKeys>,
    revoked: watch::Sender<Arc<Revocations>>,
    _identity: watch::Sender<Identity>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(1);
        let own = watch::Sender::new(identity(&authority, 1, PeerRole::Voter));
        let revoked = watch::Sender::new(Arc::new(Revocations::default()));
        let tls = TlsParts {
            identity: own.subscribe(),
            revoked: revoked.subscribe(),
            wall: Arc::new(SystemWallClock),
        };
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let door = Door::open(loopback, tls).await.unwrap();
        let keys = Arc::new(ApiKeys::load(folder.path()).unwrap());
        let gate = Gate {
            keys: keys.clone(),
            revoked: revoked.subscribe(),
            wall: Arc::new(SystemWallClock),
            names: vec!["box-1".to_owned()],
        };
        let router = Router::new().route("/v1/who", get(|by: Asker| async move { by.0 }));
        let address = door.address();
        tokio::spawn(Arc::new(door).serve(router, Arc::new(gate), CancellationToken::new()));
        World {
            authority,
            address,
            keys,
            revoked,
            _identity: own,
            _folder: folder,
        }
    }

    async fn connect(&self, identity: Option<&Identity>) -> io::Result<TlsStream<TcpStream>> {
        self.connect_to(self.authority.root_hash(), identity).await
    }

    async fn connect_to(
        &self,
        pin: ContentHash,
        identity: Option<&Identity>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let client = https_client(pin, identity, Arc::new(SystemWallClock)).unwrap();
        let stream = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(client);
        connector.connect(https_name(), stream).await
    }

    /// What a client is told that sends these lines on a connection of its own.
    async fn told(&self, identity: Option<&Identity>, lines: &[&str]) -> io::Result<String> {
        let mut stream = self.connect(identity).await?;
        send(&mut stream, lines).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn check(&self, identity: Option<&Identity>, lines: &[&str], words: &[&str]) {
        let host = format!("host: {}", self.address);
        let mut all = vec!["connection: close"];
        if !lines.iter().any(|line| line.starts_with("host:")) {
            all.push(&host);
        }
        all.extend(lines);
        let answer = self.told(identity, &all).await.unwrap();
        for word in words {
            assert!(answer.contains(word), "{lines:?}: no {word:?} in {answer}");
        }
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, lines: &[&str]) -> io::Result<()> {
    let head = format!("GET /v1/who HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).await
}

#[tokio::test]
async fn a_key_opens_and_nothing_else_in_its_place() {
    let world = World::new().await;
    let (key, made) = world.keys.create("ci", 7).unwrap();
    let (gone, old) = world.keys.create("old", 7).unwrap();
    world.keys.revoke(&old.id).unwrap();
    let bearer = |key: &str| format!("authorization: Bearer {key}");
    let asker = format!("key {} (ci)", made.id);
    world
        .check(None, &[&bearer(&key)], &["200 OK", &asker])
        .await;
    let body = &[
        "401 Unauthorized",
        "www-authenticate: Bearer",
        "\"exit\":\"refused\"",
        "key create",
    ];
    let nobody: &[&str] = &[];
    world.check(None, nobody, body).await;
    for wrong in [
        bearer(&gone),
        bearer(&key[1..]),
        bearer(""),
        format!("authorization: Basic {key}"),
        format!("authorization: {key}"),
    ] {
        world.check(None, &[&wrong], body).await;
    }
}

#[tokio::test]
async fn only_an_administrators_certificate_opens() {
    let world = World::new().await;
    let admin = identity(&world.authority, 2, PeerRole::ClientAdmin);
    let asker = format!("box-2 ({})", NodeId([2; 16]));
    let nothing: &[&str] = &[];
    world
        .check(Some(&admin), nothing, &["200 OK", &asker])
        .await;
    for role in [PeerRole::Worker, PeerRole::Voter, PeerRole::ClientRead] {
        let other = identity(&world.authority, 3, role);
        let words = &["403 Forbidden", role.as_str(), "client-admin is needed"];
        world.check(Some(&other), nothing, words).await;
    }
    // A key is no worse for a certificate beside it.
    let (key, _) = world.keys.create("ci", 7).unwrap();
    let worker = identity(&world.authority, 3, PeerRole::Worker);
    let bearer = format!("authorization: Bearer {key}");
    world
        .check(Some(&worker), &[&bearer], &["200 OK", "(ci)"])
        .await;
}

#[tokio::test]
async fn strangers_do_not_come_through_the_handshake() {
    let world = World::new().await;
    let stranger = identity(&authority(2), 2, PeerRole::ClientAdmin);
    let host = format!("host: {}", world.address);
    let refused = world
        .told(Some(&stranger), &["connection: close", &host])
        .await;
    assert!(refused.is_err(), "{refused:?}");
    let other = world.connect_to(authority(2).root_hash(), None).await;
    assert!(other.is_err(), "the client believes its pin alone");
    let mut plain = TcpStream::connect(world.address).await.unwrap();
    plain
        .write_all(b"GET /v1/who HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "no word without TLS");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_on_a_connection_that_stands() {
    let world = World::new().await;
    let admin = identity(&world.authority, 2, PeerRole::ClientAdmin);
    let host = format!("host: {}", world.address);
    let mut stream = world.connect(Some(&admin)).await.unwrap();
    send(&mut stream, &[&host]).await.unwrap();
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    assert!(
        bytes[..length].starts_with(b"HTTP/1.1 200"),
        "it was let in"
    );
    let revocations = Revocations::of_node(NodeId([2; 16]));
    world.revoked.send_replace(Arc::new(revocations));
    send(&mut stream, &["connection: close", &host])
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 403") && answer.contains("revoked"),
        "{answer}"
    );
    let again = world
        .told(Some(&admin), &["connection: close", &host])
        .await;
    assert!(again.is_err(), "a new handshake fails: {again:?}");
}

#[tokio::test]
async fn what_a_browser_may_be_tricked_into_is_refused() {
    let world = World::new().await;
    let (key, _) = world.keys.create("ci", 7).unwrap();
    let bearer = format!("authorization: Bearer {key}");
    let refused = &["403 Forbidden", "browser"];
    for origin in ["origin: https://evil.example", "origin: null"] {
        world.check(None, &[&bearer, origin], refused).await;
    }
    let refused = &["421 Misdirected Request", "evil.example", "api.hosts"];
    for host in ["host: evil.example", "host: evil.example:7412"] {
        world.check(None, &[&bearer, host], refused).await;
    }
    for host in [
        "host: localhost:1",
        "host: BOX-1",
        "host: [::1]:7",
        "host: 10.0.0.1",
    ] {
        world.check(None, &[&bearer, host], &["200 OK"]).await;
    }
}

#[tokio::test]
async fn who_is_not_let_in_does_not_stay() {
    let world = World::new().await;
    let mut idle = world.connect(None).await.unwrap();
    // The handshake is over; from here on only time passes.
    tokio::time::pause();
    let mut byte = [0];
    let left = tokio::time::timeout(STRANGER_LIFE + Duration::from_secs(5), idle.read(&mut byte));
    let left = left.await.expect("it is cut off");
    assert!(!matches!(left, Ok(1..)), "{left:?}");
}
