//! Round trips between two processes on this machine: `ping [THREADS [KIND [SIZE]]]` starts its own
//! server, then prints p50 and p99 of single requests, and requests per second with many in flight.
//!
//! Sizes are those of the figures: 64 bytes and 60 kB, as kind `RaftAppend` (control) and `Echo`
//! (calls). Beside them stands a bare UDP round trip, which no request can be faster than.

use base::{ClusterId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use transport::{
    Authority, Caller, CertificateGrant, Endpoint, Handler, Identity, KeySeed, LinkEvent,
    LinkFacts, NODE_LIFE, Refusal, Serial, Settings, Sockets, SystemWallClock, WallClock, request,
};
use wire::{Frame, Kind};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Echo;

impl Handler for Echo {
    fn call(
        &self,
        _from: Caller,
        frame: Frame,
        _left: Duration,
    ) -> BoxFuture<'static, Result<Bytes, Refusal>> {
        // An append's reply is small whatever the request was.
        let kind = frame.kind;
        let reply = if kind == Kind::RaftAppend {
            wire::encode_plain(kind, &[0_u64; 4])
        } else {
            frame
                .body::<Bytes>()
                .map_or(wire::encode_plain(kind, &()), |body| {
                    wire::encode_plain(kind, &body)
                })
        };
        let reply = reply.map_err(|error| Refusal::Failed {
            code: 1,
            text: error.to_string(),
        });
        async move { reply }.boxed()
    }

    fn datagram(&self, _from: NodeId, _bytes: Bytes) {}

    fn link(&self, _event: LinkEvent) {}
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, threads] = &arguments[..]
        && word == "server"
    {
        return runtime(threads.parse()?)?.block_on(serve());
    }
    let threads: usize = arguments.get(1).map_or(Ok(1), |word| word.parse())?;
    let runtime = runtime(threads)?;
    let mut server = Command::new(std::env::current_exe()?)
        .args(["server", &threads.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
    let quic: SocketAddr = lines.next().ok_or("no address")??.parse()?;
    let udp: SocketAddr = lines.next().ok_or("no address")??.parse()?;
    let processes = [std::process::id(), server.id()];
    let measured =
        bare_udp(udp).and_then(|()| runtime.block_on(measure(quic, processes, &arguments)));
    server.kill()?;
    server.wait()?;
    measured
}

/// At most as many threads as make sense here, whatever was typed.
fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads.clamp(1, 16))
        .enable_all()
        .build()
}

fn identity(number: u8) -> Outcome<Identity> {
    let now = SystemWallClock.unix();
    let mut rng = StdRng::seed_from_u64(1);
    // Both processes make the same authority, which only a measurement may do.
    let midnight = Duration::from_secs(now.as_secs() / 86_400 * 86_400);
    let authority = Authority::create(ClusterId([1; 8]), &mut rng, midnight)?;
    let seed = KeySeed::from_bytes([number; 32]);
    let grant = CertificateGrant {
        node: NodeId([number; 16]),
        roles: PeerRoles::of(&[PeerRole::Voter]),
        name: format!("box-{number}"),
        validity: NODE_LIFE,
    };
    let serial = Serial::from_bytes([number; 16]);
    let chain = authority.issue(&request(&seed), &grant, serial, now)?;
    Ok(Identity::new(seed, chain)?)
}

fn start(number: u8) -> Outcome<Endpoint> {
    let sockets = Sockets::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let settings = Settings::default();
    let clock = Arc::new(SystemWallClock);
    Ok(Endpoint::start(
        identity(number)?,
        sockets,
        settings,
        Arc::new(Echo),
        clock,
    )?)
}

async fn serve() -> Outcome<()> {
    let endpoint = start(2)?;
    let udp = UdpSocket::bind(("127.0.0.1", 0))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}\n{}", endpoint.local_addr()?, udp.local_addr()?)?;
    out.flush()?;
    std::thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok((length, from)) = udp.recv_from(&mut bytes) {
            if udp.send_to(&bytes[..length], from).is_err() {
                break;
            }
        }
    });
    // Until it is killed; the client's end closes our input.
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count()).await?;
    Ok(())
}

fn bare_udp(to: SocketAddr) -> Outcome<()> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut bytes = [0; 64];
    let mut times = Vec::new();
    for _ in 0..SINGLES {
        let start = now();
        socket.send(&bytes)?;
        socket.recv(&mut bytes)?;
        times.push(start.elapsed());
    }
    report("bare UDP, 64 B", times);
    Ok(())
}

async fn measure(addr: SocketAddr, processes: [u32; 2], arguments: &[String]) -> Outcome<()> {
    let wanted = |at: usize, is: String| arguments.get(at).is_none_or(|word| *word == is);
    let endpoint = start(1)?;
    let peer = endpoint.dial(addr).await?;
    for kind in [Kind::RaftAppend, Kind::Echo] {
        for size in [64, 60_000] {
            if !wanted(2, kind.name().to_owned()) || !wanted(3, size.to_string()) {
                continue;
            }
            let frame = wire::encode_plain(kind, &Bytes::from(vec![7; size]))?;
            one_by_one(&endpoint, peer, kind, &frame, processes).await?;
            for in_flight in [16, 64, 256] {
                side_by_side(&endpoint, peer, kind, (&frame, in_flight), processes).await?;
            }
        }
    }
    Ok(())
}

async fn one_by_one(
    endpoint: &Endpoint,
    peer: NodeId,
    kind: Kind,
    frame: &Bytes,
    processes: [u32; 2],
) -> Outcome<()> {
    let mut times = Vec::new();
    let spent = processes.map(cpu);
    for i in 0..SINGLES + WARM_UP {
        let start = now();
        endpoint.call(peer, kind, frame.clone(), TTL).await?;
        if i >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    report(&format!("{}, {} B", kind.name(), frame.len()), times);
    let share = |process: usize| {
        (cpu(processes[process]) - spent[process]) / (SINGLES + WARM_UP) as f64 * 1e6
    };
    let mut out = std::io::stdout();
    writeln!(out, "{:<28} CPU {:.1} + {:.1} µs", "", share(0), share(1))?;
    Ok(())
}

async fn side_by_side(
    endpoint: &Endpoint,
    peer: NodeId,
    kind: Kind,
    (frame, in_flight): (&Bytes, usize),
    processes: [u32; 2],
) -> Outcome<()> {
    let each = (if frame.len() > 1000 { 20_000 } else { 200_000 }) / in_flight;
    let (spent, sent) = (processes.map(cpu), packets(endpoint));
    let start = now();
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (endpoint, frame) = (endpoint.clone(), frame.clone());
            tokio::spawn(async move {
                for _ in 0..each {
                    endpoint.call(peer, kind, frame.clone(), TTL).await?;
                }
                Ok::<(), transport::CallError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    let count = (each * in_flight) as f64;
    let rate = count / start.elapsed().as_secs_f64();
    let share = |process: usize| (cpu(processes[process]) - spent[process]) / count * 1e6;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{:<28} {in_flight:>4} in flight {rate:>9.0} /s  CPU {:>5.1} + {:>5.1} µs  \
         {:.2} packets  {}",
        format!("{}, {} B", kind.name(), frame.len()),
        share(0),
        share(1),
        (packets(endpoint) - sent) as f64 / count,
        path(endpoint),
    )?;
    Ok(())
}

fn path(endpoint: &Endpoint) -> String {
    let path = |link: &LinkFacts| {
        format!(
            "mtu {} lost {} black holes {}",
            link.mtu, link.lost, link.black_holes
        )
    };
    endpoint.links().first().map(path).unwrap_or_default()
}

/// Packets that the client sent.
fn packets(endpoint: &Endpoint) -> u64 {
    endpoint.links().iter().map(|link| link.sent).sum()
}

/// Seconds of CPU that a process has used; 0 where the system does not tell.
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    let line = format!(
        "{name:<28} min {:>9.1?}  p50 {:>9.1?}  p99 {:>9.1?}\n",
        times[0],
        at(0.5),
        at(0.99)
    );
    std::io::stdout().write_all(line.as_bytes()).ok();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch is all this program is"
)]
fn now() -> Instant {
    Instant::now()
}

const SINGLES: usize = 20_000;
const WARM_UP: usize = 2_000;
const TTL: Duration = Duration::from_secs(10);
/// Linux's unit of CPU time.
const TICKS_PER_SECOND: f64 = 100.0;
