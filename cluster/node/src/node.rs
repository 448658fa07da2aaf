//! A running node: its parts, wired and started, and what the shell may ask of it.

use crate::blobs::{BlobSettings, BlobSettingsError, Shelf};
use crate::core::{Carrier, Core};
use crate::event::{EventSink, NodeEvent};
use crate::front::Front;
use crate::home::{Home, HomeError, NodeRecord};
use crate::settings::Settings;
use crate::spread::Known;
use crate::tree::{self, Seats};
use actor::{Cause, Child, Tree, TreeError, mailbox};
use base::{NodeId, Time};
use crdt::disk::{LoadError, StoreFile};
use crdt::{Gossip, NodeFacts, Replica, Store};
use membership::{Member, Standing, SwimCounts, SwimSettingsError, SwimView};
use raft::{Abort, Fault, Group, Starter, Writer};
use rand::RngCore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use transport::{Endpoint, Sockets, WallClock};

/// What a node is made of besides its home. The simulation hands in its own.
pub struct Parts {
    pub sockets: Sockets,
    pub wall: Arc<dyn WallClock>,
    pub events: Arc<dyn EventSink>,
    pub abort: Arc<dyn Abort>,
    /// Whether what blocks on the disk has threads of its own.
    pub writer: Writer,
    /// What this machine has; may change while it runs.
    pub facts: watch::Receiver<NodeFacts>,
    pub settings: Settings,
    /// Actors of whoever runs the node, for its tree: started after all others, stopped before
    /// them.
    pub actors: Vec<Child>,
}

/// Why a node did not start. Its home is as it was, the count of starts excepted.
#[derive(Debug, thiserror::Error)]
pub enum NodeStartError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("the transport did not start: {0}")]
    Transport(#[from] transport::StartError),
    #[error("raft did not start: {0}")]
    Raft(#[from] raft::StartError),
    #[error("the membership settings are wrong: {0}")]
    Swim(#[from] SwimSettingsError),
    #[error("the settings of blobs are wrong: {0}")]
    Blobs(#[from] BlobSettingsError),
    #[error("the replicated store did not start: {0}")]
    Store(#[from] LoadError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("the new cluster could not be founded: {0}")]
    Found(String),
}

/// A handle on a running node. Dropping the last one stops it at once; [`Node::stop`] in order.
pub struct Node {
    pub(crate) core: Arc<Core>,
    /// Taken by the one who stops the node. A mutex, since handles are shared.
    tree: Mutex<Option<Tree>>,
}

impl Node {
    /// Starts every part. The home must hold a node: `found` or `enter` made it.
    pub async fn start<H: Home>(home: H, parts: Parts) -> Result<Node, NodeStartError> {
        let blob_settings = check(&parts.settings)?;
        let record = begin_boot(&home)?;
        let identity = home.load_identity()?;
        must_fit(&home, &record, &identity)?;
        let authority = home.load_authority()?.map(Arc::new);
        let front = Arc::new(Front::default());
        let endpoint = Endpoint::start(
            identity.clone(),
            parts.sockets,
            parts.settings.transport.clone(),
            front.clone(),
            parts.wall.clone(),
        )?;
        for (node, addr) in &record.peers {
            endpoint.add_peer(*node, vec![*addr]);
        }
        let abort = parts.abort;
        let raft = (parts.settings.raft.clone(), parts.writer, abort.clone());
        let group = start_group(&home, &record, &endpoint, raft).await?;
        let shelf = open_shelf(&home, &blob_settings)?;
        let (swim_notes, swim_seat) = mailbox(SWIM_QUEUE);
        let (store_asks, store_seat) = mailbox(STORE_QUEUE);
        let (blob_asks, blob_seat) = mailbox(BLOB_QUEUE);
        let seats = Seats {
            swim: (swim_notes.clone(), swim_seat),
            store: (store_asks.clone(), store_seat),
            blobs: (blob_asks.clone(), blob_seat),
        };
        let core = Arc::new(Core {
            node: record.node,
            name: record.name.clone(),
            cluster: record.cluster,
            cluster_name: record.cluster_name.clone(),
            address: record.address,
            boot: record.boot,
            endpoint,
            group,
            started: (Instant::now(), parts.wall.unix()),
            wall: parts.wall,
            events: parts.events,
            seeds: record.peers.clone(),
            facts: parts.facts,
            identity: watch::Sender::new(identity),
            authority: watch::Sender::new(authority),
            swim_view: watch::Sender::new(Arc::new(unheard(&record))),
            usable: watch::Sender::new(BTreeSet::new()),
            known: watch::Sender::new(Arc::new(Known::default())),
            swim_notes,
            store_asks,
            blob_asks,
            blob_settings,
            shelf,
            puts: Semaphore::new(blob_settings.puts),
            writer: parts.writer,
            dialled: Mutex::new(record.peers.iter().copied().collect::<BTreeMap<_, _>>()),
        });
        front.open(&core);
        core.tell_now(NodeEvent::Started { boot: record.boot });
        let others = (abort.clone(), parts.actors);
        let spec = tree::spec(&core, &home, &parts.settings, seats, others);
        let tree = Tree::start(spec, rand::rng().next_u64()).await?;
        end_with(&tree, abort);
        let node = Node {
            core: core.clone(),
            tree: Mutex::new(Some(tree)),
        };
        found_group(&core, &record).await?;
        Ok(node)
    }

    pub fn id(&self) -> NodeId {
        self.core.node
    }

    /// Says goodbye, lets go of the disk and closes the socket.
    pub async fn stop(&self) {
        self.core.say_goodbye().await;
        let tree = self.lock_tree().take();
        if let Some(tree) = tree {
            tree.stop().await;
        }
        self.core.group.shutdown().await;
        self.core.endpoint.close().await;
    }
}

fn check(settings: &Settings) -> Result<BlobSettings, NodeStartError> {
    settings.swim.check()?;
    settings.blobs.check(settings.transport.in_flight.bulk)?;
    Ok(settings.blobs)
}

/// A tree that gave up takes the process along: without membership and store the node would look
/// alive to whoever restarts dead ones, and to nobody else.
fn end_with(tree: &Tree, abort: Arc<dyn Abort>) {
    let end = tree.watch_end();
    tokio::spawn(async move {
        if end.await == Cause::Escalated {
            let why = "its actors failed too often; the log names them".to_owned();
            abort.abort(&Fault::Ended(why));
        }
    });
}

async fn start_group<H: Home>(
    home: &H,
    record: &NodeRecord,
    endpoint: &Endpoint,
    (settings, writer, abort): (raft::Settings, Writer, Arc<dyn Abort>),
) -> Result<Group, NodeStartError> {
    let starter = Starter {
        node: record.node,
        others: record.peers.iter().map(|(node, _)| *node).collect(),
        speaks: endpoint.speaks(),
    };
    let carrier = Arc::new(Carrier(endpoint.clone()));
    Ok(Group::start(starter, settings, home.log()?, carrier, writer, abort).await?)
}

fn open_shelf<H: Home>(home: &H, settings: &BlobSettings) -> Result<Shelf, HomeError> {
    let shelf = Shelf::new(Arc::new(home.blobs()?), settings.reserve_bytes);
    shelf.forget_puts();
    Ok(shelf)
}

/// What membership knows before its machine runs.
fn unheard(record: &NodeRecord) -> SwimView {
    SwimView {
        me: Member::new(record.node, record.boot, record.address),
        standing: Standing::Alone,
        peers: Vec::new(),
        stretch: 1000,
        may_act_on: 0,
        counts: SwimCounts::default(),
    }
}

/// Counts this start, on disk before anything else happens.
fn begin_boot<H: Home>(home: &H) -> Result<NodeRecord, HomeError> {
    let mut record = home.load_record()?;
    record.boot += 1;
    home.save_record(&record)?;
    Ok(record)
}

fn must_fit<H: Home>(
    home: &H,
    record: &NodeRecord,
    identity: &transport::Identity,
) -> Result<(), HomeError> {
    if (identity.node(), identity.cluster()) == (record.node, record.cluster) {
        return Ok(());
    }
    Err(HomeError::Mixed {
        at: home.name(),
        why: format!(
            "the record is of node {} and the certificate of node {}",
            record.node,
            identity.node()
        ),
    })
}

/// Loads the store; a damaged one is put aside, and the peers tell it again.
pub(crate) fn open_store<H: Home>(
    core: &Core,
    home: &H,
    settings: &Settings,
) -> Result<(Gossip, StoreFile), NodeStartError> {
    let now = core.now();
    let opened = match StoreFile::open(home.store()?) {
        Err(LoadError::Damaged(why)) => {
            core.tell_now(NodeEvent::StoreDamaged { why });
            home.set_store_aside()?;
            StoreFile::open(home.store()?)
        }
        other => other,
    };
    let (file, saved) = opened?;
    let store = match saved {
        Some(saved) => Store::load(saved, settings.records, now),
        None => {
            let me = Replica {
                node: core.node,
                life: now.0,
            };
            Store::new_saved(me, settings.records)
        }
    };
    let gossip = Gossip::new(store, settings.gossip, rand::rng().next_u64(), now);
    Ok((gossip, file))
}

/// The first start of a founder makes the group, and writes the founder into it.
async fn found_group(core: &Core, record: &NodeRecord) -> Result<(), NodeStartError> {
    if !record.founder || core.state().cluster.is_some() {
        return Ok(());
    }
    let failed = |error: &dyn std::fmt::Display| NodeStartError::Found(error.to_string());
    match core.group.initialize().await {
        Ok(()) | Err(raft::ChangeError::Exists) => {}
        Err(error) => return Err(failed(&error)),
    }
    let (roles, serial) = {
        let identity = core.identity.borrow();
        (identity.roles(), *identity.certificate().serial.bytes())
    };
    let member = raft::ledger::NewMember {
        node: core.node,
        name: core.name.clone(),
        roles,
        pool: None,
        address: core.address.to_string(),
        serial,
        version: core.endpoint.speaks(),
    };
    let command = raft::ledger::Command::Found {
        cluster: core.cluster,
        member,
    };
    match core.group.submit("init", command).await {
        Ok(_) => Ok(()),
        Err(raft::ProposeError::Rejected(raft::ledger::Rejection::Founded { cluster }))
            if cluster == core.cluster =>
        {
            Ok(())
        }
        Err(error) => Err(failed(&error)),
    }
}

impl Node {
    fn lock_tree(&self) -> MutexGuard<'_, Option<Tree>> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with_tree<T: Default>(&self, look: impl FnOnce(&Tree) -> T) -> T {
        self.lock_tree().as_ref().map(look).unwrap_or_default()
    }

    /// Time as the node's events show it.
    pub fn now(&self) -> Time {
        self.core.now()
    }
}

/// Datagrams that wait for the membership machine: a second's worth of a large cluster.
const SWIM_QUEUE: usize = 1024;
/// Asks that wait for the store.
const STORE_QUEUE: usize = 4096;
/// Asks that wait for the one who fetches blobs; each is taken within microseconds.
const BLOB_QUEUE: usize = 256;
