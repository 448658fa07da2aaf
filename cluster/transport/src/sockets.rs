//! The socket and the runtime that QUIC runs on. The simulation hands in its own pair.

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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

    /// The same for datagrams of up to that size.
    pub(crate) fn bounded(self, mtu_ceiling: u16) -> Sockets {
        let fit = MAX_BATCH / usize::from(mtu_ceiling).max(1);
        Sockets {
            runtime: self.runtime,
            socket: Arc::new(Bounded {
                segments: self.socket.max_transmit_segments().min(fit).max(1),
                socket: self.socket,
            }),
        }
    }
}

/// Hands the kernel no batch that it would refuse. quinn sends up to ten datagrams in one call,
/// which the kernel takes as one packet to be cut; with large datagrams the ten are more than a
/// packet may hold, and all of them are lost, each time they are sent again.
#[derive(Debug)]
struct Bounded {
    socket: Arc<dyn AsyncUdpSocket>,
    segments: usize,
}

impl AsyncUdpSocket for Bounded {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(context, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.segments
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// Bytes: what arrives in some milliseconds at 10 Gbit/s.
const SOCKET_BUFFER: usize = 4 << 20;
/// A UDP packet's payload over IPv4; one over IPv6 holds a little more.
const MAX_BATCH: usize = 65_507;

#[cfg(test)]
mod tests;
