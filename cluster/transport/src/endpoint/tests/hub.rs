//! UDP inside the test: an `AsyncUdpSocket` for each address, links that lose, delay and throttle,
//! all on tokio's paused clock.

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, TokioRuntime, UdpPoller};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Sockets;

type Packet = (SocketAddr, Vec<u8>);

#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    ports: BTreeMap<SocketAddr, mpsc::Sender<Packet>>,
    /// From, to.
    cut: Vec<(SocketAddr, SocketAddr)>,
    /// Sockets that fail when they are read.
    broken: Vec<SocketAddr>,
    /// One in so many packets is lost.
    loss: Option<u64>,
    /// One in so many arrives with another bit.
    garble: Option<u64>,
    rate: Option<Rate>,
    busy: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    carried: u64,
    lost: u64,
    garbled: u64,
    /// Everything that was sent, where someone wants it.
    tap: Option<Vec<Vec<u8>>>,
}

/// A link of limited speed: a queue of `queue` before it, `delay` behind.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) bytes_per_second: u32,
    pub(crate) delay: Duration,
    pub(crate) queue: Duration,
}

impl Hub {
    pub(crate) fn socket(&self, addr: SocketAddr) -> Sockets {
        let (sender, receiver) = mpsc::channel(PORT_QUEUE);
        self.0.lock().unwrap().ports.insert(addr, sender);
        Sockets {
            runtime: Arc::new(TokioRuntime),
            socket: Arc::new(HubSocket {
                hub: self.clone(),
                addr,
                inbox: Mutex::new(receiver),
            }),
        }
    }

    pub(crate) fn cut_one_way(&self, from: SocketAddr, to: SocketAddr) {
        self.0.lock().unwrap().cut.push((from, to));
    }

    pub(crate) fn cut(&self, one: SocketAddr, other: SocketAddr) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().cut.clear();
    }

    /// The socket fails from now on; the packet is for it to notice.
    pub(crate) fn break_socket(&self, addr: SocketAddr) {
        let mut state = self.0.lock().unwrap();
        state.broken.push(addr);
        if let Some(port) = state.ports.get(&addr) {
            port.try_send((addr, Vec::new())).unwrap();
        }
    }

    fn is_broken(&self, addr: SocketAddr) -> bool {
        self.0.lock().unwrap().broken.contains(&addr)
    }

    pub(crate) fn lose_one_in(&self, packets: u64) {
        self.0.lock().unwrap().loss = Some(packets);
    }

    pub(crate) fn garble_one_in(&self, packets: u64) {
        self.0.lock().unwrap().garble = Some(packets);
    }

    pub(crate) fn throttle(&self, rate: Rate) {
        self.0.lock().unwrap().rate = Some(rate);
    }

    pub(crate) fn tap(&self) {
        self.0.lock().unwrap().tap = Some(Vec::new());
    }

    /// Packets sent since then.
    pub(crate) fn tapped(&self) -> usize {
        self.0.lock().unwrap().tap.as_ref().map_or(0, Vec::len)
    }

    pub(crate) fn untap(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().tap.take().unwrap_or_default()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.0.lock().unwrap().lost
    }

    pub(crate) fn garbled(&self) -> u64 {
        self.0.lock().unwrap().garbled
    }

    fn send(&self, from: SocketAddr, transmit: &Transmit<'_>) {
        let mut state = self.0.lock().unwrap();
        let (to, mut bytes) = (transmit.destination, transmit.contents.to_vec());
        state.carried += 1;
        if let Some(tap) = &mut state.tap {
            tap.push(bytes.clone());
        }
        let unlucky = state
            .loss
            .is_some_and(|one_in| state.carried.is_multiple_of(one_in));
        if unlucky || state.cut.contains(&(from, to)) {
            state.lost += 1;
            return;
        }
        let garbled = state
            .garble
            .is_some_and(|one_in| state.carried.is_multiple_of(one_in));
        if garbled {
            // Another one each time: of the header, or of what is sealed.
            let bit = state.carried as usize * 31 % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            state.garbled += 1;
        }
        let Some(port) = state.ports.get(&to).cloned() else {
            return;
        };
        let Some(rate) = state.rate else {
            // A full port loses, as a socket does.
            port.try_send((from, bytes)).ok();
            return;
        };
        let now = Instant::now();
        let busy = state.busy.get(&(from, to)).copied().unwrap_or(now).max(now);
        if busy - now > rate.queue {
            state.lost += 1;
            return;
        }
        let seconds = bytes.len() as f64 / f64::from(rate.bytes_per_second);
        let sent = busy + Duration::from_secs_f64(seconds);
        state.busy.insert((from, to), sent);
        tokio::spawn(async move {
            sleep_until(sent + rate.delay).await;
            port.try_send((from, bytes)).ok();
        });
    }
}

struct HubSocket {
    hub: Hub,
    addr: SocketAddr,
    inbox: Mutex<mpsc::Receiver<Packet>>,
}

impl fmt::Debug for HubSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubSocket({})", self.addr)
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for HubSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.hub.send(self.addr, transmit);
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut inbox = self.inbox.lock().unwrap();
        let Some((from, bytes)) = ready!(inbox.poll_recv(cx)) else {
            return Poll::Pending;
        };
        if self.hub.is_broken(self.addr) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let len = bytes.len().min(bufs[0].len());
        bufs[0][..len].copy_from_slice(&bytes[..len]);
        meta[0] = RecvMeta {
            addr: from,
            len,
            stride: len,
            ecn: None,
            dst_ip: None,
        };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

const PORT_QUEUE: usize = 8192;
