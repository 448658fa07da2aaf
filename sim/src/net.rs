//! quinn's socket and runtime over turmoil's UDP and tokio's paused clock: the only parts of the
//! transport that differ from production.
//!
//! turmoil has no `poll_recv_from`, so one `readable()` future is kept between polls. Segmentation
//! offload does not exist here (`max_transmit_segments` stays 1).

use crate::fabric::Fabric;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};
use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

type Readable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// A UDP socket of a simulated host.
pub struct SimSocket {
    socket: Arc<turmoil::net::UdpSocket>,
    // A mutex, since quinn polls through a shared reference; it is never held across an await.
    readable: Mutex<Option<Readable>>,
    local: SocketAddr,
    fabric: Fabric,
}

impl SimSocket {
    /// Binds the host's own address.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind(host: &str, port: u16, fabric: Fabric) -> io::Result<SimSocket> {
        let socket = turmoil::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
        Ok(SimSocket {
            socket: Arc::new(socket),
            readable: Mutex::new(None),
            local: SocketAddr::new(turmoil::lookup(host), port),
            fabric,
        })
    }

    fn send(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.socket.try_send_to(payload, to) {
            // Nobody there, or no room on the link: for UDP that is loss.
            Err(error) if lost(&error) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    fn send_later(&self, payload: &[u8], to: SocketAddr, delay: Duration) {
        let (socket, payload) = (self.socket.clone(), payload.to_vec());
        // Detached: the datagram is on the wire, whoever sent it may be gone when it arrives.
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let sent = socket.try_send_to(&payload, to);
            debug_assert!(sent.as_ref().err().is_none_or(lost), "{sent:?}");
        });
    }
}

fn lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
    )
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
            if delay.is_zero() {
                self.send(payload, to)?;
            } else {
                self.send_later(payload, to, delay);
            }
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let received = self.receive(buffers, metas)?;
            if received > 0 {
                return Poll::Ready(Ok(received));
            }
            let mut slot = self.readable.lock().unwrap_or_else(PoisonError::into_inner);
            let readable = slot.get_or_insert_with(|| {
                let socket = self.socket.clone();
                Box::pin(async move { socket.readable().await })
            });
            let outcome = ready!(readable.as_mut().poll(cx));
            *slot = None;
            outcome?;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl SimSocket {
    fn receive(&self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> io::Result<usize> {
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas.iter_mut()) {
            match self.socket.try_recv_from(buffer) {
                Ok((len, addr)) => {
                    *meta = RecvMeta {
                        addr,
                        len,
                        stride: len,
                        ..RecvMeta::default()
                    };
                    count += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
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
