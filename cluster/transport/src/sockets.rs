//! The socket and the runtime that QUIC runs on. The simulation hands in its own pair.

use quinn::udp::UdpSocketState;
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Sockets {
    pub runtime: Arc<dyn Runtime>,
    pub socket: Arc<dyn AsyncUdpSocket>,
}

impl Sockets {
    /// A real UDP socket, on the tokio runtime of the caller.
    pub fn bind(addr: SocketAddr) -> io::Result<Sockets> {
        let socket = UdpSocket::bind(addr)?;
        let state = UdpSocketState::new((&socket).into())?;
        // The kernel may grant less, and then bursts lose packets that QUIC sends again.
        let grown = state
            .set_recv_buffer_size((&socket).into(), SOCKET_BUFFER)
            .and_then(|()| state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER));
        if let Err(error) = grown {
            tracing::debug!(%error, "the socket's buffers keep their size");
        }
        let runtime = Arc::new(TokioRuntime);
        let socket = runtime.wrap_udp_socket(socket)?;
        Ok(Sockets { runtime, socket })
    }
}

/// Bytes: what arrives in some milliseconds at 10 Gbit/s.
const SOCKET_BUFFER: usize = 4 << 20;
