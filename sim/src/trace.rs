//! What a simulation did, in order: one line per event with its virtual time and host, and a hash
//! over these lines and over every datagram's time, ends, length and encrypted bytes.
//!
//! Two runs of one seed have byte-equal traces: that is what makes a failing seed worth keeping.

use crate::time::WorldTime;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A shared trace; clones write to the same one.
#[derive(Clone, Default)]
pub struct Trace {
    recorded: Arc<Mutex<Recorded>>,
    time: WorldTime,
}

#[derive(Default)]
struct Recorded {
    hash: Option<Fnv>,
    lines: Vec<String>,
    events: u64,
    datagrams: u64,
    bytes: u64,
    echo: bool,
}

/// What a finished run leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub hash: u64,
    pub events: u64,
    pub datagrams: u64,
    pub bytes: u64,
}

impl Trace {
    /// `echo` prints each event as it comes, for a person who follows one seed.
    pub fn new(time: WorldTime, echo: bool) -> Trace {
        let recorded = Recorded {
            echo,
            ..Recorded::default()
        };
        Trace {
            recorded: Arc::new(Mutex::new(recorded)),
            time,
        }
    }

    /// The time that the lines are stamped with.
    pub fn now(&self) -> Duration {
        self.time.now()
    }

    // A mutex, since hosts, world and sockets of one simulated thread write in turn; no message
    // could keep their order.
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn event(&self, host: &str, text: impl AsRef<str>) {
        let at = self.now().as_micros();
        let mut line = String::new();
        let written = write!(line, "{at:>11} {host:<8} {}", text.as_ref());
        debug_assert!(written.is_ok(), "a String takes any text");
        let mut recorded = self.lock();
        recorded.hash().eat(line.as_bytes());
        recorded.events += 1;
        if recorded.echo {
            echo(&line);
        }
        recorded.lines.push(line);
    }

    pub(crate) fn datagram(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let at = self.now().as_micros();
        let mut recorded = self.lock();
        let hash = recorded.hash();
        hash.eat(&at.to_le_bytes());
        hash.eat(format!("{from}>{to}").as_bytes());
        hash.eat(payload);
        recorded.datagrams += 1;
        recorded.bytes += payload.len() as u64;
    }

    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    pub fn summary(&self) -> Summary {
        let mut recorded = self.lock();
        Summary {
            hash: recorded.hash().0,
            events: recorded.events,
            datagrams: recorded.datagrams,
            bytes: recorded.bytes,
        }
    }
}

impl Recorded {
    fn hash(&mut self) -> &mut Fnv {
        self.hash.get_or_insert(Fnv(FNV_OFFSET))
    }
}

#[expect(clippy::print_stdout, reason = "the seed program's output")]
fn echo(line: &str) {
    println!("{line}");
}

/// FNV-1a, 64 bit: order-sensitive, no keys, the same in each process.
struct Fnv(u64);

impl Fnv {
    fn eat(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
