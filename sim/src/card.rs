//! A machine's network card: what its sockets and the network share. The card goes on when its
//! machine stands still: as in a kernel, what arrives waits in a socket's buffer, and what does not
//! fit there is lost.
//!
//! Its far end is a turmoil host that does nothing but carry. turmoil's links know addresses, so
//! the two ports travel in front of the payload.

use crate::time::WorldTime;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One machine's card; clones are the same card.
#[derive(Clone)]
pub struct NetCard(Arc<Mutex<Inner>>);

struct Inner {
    address: IpAddr,
    time: WorldTime,
    ports: BTreeMap<u16, Port>,
    /// What was sent, by the time at which it leaves and the order of sending.
    out: BTreeMap<(Duration, u64), (IpAddr, Vec<u8>)>,
    /// Numbers sockets and datagrams.
    next: u64,
    overflowed: u64,
}

#[derive(Default)]
struct Port {
    number: u64,
    waiting: VecDeque<Arrived>,
    reader: Option<Waker>,
}

/// A datagram in a socket's buffer.
pub(crate) struct Arrived {
    pub(crate) from: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

impl NetCard {
    pub fn new(address: IpAddr, time: WorldTime) -> NetCard {
        NetCard(Arc::new(Mutex::new(Inner {
            address,
            time,
            ports: BTreeMap::new(),
            out: BTreeMap::new(),
            next: 0,
            overflowed: 0,
        })))
    }

    // A mutex, since the machine's runtime and turmoil's host of one thread share the card.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn address(&self) -> IpAddr {
        self.lock().address
    }

    /// Datagrams that found a full buffer.
    pub fn overflowed(&self) -> u64 {
        self.lock().overflowed
    }

    /// Opens a port; the number is for [`NetCard::unbind`].
    ///
    /// # Errors
    /// When the port is taken.
    pub(crate) fn bind(&self, port: u16) -> io::Result<u64> {
        let mut inner = self.lock();
        if inner.ports.contains_key(&port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        inner.next += 1;
        let number = inner.next;
        let fresh = Port {
            number,
            ..Port::default()
        };
        inner.ports.insert(port, fresh);
        Ok(number)
    }

    /// Closes a port, unless another socket has it by now.
    pub(crate) fn unbind(&self, port: u16, number: u64) {
        let mut inner = self.lock();
        let ours = |open: &Port| open.number == number;
        let closed = if inner.ports.get(&port).is_some_and(ours) {
            inner.ports.remove(&port)
        } else {
            None
        };
        drop(inner);
        // A reader's waker may own a task that has a socket of this card.
        drop(closed);
    }

    /// The machine is off: nobody has a port. What was sent is on the wire.
    pub(crate) fn unplug(&self) {
        let closed = std::mem::take(&mut self.lock().ports);
        drop(closed);
    }

    pub(crate) fn send(&self, from: u16, to: SocketAddr, (payload, delay): (&[u8], Duration)) {
        let mut inner = self.lock();
        inner.next += 1;
        let leaves = (inner.time.now() + delay, inner.next);
        let ports = [from.to_le_bytes(), to.port().to_le_bytes()].concat();
        let frame = [&ports[..], payload].concat();
        inner.out.insert(leaves, (to.ip(), frame));
    }

    /// Up to `most` datagrams; waits while there is none.
    pub(crate) fn poll_take(&self, port: u16, most: usize, cx: &Context<'_>) -> Poll<Vec<Arrived>> {
        let mut inner = self.lock();
        // Without its port a socket hears nothing any more.
        let Some(open) = inner.ports.get_mut(&port) else {
            return Poll::Pending;
        };
        if open.waiting.is_empty() {
            let before = open.reader.replace(cx.waker().clone());
            drop(inner);
            drop(before);
            return Poll::Pending;
        }
        let count = open.waiting.len().min(most);
        Poll::Ready(open.waiting.drain(..count).collect())
    }

    /// The card's life as a turmoil host: carries, tick by tick.
    pub(crate) async fn carry(self) -> turmoil::Result {
        let socket = turmoil::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CARRIER)).await?;
        let mut buffer = vec![0; LONGEST];
        loop {
            for (to, frame) in self.leaving() {
                match socket.try_send_to(&frame, SocketAddr::new(to, CARRIER)) {
                    // Nobody there, or no room on the link: for UDP that is loss.
                    Err(error) if !lost(&error) => return Err(error.into()),
                    Ok(_) | Err(_) => {}
                }
            }
            while let Ok((len, from)) = socket.try_recv_from(&mut buffer) {
                self.arrive(from.ip(), &buffer[..len]);
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn leaving(&self) -> Vec<(IpAddr, Vec<u8>)> {
        let mut inner = self.lock();
        let later = (inner.time.now() + Duration::from_nanos(1), 0);
        let waiting = inner.out.split_off(&later);
        let leaving = std::mem::replace(&mut inner.out, waiting);
        leaving.into_values().collect()
    }

    fn arrive(&self, from: IpAddr, frame: &[u8]) {
        let Some((ports, payload)) = frame.split_first_chunk::<4>() else {
            return;
        };
        let number = |at: usize| u16::from_le_bytes([ports[at], ports[at + 1]]);
        let mut inner = self.lock();
        let Some(open) = inner.ports.get_mut(&number(2)) else {
            return;
        };
        if open.waiting.len() >= BUFFER {
            inner.overflowed += 1;
            return;
        }
        open.waiting.push_back(Arrived {
            from: SocketAddr::new(from, number(0)),
            payload: payload.to_vec(),
        });
        let reader = open.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

fn lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
    )
}

/// The one port that the carrying hosts use.
const CARRIER: u16 = 7;
const TICK: Duration = Duration::from_millis(1);
/// Above every datagram's length.
const LONGEST: usize = 1 << 16;
/// Datagrams that wait at one socket: 2 MiB of full ones, which is what a well set up kernel keeps.
const BUFFER: usize = 1400;

#[cfg(test)]
mod tests;
