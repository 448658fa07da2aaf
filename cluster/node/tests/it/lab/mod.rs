//! Real nodes in one process: real folders, real UDP on loopback, real QUIC, TLS and Raft. What a
//! machine is made of is as in production, but for its calendar and what is asked for an end of
//! the process.

use base::{PeerRole, PeerRoles, Time};
use cluster::{
    EnterError, EnterOptions, Entered, EventSink, Folder, FoundError, FoundOptions, Home, Node,
    NodeEvent, NodeRecord, NodeStartError, Parts, Settings, TokenWish, enter, found,
};
use crdt::NodeFacts;
use raft::{Abort, Fault, Writer};
use rand::SeedableRng;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use transport::{Identity, Sockets, SystemWallClock, Token, WallClock};

/// One machine: a folder, a socket, a clock.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) folder: TempDir,
    pub(crate) diary: Arc<Diary>,
    clock: Arc<Calendar>,
}

/// What happened in a node.
#[derive(Default)]
pub(crate) struct Diary(Mutex<Vec<NodeEvent>>);

impl EventSink for Diary {
    fn event(&self, _: Time, event: &NodeEvent) {
        self.0.lock().expect("no panic").push(event.clone());
    }
}

impl Abort for Diary {
    fn abort(&self, fault: &Fault) {
        panic!("the node would end its process: {fault}");
    }
}

impl Diary {
    pub(crate) fn saw(&self, wanted: impl Fn(&NodeEvent) -> bool) -> bool {
        self.0.lock().expect("no panic").iter().any(wanted)
    }
}

/// The machine's calendar, so many seconds ahead.
#[derive(Debug)]
struct Calendar {
    ahead_s: AtomicU64,
}

impl WallClock for Calendar {
    fn unix(&self) -> Duration {
        let ahead = Duration::from_secs(self.ahead_s.load(Ordering::SeqCst));
        SystemWallClock.unix() + ahead
    }
}

impl Machine {
    pub(crate) fn new(name: &str) -> Machine {
        Machine::ahead(name, Duration::ZERO)
    }

    /// A machine whose calendar is wrong.
    pub(crate) fn ahead(name: &str, ahead: Duration) -> Machine {
        Machine {
            name: name.to_owned(),
            folder: tempfile::tempdir().expect("a folder"),
            diary: Arc::default(),
            clock: Arc::new(Calendar {
                ahead_s: AtomicU64::new(ahead.as_secs()),
            }),
        }
    }

    /// Moves the machine's calendar on; its other clocks stay as they are.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock
            .ahead_s
            .fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// Moves it back.
    pub(crate) fn go_back(&self, time: Duration) {
        self.clock
            .ahead_s
            .fetch_sub(time.as_secs(), Ordering::SeqCst);
    }

    /// What the machine's calendar shows.
    pub(crate) fn unix(&self) -> Duration {
        self.clock.unix()
    }

    /// The node's certificate as it lies on the disk.
    pub(crate) fn identity(&self) -> Identity {
        self.home().load_identity().expect("an identity")
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    pub(crate) fn home(&self) -> Folder {
        Folder::new(self.path())
    }

    pub(crate) fn init(&self, listen: SocketAddr) -> Result<NodeRecord, FoundError> {
        let options = FoundOptions {
            cluster_name: format!("of-{}", self.name),
            node_name: self.name.clone(),
            listen,
            address: listen,
        };
        found(&self.home(), &options, &mut rand::rng(), self.clock.unix())
    }

    pub(crate) async fn enter(
        &self,
        token: &Token,
        listen: SocketAddr,
    ) -> Result<Entered, EnterError> {
        self.enter_speaking(token, listen, wire::VERSION).await
    }

    /// With a program that speaks this version of the wire.
    pub(crate) async fn enter_speaking(
        &self,
        token: &Token,
        listen: SocketAddr,
        speaks: u16,
    ) -> Result<Entered, EnterError> {
        let options = EnterOptions {
            name: self.name.clone(),
            pool: None,
            listen,
            address: Some(listen),
            transport: transport::Settings {
                speaks,
                ..transport::Settings::default()
            },
        };
        let with = (socket().0, self.clock.clone() as Arc<dyn WallClock>);
        let mut rng = rand::rngs::StdRng::from_os_rng();
        enter(&self.home(), token, &options, with, &mut rng).await
    }

    pub(crate) async fn start(&self, sockets: Sockets) -> Result<Node, NodeStartError> {
        self.start_with(sockets, Settings::default()).await
    }

    async fn start_with(
        &self,
        sockets: Sockets,
        settings: Settings,
    ) -> Result<Node, NodeStartError> {
        Node::start(self.home(), self.parts(sockets, settings)).await
    }

    fn parts(&self, sockets: Sockets, settings: Settings) -> Parts {
        let facts = NodeFacts {
            cores: 1,
            ..NodeFacts::default()
        };
        let (_, facts) = watch::channel(facts);
        Parts {
            sockets,
            wall: self.clock.clone(),
            events: self.diary.clone(),
            abort: self.diary.clone(),
            writer: Writer::Thread,
            facts,
            settings,
            actors: Vec::new(),
        }
    }

    /// Runs again, after a stop, where it listened before.
    pub(crate) async fn restart(&self) -> Node {
        let address = self.home().load_record().expect("a record").listen;
        let sockets = socket_again(address).await;
        self.start(sockets).await.expect("started")
    }

    /// Runs again, after a stop, with a program that speaks this version of the wire.
    pub(crate) async fn upgrade(&self, speaks: u16) -> Node {
        self.try_speaking(speaks).await.expect("started")
    }

    pub(crate) async fn try_speaking(&self, speaks: u16) -> Result<Node, NodeStartError> {
        let address = self.home().load_record().expect("a record").listen;
        let sockets = socket_again(address).await;
        let transport = transport::Settings {
            speaks,
            ..transport::Settings::default()
        };
        let settings = Settings {
            transport,
            ..Settings::default()
        };
        self.start_with(sockets, settings).await
    }

    /// Runs again, after a stop, at another address, as after a new lease.
    pub(crate) async fn move_away(&self) -> (Node, SocketAddr) {
        let (sockets, address) = socket();
        let mut record = self.home().load_record().expect("a record");
        // Its last life has let go of the folder by the time that the old address is free.
        drop(socket_again(record.listen).await);
        (record.listen, record.address) = (address, address);
        self.home().save_record(&record).expect("saved");
        (self.start(sockets).await.expect("started"), address)
    }

    /// A cluster of this machine alone, running.
    pub(crate) async fn founder(&self) -> Node {
        self.founder_of(|parts| parts).await
    }

    /// The same, of other parts than usual.
    pub(crate) async fn founder_of(&self, change: impl FnOnce(Parts) -> Parts) -> Node {
        let (sockets, address) = socket();
        self.init(address).expect("founded");
        let parts = change(self.parts(sockets, Settings::default()));
        let started = Node::start(self.home(), parts).await;
        started.expect("started")
    }

    /// The same, in another home than usual.
    pub(crate) async fn founder_in<H: Home>(&self, home: H, settings: Settings) -> Node {
        let (sockets, address) = socket();
        self.init(address).expect("founded");
        let parts = self.parts(sockets, settings);
        let started = Node::start(home, parts).await;
        started.expect("started")
    }

    /// Enters the cluster and runs.
    pub(crate) async fn joiner(&self, token: &Token) -> Node {
        let (sockets, address) = socket();
        let entered = self.enter(token, address).await.expect("entered");
        assert!(matches!(entered, Entered::Joined { .. }), "{entered:?}");
        self.start(sockets).await.expect("started")
    }
}

/// A socket of its own, and where it is.
pub(crate) fn socket() -> (Sockets, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let sockets = Sockets::bind(any).expect("a socket");
    let address = sockets.socket.local_addr().expect("bound");
    (sockets, address)
}

/// The socket of a node that has stopped: free once the last task of its endpoint has ended.
async fn socket_again(address: SocketAddr) -> Sockets {
    let binding = async {
        loop {
            match Sockets::bind(address) {
                Ok(sockets) => return sockets,
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let bound = tokio::time::timeout(PATIENCE, binding).await;
    bound.expect("the address is free again")
}

pub(crate) async fn token(node: &Node, uses: u32, ttl: Duration) -> Token {
    let wish = TokenWish {
        roles: PeerRoles::of(&[PeerRole::Worker, PeerRole::VoterCandidate]),
        name: None,
        pool: None,
        uses,
        ttl,
    };
    node.create_token("test", wish).await.expect("a token")
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let looking = async {
        while !done() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, looking).await;
    assert!(came.is_ok(), "it never came: {what}");
}

const LOOK: Duration = Duration::from_millis(20);
/// A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);
