//! A look at the path to a seed, before a node runs on it: how soon whoever works there answers,
//! and how large a datagram passes. Shows no certificate, makes no link, changes nothing there.

use crate::join::{ask_at, dial, farewell, prepare};
use crate::streams::Close;
use crate::{JoinError, Settings, Sockets, Token, WallClock};
use quinn::{ClientConfig, Connection, Endpoint};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use wire::Kind;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// From a question to its answer: the path there and back, and the node's own work.
    pub echo: Duration,
    /// Bytes of the largest UDP payload that was seen to pass, up to [`Greeting::FULL`].
    pub mtu: u16,
}

impl Greeting {
    /// What a packet of 1,500 bytes holds over IPv6 and UDP. More is not looked for: finding out
    /// that a jumbo frame does not pass takes long, and a node's links do it beside their work.
    pub const FULL: u16 = 1452;
    /// What every path of QUIC carries, or there is no connection at all.
    pub const LEAST: u16 = 1200;
}

/// Asks a seed of the token's cluster who it is. Believes only that cluster, and uses nothing up.
pub async fn greet(
    token: &Token,
    seed: SocketAddr,
    (sockets, settings): (Sockets, &Settings),
    wall: Arc<dyn WallClock>,
) -> Result<Greeting, JoinError> {
    let settings = Settings {
        mtu_ceiling: Greeting::FULL,
        ..settings.clone()
    };
    let (revoked, quinn, config) = prepare(token, sockets, (&settings, &wall))?;
    let looking = look(&quinn, config, &settings, seed);
    let greeting = match timeout(GREET, looking).await {
        Ok(greeting) => greeting,
        Err(_) => Err(JoinError::Deadline),
    };
    drop(revoked);
    farewell(&quinn).await;
    greeting
}

async fn look(
    quinn: &Endpoint,
    config: ClientConfig,
    settings: &Settings,
    seed: SocketAddr,
) -> Result<Greeting, JoinError> {
    let connection = dial(quinn, config, settings, seed).await?;
    // An empty body always fits; an empty frame would be refused as garbled.
    let hello = wire::encode(Kind::Hello, &()).unwrap_or_default();
    let hello = wire::restamp(hello, settings.speaks);
    let asked = Instant::now();
    ask_at(&connection, (Kind::Hello, hello), asked + ASK).await?;
    let echo = asked.elapsed();
    let mtu = settled_mtu(&connection).await;
    Close::Done.apply(&connection);
    Ok(Greeting { echo, mtu })
}

/// QUIC tries larger datagrams by itself, each a round trip after the last; one that does not pass
/// is tried three times.
async fn settled_mtu(connection: &Connection) -> u16 {
    let end = Instant::now() + SETTLE;
    loop {
        let mtu = connection.stats().path.current_mtu;
        if mtu >= Greeting::FULL || Instant::now() >= end {
            return mtu;
        }
        sleep(TURN).await;
    }
}

/// For everything together.
const GREET: Duration = Duration::from_secs(5);
/// An answer takes no disk and no other node.
const ASK: Duration = Duration::from_secs(1);
/// Some round trips between continents; only a path that is narrower than Ethernet takes so long.
const SETTLE: Duration = Duration::from_secs(1);
const TURN: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
