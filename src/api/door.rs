//! The API's door to the network: TCP with the cluster's TLS, never without. Handshakes run beside
//! each other, connections have a bound, and whoever is not let in by the gate is cut off soon.

use super::gate::STRANGER_LIFE;
use super::{Gate, guard};
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::middleware::from_fn_with_state;
use axum::serve::{IncomingStream, Listener};
use engine::CancellationToken;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use transport::{Identity, NodeCertificate, Revocations, WallClock, https_server};

/// What TLS needs of the node at each handshake.
#[derive(Clone)]
pub struct TlsParts {
    pub identity: watch::Receiver<Identity>,
    pub revoked: watch::Receiver<Arc<Revocations>>,
    pub wall: Arc<dyn WallClock>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub from: SocketAddr,
    /// Its chain was verified in the handshake; what it may do is decided for each request.
    pub certificate: Option<Arc<NodeCertificate>>,
    known: Arc<AtomicBool>,
}

impl Peer {
    /// A request of it was let through: it may stay.
    pub(super) fn now_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }
}

/// Where connections come in.
pub struct Door {
    address: SocketAddr,
    listener: TcpListener,
    tls: TlsParts,
    places: Arc<Semaphore>,
}

impl Door {
    /// Listens on `address`, from now on.
    pub async fn open(address: SocketAddr, tls: TlsParts) -> io::Result<Door> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Door {
            address,
            listener,
            tls,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with `router` whoever the gate lets in, until `stop`, and those who are in to their
    /// ends.
    pub async fn serve(
        self: Arc<Self>,
        router: Router,
        gate: Arc<Gate>,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let (sender, ready) = mpsc::channel(READY);
        let shaken = Shaken {
            address: self.address,
            ready,
        };
        let guarded = router.layer(from_fn_with_state(gate, guard));
        let service = guarded.into_make_service_with_connect_info::<Peer>();
        let serving =
            axum::serve(shaken, service).with_graceful_shutdown(stop.clone().cancelled_owned());
        let accepting = async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = accept(self, sender) => {}
            }
        };
        let (served, ()) = tokio::join!(serving.into_future(), accepting);
        served
    }
}

async fn accept(door: Arc<Door>, ready: mpsc::Sender<(Guest, Peer)>) {
    loop {
        let Ok((stream, from)) = door.listener.accept().await else {
            // Out of file descriptors: some are free soon.
            sleep(PAUSE).await;
            continue;
        };
        // Full: the connection is closed at once.
        let Ok(place) = door.places.clone().try_acquire_owned() else {
            continue;
        };
        let (tls, ready) = (door.tls.clone(), ready.clone());
        tokio::spawn(async move {
            let shaken = timeout(HANDSHAKE, shake(stream, from, &tls)).await;
            match shaken {
                Ok(Ok((stream, peer))) => {
                    let guest = Guest {
                        stream,
                        known: peer.known.clone(),
                        leaves: Box::pin(sleep(STRANGER_LIFE)),
                        _place: place,
                    };
                    // Closed: the node stops.
                    drop(ready.send((guest, peer)).await);
                }
                Ok(Err(error)) => tracing::debug!(%error, %from, "no handshake"),
                Err(_) => tracing::debug!(%from, "the handshake took too long"),
            }
        });
    }
}

async fn shake(
    stream: TcpStream,
    from: SocketAddr,
    tls: &TlsParts,
) -> io::Result<(TlsStream<TcpStream>, Peer)> {
    let identity = tls.identity.borrow().clone();
    let config = https_server(&identity, tls.revoked.clone(), tls.wall.clone());
    let config = config.map_err(io::Error::other)?;
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let certificate = match leaf {
        Some(leaf) => Some(NodeCertificate::read(leaf).map_err(io::Error::other)?),
        None => None,
    };
    let peer = Peer {
        from,
        certificate: certificate.map(Arc::new),
        known: Arc::default(),
    };
    Ok((stream, peer))
}

/// Connections whose handshake is done.
struct Shaken {
    address: SocketAddr,
    ready: mpsc::Receiver<(Guest, Peer)>,
}

impl Listener for Shaken {
    type Io = Guest;
    type Addr = Peer;

    async fn accept(&mut self) -> (Guest, Peer) {
        match self.ready.recv().await {
            Some(guest) => guest,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer {
            from: self.address,
            certificate: None,
            known: Arc::default(),
        })
    }
}

impl Connected<IncomingStream<'_, Shaken>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Shaken>) -> Peer {
        stream.remote_addr().clone()
    }
}

/// One connection. It holds a place, and ends when nothing of it was let in for too long.
struct Guest {
    stream: TlsStream<TcpStream>,
    known: Arc<AtomicBool>,
    leaves: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let known = self.known.load(Ordering::Relaxed);
        if !known && self.leaves.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Connections at a time, handshakes included.
const CONNECTIONS: usize = 256;
/// Connections that wait for the server to take them.
const READY: usize = 16;
const HANDSHAKE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
