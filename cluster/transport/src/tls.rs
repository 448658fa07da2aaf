//! TLS and QUIC configurations: TLS 1.3 only, Ed25519 only, no resumption and so no 0-RTT.
//!
//! Without resumption every connection proves its certificate anew, so revocation and expiry are
//! seen at every handshake. The crypto provider is given to each configuration, never installed for
//! the process, since several nodes share one process in the simulation.

use crate::identity::Identity;
use crate::keys::KeySeed;
use crate::verify::Verifier;
use crate::wall::TlsTime;
use crate::{Settings, WallClock};
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    ClientConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TransportConfig,
    VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::server::NoServerSessionStorage;
use std::sync::Arc;
use std::time::Duration;

/// A configuration that rustls or quinn would not take: a fault of this software or of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the TLS configuration was refused: {0}")]
pub struct TlsError(String);

impl TlsError {
    fn new(error: impl ToString) -> TlsError {
        TlsError(error.to_string())
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    // AES-128 first: as safe here as AES-256, and a fifth faster on each packet.
    provider.cipher_suites = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    provider.kx_groups = vec![kx_group::X25519];
    Arc::new(provider)
}

pub(crate) fn server(
    identity: &Identity,
    verifier: Arc<Verifier>,
    wall: Arc<dyn WallClock>,
    settings: &Settings,
) -> Result<ServerConfig, TlsError> {
    let config = server_config(identity, verifier, wall, ALPN)?;
    let crypto = QuicServerConfig::try_from(config).map_err(TlsError::new)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config
        .transport_config(Arc::new(transport(settings)?))
        .max_incoming(settings.max_handshakes)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL);
    Ok(config)
}

/// The rules that every server of ours keeps, whatever it speaks inside.
pub(crate) fn server_config(
    identity: &Identity,
    verifier: Arc<Verifier>,
    wall: Arc<dyn WallClock>,
    protocol: &[u8],
) -> Result<rustls::ServerConfig, TlsError> {
    let builder = rustls::ServerConfig::builder_with_details(
        verifier.provider.clone(),
        Arc::new(TlsTime(wall)),
    );
    let mut config = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::new)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain().to_vec(), identity.seed().tls())
        .map_err(TlsError::new)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// `identity` is absent for a joiner, who has none yet.
pub(crate) fn client(
    identity: Option<&Identity>,
    verifier: Arc<Verifier>,
    wall: Arc<dyn WallClock>,
    settings: &Settings,
) -> Result<ClientConfig, TlsError> {
    let config = client_config(identity, verifier, wall, ALPN)?;
    let crypto = QuicClientConfig::try_from(config).map_err(TlsError::new)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport(settings)?));
    Ok(config)
}

/// The rules that every client of ours keeps.
pub(crate) fn client_config(
    identity: Option<&Identity>,
    verifier: Arc<Verifier>,
    wall: Arc<dyn WallClock>,
    protocol: &[u8],
) -> Result<rustls::ClientConfig, TlsError> {
    let builder = rustls::ClientConfig::builder_with_details(
        verifier.provider.clone(),
        Arc::new(TlsTime(wall)),
    );
    let builder = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::new)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain().to_vec(), identity.seed().tls())
            .map_err(TlsError::new)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // The expected node's id stays between us and our verifier.
    config.enable_sni = false;
    Ok(config)
}

fn transport(settings: &Settings) -> Result<TransportConfig, TlsError> {
    let mut congestion = CubicConfig::default();
    congestion.initial_window(settings.first_window);
    let mut discovery = MtuDiscoveryConfig::default();
    discovery
        .upper_bound(settings.mtu_ceiling)
        .black_hole_cooldown(BLACK_HOLE_PAUSE);
    let idle = IdleTimeout::try_from(settings.idle).map_err(TlsError::new)?;
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(settings.keep_alive))
        .initial_rtt(settings.first_rtt)
        .mtu_discovery_config(Some(discovery))
        .congestion_controller_factory(Arc::new(congestion))
        // What a peer may open before it is known; raised once it is.
        .max_concurrent_bidi_streams(VarInt::from_u32(STRANGER_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAMS_IN))
        .datagram_send_buffer_size(DATAGRAMS_OUT);
    Ok(config)
}

/// A link to a known peer may carry what its bounds of requests allow.
pub(crate) fn trust(connection: &quinn::Connection, settings: &Settings) {
    let streams = u32::try_from(2 * settings.in_flight.total()).unwrap_or(u32::MAX);
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(streams));
    connection.set_receive_window(VarInt::from_u32(PEER_WINDOW));
}

/// Connection ids and reset tokens derive from the node's key, so that a restarted node can tell
/// its peers at once that their links are gone.
pub(crate) fn endpoint(seed: &KeySeed, settings: &Settings) -> Result<EndpointConfig, TlsError> {
    let reset = seed.derive("rlm1 quic stateless reset");
    let ids = seed.derive("rlm1 quic connection ids");
    let ids = u64::from_be_bytes(std::array::from_fn(|i| ids[i]));
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset)));
    config
        .cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)))
        .max_udp_payload_size(settings.mtu_ceiling)
        .map_err(TlsError::new)?;
    Ok(config)
}

struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // `blake3::Hash` compares in constant time.
        let hash = blake3::Hash::from_slice(signature).map_err(|_| CryptoError)?;
        match blake3::keyed_hash(&self.0, data) == hash {
            true => Ok(()),
            false => Err(CryptoError),
        }
    }
}

/// A burst that overflows a socket's buffer looks like a path that swallows large packets. A few
/// probes find out soon; small packets for long would cost several times the CPU.
const BLACK_HOLE_PAUSE: Duration = Duration::from_secs(1);
const ALPN: &[u8] = b"rlm/1";
const STRANGER_STREAMS: u32 = 8;
/// Bytes that a peer may send before it is known.
const STRANGER_WINDOW: u32 = 1 << 20;
/// Bytes of one stream written or received and not yet read at the other end: what fills one link
/// of 10 Gbit/s and 1 ms.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a link together. QUIC counts a byte when it is written, so whatever
/// bulk may have written must leave room here, or a heartbeat waits until bulk was read.
const PEER_WINDOW: u32 = 128 << 20;
const SEND_WINDOW: u64 = PEER_WINDOW as u64;
/// Requests and replies in bulk take half of it at most.
pub(crate) const MAX_BULK: usize = (PEER_WINDOW / STREAM_WINDOW / 4) as usize;
/// Datagrams wait at most this long in bytes; older ones are dropped, as a heartbeat ages.
const DATAGRAMS_IN: usize = 256 << 10;
pub(crate) const DATAGRAMS_OUT: usize = 64 << 10;
/// First packets of a handshake that waits to be admitted, and of all together.
const INCOMING_BYTES: u64 = 64 << 10;
const INCOMING_BYTES_TOTAL: u64 = 8 << 20;
