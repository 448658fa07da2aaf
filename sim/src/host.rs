//! One simulated machine: boots a node from its disk, joins when it has a token, runs clients
//! beside it. The node inside is the production one; only its [`Parts`] differ.

use crate::card::NetCard;
use crate::disk::SimDisk;
use crate::fabric::Fabric;
use crate::machine::SimHome;
use crate::net::{SimRuntime, SimSocket};
use crate::oracle::Oracle;
use crate::time::Calendar;
use crate::trace::Trace;
use base::Time;
use cluster::{
    EnterError, EnterOptions, EventSink, FailCode, FoundOptions, Home, HomeError, Node, NodeEvent,
    NodeStartError, Parts, Settings, enter, found,
};
use crdt::NodeFacts;
use raft::{Abort, Fault, StartError, Writer};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use transport::{DialError, JoinError, Refusal, Sockets, Token, WallClock};

/// What the world holds of one machine, across its crashes.
#[derive(Clone)]
pub struct Machine(Arc<Inner>);

struct Inner {
    name: String,
    founder: bool,
    disk: SimDisk,
    card: NetCard,
    fabric: Fabric,
    trace: Trace,
    oracle: Oracle,
    settings: Settings,
    /// The version that its program speaks from the next start on.
    speaks: AtomicU16,
    clients: u32,
    /// What the machine joins with, once somebody gives it one.
    token: watch::Sender<Option<Token>>,
    // Mutexes, since the world's loop and the machine's runtime share them on one thread.
    calendar: Mutex<Calendar>,
    node: Mutex<Option<Arc<Node>>>,
    aborted: AtomicBool,
    aborts: AtomicU64,
    boots: AtomicU64,
    /// It was told that its program's version does not go with the cluster's: when it asked to
    /// join, or by its own log.
    unfit: AtomicBool,
    /// Work that the world gives to the machine's own runtime.
    work: Mutex<Option<mpsc::Sender<Work>>>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a machine is made.
pub struct MachineSpec {
    pub name: String,
    pub founder: bool,
    pub disk: SimDisk,
    pub card: NetCard,
    pub fabric: Fabric,
    pub trace: Trace,
    pub oracle: Oracle,
    pub settings: Settings,
    /// Clients that work on this machine's node.
    pub clients: u32,
}

impl Machine {
    pub fn new(spec: MachineSpec) -> Machine {
        Machine(Arc::new(Inner {
            name: spec.name,
            founder: spec.founder,
            disk: spec.disk,
            card: spec.card,
            fabric: spec.fabric,
            trace: spec.trace,
            oracle: spec.oracle,
            speaks: AtomicU16::new(spec.settings.transport.speaks),
            settings: spec.settings,
            clients: spec.clients,
            calendar: Mutex::default(),
            token: watch::Sender::new(None),
            node: Mutex::new(None),
            aborted: AtomicBool::new(false),
            aborts: AtomicU64::new(0),
            boots: AtomicU64::new(0),
            unfit: AtomicBool::new(false),
            work: Mutex::new(None),
        }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it was told that its version does not go with the cluster's; asked once.
    pub fn take_unfit(&self) -> bool {
        self.0.unfit.swap(false, Ordering::Relaxed)
    }

    /// From its next start on it runs a program that speaks this version.
    pub fn install(&self, version: u16) {
        let what = format!("gets a program of version {version}");
        self.0.trace.event(&self.0.name, what);
        self.0.speaks.store(version, Ordering::Relaxed);
    }

    pub fn speaks(&self) -> u16 {
        self.0.speaks.load(Ordering::Relaxed)
    }

    pub fn disk(&self) -> &SimDisk {
        &self.0.disk
    }

    pub fn card(&self) -> &NetCard {
        &self.0.card
    }

    pub(crate) fn fabric(&self) -> &Fabric {
        &self.0.fabric
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The running node; none while the machine is down or has not joined.
    pub fn node(&self) -> Option<Arc<Node>> {
        self.0
            .node
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs something on the machine's runtime; lost when the machine is down.
    pub fn run(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let queue = self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref() {
            queue.try_send(work).ok();
        }
    }

    /// Must come before the host is crashed, so that nothing of it outlives it.
    pub fn forget_node(&self) {
        self.0
            .node
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.0
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Whether the node asked for its process to be ended; asked once.
    pub fn take_abort(&self) -> bool {
        self.0.aborted.swap(false, Ordering::Relaxed)
    }

    /// How often its node ended its process because a disk had failed.
    pub fn aborts(&self) -> u64 {
        self.0.aborts.load(Ordering::Relaxed)
    }

    pub fn boots(&self) -> u64 {
        self.0.boots.load(Ordering::Relaxed)
    }

    pub fn give_token(&self, token: &Token) {
        self.0.token.send_replace(Some(token.clone()));
    }

    /// Sets the machine's wall clock apart from the others'.
    pub fn set_clock_offset(&self, ms: i64) {
        self.calendar().set(self.0.trace.now(), ms);
    }

    /// From now on the machine's wall clock gains that many millionths.
    pub fn set_calendar_drift(&self, ppm: i64) {
        self.calendar().drift(self.0.trace.now(), ppm);
    }

    fn calendar(&self) -> MutexGuard<'_, Calendar> {
        self.0
            .calendar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine's life from power on. Runs until the machine is crashed.
    pub async fn live(self) {
        self.0.boots.fetch_add(1, Ordering::Relaxed);
        let home = SimHome::new(&self.0.name, self.0.disk.clone());
        if let Err(why) = self.settle(&home).await {
            self.0
                .trace
                .event(&self.0.name, format!("cannot settle: {why}"));
            self.start_again().await;
            return std::future::pending().await;
        }
        let socket = match SimSocket::bind(&self.0.card, PORT, self.0.fabric.clone()) {
            Ok(socket) => socket,
            Err(why) => return self.0.trace.event(&self.0.name, format!("no port: {why}")),
        };
        match Node::start(home, self.parts(socket)).await {
            Ok(node) => {
                let node = Arc::new(node);
                *self.0.node.lock().unwrap_or_else(PoisonError::into_inner) = Some(node.clone());
                for client in 0..self.0.clients {
                    let work = crate::client::work(node.clone(), self.client(client));
                    tokio::spawn(work);
                }
            }
            Err(error) => {
                self.0
                    .trace
                    .event(&self.0.name, format!("did not start: {error}"));
                let unfit = is_outgrown(&error);
                self.0.unfit.fetch_or(unfit, Ordering::Relaxed);
                self.start_again().await;
            }
        }
        let (sender, mut work) = mpsc::channel(WORK_QUEUE);
        *self.0.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        while let Some(work) = work.recv().await {
            tokio::spawn(work);
        }
    }

    /// As systemd does: after a while.
    async fn start_again(&self) {
        tokio::time::sleep(RESTART).await;
        self.0.aborted.store(true, Ordering::Relaxed);
    }

    fn client(&self, number: u32) -> crate::client::Client {
        crate::client::Client {
            name: format!("{}.{number}.{}", self.0.name, self.boots()),
            oracle: self.0.oracle.clone(),
        }
    }

    /// Founds or joins where the disk holds no node yet.
    async fn settle(&self, home: &SimHome) -> Result<(), String> {
        match home.load_record() {
            Ok(_) => return Ok(()),
            Err(HomeError::Empty { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
        let address = SocketAddr::new(self.0.card.address(), PORT);
        if self.0.founder {
            let options = FoundOptions {
                cluster_name: "lab".to_owned(),
                node_name: self.0.name.clone(),
                listen: address,
                address,
            };
            let unix = self.clock().unix();
            let made = found(home, &options, &mut rand::rng(), unix);
            return made.map(drop).map_err(|error| error.to_string());
        }
        self.join(home, address).await
    }

    async fn join(&self, home: &SimHome, address: SocketAddr) -> Result<(), String> {
        let mut token = self.0.token.subscribe();
        let given = token.wait_for(Option::is_some).await;
        let token = given.map_err(|error| error.to_string())?.clone();
        let Some(token) = token else {
            return Err("no token".to_owned());
        };
        let options = EnterOptions {
            name: self.0.name.clone(),
            pool: None,
            listen: address,
            address: Some(address),
            transport: self.transport(),
        };
        for attempt in 0..JOIN_TRIES {
            // A port of its own for each try: the one before may still be closing.
            let port = PORT + 1 + attempt;
            let socket = SimSocket::bind(&self.0.card, port, self.0.fabric.clone());
            let socket = socket.map_err(|error| error.to_string())?;
            let with = (sockets(socket), self.clock());
            let mut rng = rand::rng();
            match enter_with(home, &token, &options, with, &mut rng).await {
                Ok(()) => return Ok(()),
                Err(why) => {
                    self.0.trace.event(&self.0.name, format!("join: {why}"));
                    self.0.unfit.fetch_or(is_version(&why), Ordering::Relaxed);
                }
            }
            tokio::time::sleep(JOIN_PAUSE).await;
        }
        Err("no join succeeded".to_owned())
    }

    pub(crate) fn clock(&self) -> Arc<dyn WallClock> {
        Arc::new(SimClock {
            machine: self.clone(),
        })
    }

    fn transport(&self) -> transport::Settings {
        transport::Settings {
            speaks: self.speaks(),
            ..self.0.settings.transport.clone()
        }
    }

    fn parts(&self, socket: SimSocket) -> Parts {
        let facts = NodeFacts {
            cores: 2,
            memory_bytes: 8 << 30,
            numa_nodes: 1,
            slots: 2,
            ..NodeFacts::default()
        };
        // The sender is kept by the receiver's clones only: these facts never change.
        let (_, facts) = watch::channel(facts);
        Parts {
            sockets: sockets(socket),
            wall: self.clock(),
            events: Arc::new(Witness {
                machine: self.clone(),
            }),
            abort: Arc::new(Witness {
                machine: self.clone(),
            }),
            writer: Writer::Task,
            facts,
            settings: Settings {
                transport: self.transport(),
                ..self.0.settings.clone()
            },
            actors: Vec::new(),
        }
    }
}

async fn enter_with(
    home: &SimHome,
    token: &Token,
    options: &EnterOptions,
    with: (Sockets, Arc<dyn WallClock>),
    rng: &mut rand::rngs::ThreadRng,
) -> Result<(), EnterError> {
    use rand::SeedableRng;
    let mut seeded = rand::rngs::StdRng::from_rng(rng);
    let entered = enter(home, token, options, with, &mut seeded).await;
    entered.map(drop)
}

fn is_version(why: &EnterError) -> bool {
    if let EnterError::Join(JoinError::Refused(Refusal::Failed { code, .. })) = why {
        return FailCode::of(*code) == FailCode::Version;
    }
    matches!(
        why,
        EnterError::Join(
            JoinError::NoAnswer {
                last: DialError::Version { .. },
                ..
            } | JoinError::Refused(Refusal::Version { .. })
        )
    )
}

fn is_outgrown(why: &NodeStartError) -> bool {
    matches!(why, NodeStartError::Raft(StartError::Outgrown { .. }))
}

pub(crate) fn sockets(socket: SimSocket) -> Sockets {
    Sockets {
        runtime: Arc::new(SimRuntime),
        socket: Arc::new(socket),
    }
}

/// The simulated calendar, with the machine's own error.
struct SimClock {
    machine: Machine,
}

impl std::fmt::Debug for SimClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimClock({})", self.machine.name())
    }
}

impl WallClock for SimClock {
    fn unix(&self) -> Duration {
        let now = self.machine.0.trace.now();
        self.machine.calendar().shows(EPOCH + now, now)
    }
}

/// Writes a node's events to the trace, and notes what the world must act on.
struct Witness {
    machine: Machine,
}

impl EventSink for Witness {
    fn event(&self, _: Time, event: &NodeEvent) {
        let inner = &self.machine.0;
        inner.trace.event(&inner.name, event.to_string());
    }
}

impl Abort for Witness {
    fn abort(&self, fault: &Fault) {
        let inner = &self.machine.0;
        inner.trace.event(&inner.name, format!("aborts: {fault}"));
        inner.aborts.fetch_add(1, Ordering::Relaxed);
        inner.aborted.store(true, Ordering::Relaxed);
    }
}

/// The day on which every simulation begins: 2026-01-01.
pub const EPOCH: Duration = Duration::from_secs(1_767_225_600);
pub const PORT: u16 = 7411;
/// Calls of the world that wait.
const WORK_QUEUE: usize = 64;
const RESTART: Duration = Duration::from_secs(2);
const JOIN_TRIES: u16 = 40;
const JOIN_PAUSE: Duration = Duration::from_millis(500);
