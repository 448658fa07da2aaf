//! What a user may turn, with the relations that must hold between the values.

use crate::tls::MAX_BULK;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How often a silent link says that it lives.
    pub keep_alive: Duration,
    /// A link over which nothing came for this long is down. Shorter finds a dead peer sooner and
    /// takes a stalled one for dead.
    pub idle: Duration,
    /// How long a handshake may take before the dialler gives up.
    pub handshake: Duration,
    /// Upper bound of the first pause between dials; it doubles with each failure.
    pub redial_first: Duration,
    /// Upper bound of every pause between dials.
    pub redial_most: Duration,
    /// How long a node of the higher id lets the other one dial first.
    pub courtesy: Duration,
    /// Requests of one peer, and to one peer, that may be under way at a time.
    pub in_flight: InFlight,
    /// Bytes of request bodies that may be held for all peers together.
    pub inbound_bytes: usize,
    /// What a refused caller is told to wait.
    pub retry_after: Duration,
    /// Connections of peers with a certificate.
    pub max_peers: usize,
    /// Connections of peers without a certificate.
    pub max_strangers: usize,
    /// How long a peer without a certificate may stay.
    pub stranger_life: Duration,
    /// Handshakes under way at which new sources must first prove their address.
    pub retry_above: usize,
    /// Handshakes under way at which no more are begun.
    pub max_handshakes: usize,
    /// Handshakes under way from one address.
    pub max_handshakes_per_source: usize,
    /// The first guess of a path's round trip; sets how soon a lost handshake packet is repeated.
    pub first_rtt: Duration,
    /// Bytes that may be under way on a new link. Larger suits a LAN and bursts on slow paths.
    pub first_window: u64,
    /// The largest UDP payload that path discovery tries.
    pub mtu_ceiling: u16,
    /// The wire's version that this node says it speaks. Another than this build's makes it a
    /// neighbour in time, for tests of a cluster that is being upgraded.
    pub speaks: u16,
}

/// A bound for each class of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    pub control: usize,
    pub calls: usize,
    pub bulk: usize,
}

/// Two settings that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("keep_alive must be less than half of idle, or one lost packet ends a link")]
    KeepAlive,
    #[error("redial_first must be above zero and at most redial_most")]
    Redial,
    #[error("every bound must be above zero")]
    Zero,
    #[error("in_flight.bulk must be at most {MAX_BULK}, or bulk takes the room of heartbeats")]
    Bulk,
    #[error("retry_above must be below max_handshakes")]
    Handshakes,
    #[error("mtu_ceiling must be between 1200 and 65527")]
    Mtu,
    #[error("idle and handshake must be below one hour")]
    TooLong,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keep_alive: Duration::from_millis(1000),
            idle: Duration::from_secs(3),
            handshake: Duration::from_secs(3),
            redial_first: Duration::from_millis(100),
            redial_most: Duration::from_secs(5),
            courtesy: Duration::from_millis(50),
            in_flight: InFlight {
                control: 256,
                calls: 1024,
                bulk: 16,
            },
            inbound_bytes: 256 << 20,
            retry_after: Duration::from_millis(50),
            max_peers: 1024,
            max_strangers: 32,
            stranger_life: Duration::from_secs(30),
            retry_above: 32,
            max_handshakes: 256,
            max_handshakes_per_source: 64,
            first_rtt: Duration::from_millis(30),
            first_window: 128 << 10,
            // 9,000 bytes of a jumbo frame, less the headers of IPv6 and UDP.
            mtu_ceiling: 8952,
            speaks: wire::VERSION,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), SettingsError> {
        let bounds = [
            self.in_flight.control,
            self.in_flight.calls,
            self.in_flight.bulk,
            self.inbound_bytes,
            self.max_peers,
            self.max_handshakes,
            self.max_handshakes_per_source,
        ];
        if self.keep_alive * 2 >= self.idle {
            return Err(SettingsError::KeepAlive);
        }
        if self.redial_first.is_zero() || self.redial_first > self.redial_most {
            return Err(SettingsError::Redial);
        }
        if bounds.contains(&0) || self.first_window == 0 || self.first_rtt.is_zero() {
            return Err(SettingsError::Zero);
        }
        if self.in_flight.bulk > MAX_BULK {
            return Err(SettingsError::Bulk);
        }
        if self.retry_above >= self.max_handshakes {
            return Err(SettingsError::Handshakes);
        }
        if !(1200..=65_527).contains(&self.mtu_ceiling) {
            return Err(SettingsError::Mtu);
        }
        if self.idle >= HOUR || self.handshake >= HOUR {
            return Err(SettingsError::TooLong);
        }
        Ok(())
    }
}

impl InFlight {
    pub fn total(&self) -> usize {
        self.control + self.calls + self.bulk
    }
}

const HOUR: Duration = Duration::from_secs(3600);
