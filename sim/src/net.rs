//! quinn's socket and runtime over a simulated card and tokio's paused clock: the only parts of the
//! transport that differ from production.
//!
//! Segmentation offload does not exist here (`max_transmit_segments` stays 1).

use crate::card::NetCard;
use crate::fabric::Fabric;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// A UDP socket of a simulated machine.
pub struct SimSocket {
    card: NetCard,
    number: u64,
    local: SocketAddr,
    fabric: Fabric,
}

impl SimSocket {
    /// # Errors
    /// When the port is taken.
    pub fn bind(card: &NetCard, port: u16, fabric: Fabric) -> io::Result<SimSocket> {
        Ok(SimSocket {
            number: card.bind(port)?,
            card: card.clone(),
            local: SocketAddr::new(card.address(), port),
            fabric,
        })
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.card.unbind(self.local.port(), self.number);
    }
}

impl fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSocket")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for SimSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let (payload, to) = (transmit.contents, transmit.destination);
        self.fabric.trace().datagram(self.local, to, payload);
        for delay in self.fabric.decide(self.local, to, payload.len()).copies {
            self.card.send(self.local.port(), to, (payload, delay));
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let most = buffers.len().min(metas.len());
        let arrived = ready!(self.card.poll_take(self.local.port(), most, cx));
        let places = buffers.iter_mut().zip(metas.iter_mut());
        for ((buffer, meta), datagram) in places.zip(&arrived) {
            let len = datagram.payload.len().min(buffer.len());
            buffer[..len].copy_from_slice(&datagram.payload[..len]);
            *meta = RecvMeta {
                addr: datagram.from,
                len,
                stride: len,
                ..RecvMeta::default()
            };
        }
        Poll::Ready(Ok(arrived.len()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

/// quinn's runtime inside a simulated host.
#[derive(Debug)]
pub struct SimRuntime;

#[derive(Debug)]
struct SimTimer(Pin<Box<tokio::time::Sleep>>);

impl AsyncTimer for SimTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        tokio::time::Sleep::reset(self.0.as_mut(), at.into());
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Future::poll(self.0.as_mut(), cx)
    }
}

impl Runtime for SimRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(SimTimer(Box::pin(tokio::time::sleep_until(at.into()))))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::Error::other("a simulated host has no real sockets"))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
