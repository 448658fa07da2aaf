//! The harness: nodes, the wires between them, their disks, and what befalls them.

use crate::disk::tests::RamDisk;
use crate::fault::{Abort, Fault};
use crate::ledger::{Command, NewMember, Outcome, State};
use crate::net::{Courier, CourierError};
use crate::{Group, ProposeError, Settings, Standing, Starter, Writer};
use base::{ClusterId, ContentHash, JobId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Who is up, and which directions are cut.
#[derive(Default)]
pub(super) struct Wires {
    up: BTreeMap<NodeId, Group>,
    cut: BTreeSet<(NodeId, NodeId)>,
    pub(super) sent: BTreeMap<u16, u64>,
    /// Messages and answers that met a cut.
    pub(super) eaten: u64,
}

impl Wires {
    /// Whether what is on its way comes through.
    fn passes(&mut self, from: NodeId, to: NodeId) -> bool {
        let cut = self.cut.contains(&(from, to));
        self.eaten += u64::from(cut);
        !cut
    }
}

pub(super) struct Wire {
    me: NodeId,
    wires: Arc<Mutex<Wires>>,
}

impl Courier for Wire {
    fn send(
        &self,
        to: NodeId,
        kind: wire::Kind,
        frame: Bytes,
        _ttl: Duration,
    ) -> BoxFuture<'static, Result<wire::Frame, CourierError>> {
        let (me, wires) = (self.me, Arc::clone(&self.wires));
        async move {
            tokio::time::sleep(DELAY).await;
            let peer = {
                let mut wires = wires.lock().unwrap();
                *wires.sent.entry(kind as u16).or_default() += 1;
                let passes = wires.passes(me, to);
                wires.up.get(&to).filter(|_| passes).cloned()
            };
            let Some(peer) = peer else {
                // As on a network: nothing comes back, and the caller's patience ends.
                return Err(CourierError::Unreachable("down or cut off".into()));
            };
            let frame = wire::open_bytes(&frame).unwrap();
            let voter = PeerRoles::of(&[PeerRole::Voter]);
            let reply = peer.handle(me, voter, frame).await;
            tokio::time::sleep(DELAY).await;
            if !wires.lock().unwrap().passes(to, me) {
                return Err(CourierError::Timeout);
            }
            let reply = reply.map_err(|error| CourierError::Refused(error.to_string()))?;
            Ok(wire::open_bytes(&reply).unwrap())
        }
        .boxed()
    }
}

/// Remembers instead of ending the test.
#[derive(Clone, Default)]
pub(super) struct Remember(pub(super) Arc<Mutex<Vec<Fault>>>);

impl Abort for Remember {
    fn abort(&self, fault: &Fault) {
        self.0.lock().unwrap().push(fault.clone());
    }
}

pub(super) struct World {
    pub(super) wires: Arc<Mutex<Wires>>,
    pub(super) disks: BTreeMap<NodeId, RamDisk>,
    pub(super) aborts: Remember,
    pub(super) settings: Settings,
    /// The version whose commands the programs know that are started from now on.
    pub(super) speaks: u16,
}

pub(super) fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

pub(super) fn body(number: u64) -> ContentHash {
    ContentHash(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

/// A command that leaves a mark by which it is found again.
pub(super) fn accept(number: u64) -> Command {
    Command::AcceptJob {
        job: JobId(number),
        key: format!("key {number}"),
        body: body(number),
    }
}

impl World {
    pub(super) fn new(settings: Settings) -> World {
        World {
            wires: Arc::default(),
            disks: BTreeMap::new(),
            aborts: Remember::default(),
            settings,
            speaks: wire::VERSION,
        }
    }

    /// A group of `size` voters, with a founded ledger.
    pub(super) async fn of(size: u8) -> World {
        World::with(size, Settings::default()).await
    }

    pub(super) async fn with(size: u8, settings: Settings) -> World {
        let mut world = World::new(settings);
        world.assemble(size).await;
        world
    }

    pub(super) async fn assemble(&mut self, size: u8) {
        self.start(1).await;
        self.group(1).initialize().await.unwrap();
        let member = NewMember {
            node: node(1),
            name: "box1".into(),
            roles: PeerRoles::of(&[PeerRole::Voter]),
            pool: None,
            address: "box1:1".into(),
            serial: [1; 16],
            version: 1,
        };
        let cluster = ClusterId([7; 8]);
        self.group(1)
            .propose(Command::Found { cluster, member })
            .await
            .unwrap();
        for number in 2..=size {
            self.start(number).await;
            self.group(1).add_learner(node(number)).await.unwrap();
            self.group(1).promote(node(number)).await.unwrap();
        }
        for number in 1..=size {
            self.sound(number).await;
        }
    }

    /// Starts a node on its disk, or on a new one.
    pub(super) async fn start(&mut self, number: u8) {
        self.try_start(number).await.unwrap();
    }

    pub(super) async fn try_start(&mut self, number: u8) -> Result<(), crate::StartError> {
        let me = node(number);
        let disk = self.disks.entry(me).or_default().clone();
        let wire = Arc::new(Wire {
            me,
            wires: Arc::clone(&self.wires),
        });
        let abort = Arc::new(self.aborts.clone());
        let starter = Starter {
            speaks: self.speaks,
            ..Starter::from(me)
        };
        let settings = self.settings.clone();
        let group = Group::start(starter, settings, disk, wire, Writer::Task, abort).await?;
        self.wires.lock().unwrap().up.insert(me, group);
        Ok(())
    }

    pub(super) fn group(&self, number: u8) -> Group {
        self.wires.lock().unwrap().up[&node(number)].clone()
    }

    /// The power goes: unsynced bytes are lost.
    pub(super) async fn crash(&mut self, number: u8) {
        let me = node(number);
        let group = self.wires.lock().unwrap().up.remove(&me).unwrap();
        let after = self.disks[&me].crashed(0);
        // What the tasks still write goes to the disk of before.
        group.shutdown().await;
        self.disks.insert(me, after);
    }

    /// Stops a node in order.
    pub(super) async fn stop(&mut self, number: u8) {
        let group = self.wires.lock().unwrap().up.remove(&node(number)).unwrap();
        group.shutdown().await;
    }

    /// Cuts a node off in both directions, or joins it again.
    pub(super) fn isolate(&self, number: u8, cut: bool) {
        let mut wires = self.wires.lock().unwrap();
        let me = node(number);
        for other in (1..=9).map(node).filter(|other| *other != me) {
            for pair in [(me, other), (other, me)] {
                if cut {
                    wires.cut.insert(pair)
                } else {
                    wires.cut.remove(&pair)
                };
            }
        }
    }

    /// Cuts these directions, from and to, and joins all others again.
    pub(super) fn cut_only(&self, cut: impl Fn(u8, u8) -> bool) {
        let pairs = (1..=9).flat_map(|from| (1..=9).map(move |to| (from, to)));
        let cut = pairs.filter(|(from, to)| from != to && cut(*from, *to));
        let cut = cut.map(|(from, to)| (node(from), node(to))).collect();
        self.wires.lock().unwrap().cut = cut;
    }

    /// Messages and answers that met a cut so far.
    pub(super) fn eaten(&self) -> u64 {
        self.wires.lock().unwrap().eaten
    }

    /// Messages of a kind that were sent so far.
    pub(super) fn sent(&self, kind: wire::Kind) -> u64 {
        let wires = self.wires.lock().unwrap();
        wires.sent.get(&(kind as u16)).copied().unwrap_or(0)
    }

    /// Who leads in its own eyes, with its term.
    pub(super) fn reigns(&self) -> Vec<(u64, u8)> {
        let up: Vec<Group> = self.wires.lock().unwrap().up.values().cloned().collect();
        let views = up.iter().map(|group| (group.id(), group.view()));
        views
            .filter(|(id, view)| view.leader == Some(*id))
            .map(|(id, view)| (view.term, id.0[0]))
            .collect()
    }

    /// The newest term that any node knows.
    pub(super) fn term(&self) -> u64 {
        let up: Vec<Group> = self.wires.lock().unwrap().up.values().cloned().collect();
        let terms = up.iter().map(|group| group.view().term);
        terms.max().unwrap_or(0)
    }

    /// A node that leads in its own eyes and can commit.
    pub(super) async fn leader(&self) -> u8 {
        let start = Instant::now();
        loop {
            let up: Vec<NodeId> = self.wires.lock().unwrap().up.keys().copied().collect();
            for id in up {
                let number = id.0[0];
                let group = self.group(number);
                if group.view().leader == Some(id) && group.inner.barrier().await.is_ok() {
                    return number;
                }
            }
            assert!(start.elapsed() < PATIENCE, "no leader");
            tokio::time::sleep(STEP).await;
        }
    }

    pub(super) async fn commit(&self, number: u64) -> Result<Outcome, ProposeError> {
        let leader = self.leader().await;
        self.group(leader).propose(accept(number)).await
    }

    pub(super) async fn sound(&self, number: u8) {
        let group = self.group(number);
        self.until("a sound standing", || group.standing() == Standing::Sound)
            .await;
    }

    /// All nodes that are up have the leader's state.
    pub(super) async fn settled(&self) -> Arc<State> {
        let leader = self.group(self.leader().await);
        let point = leader.read_barrier().await.unwrap();
        let up: Vec<Group> = self.wires.lock().unwrap().up.values().cloned().collect();
        self.until("all at the leader's entry", || {
            up.iter().all(|group| {
                group
                    .state()
                    .applied
                    .is_some_and(|applied| applied.index >= point.applied)
            })
        })
        .await;
        let states: BTreeMap<u64, ContentHash> = up
            .iter()
            .map(|group| (group.state().applied.unwrap().index, group.state().hash()))
            .collect();
        for group in &up {
            let state = group.state();
            assert_eq!(
                states[&state.applied.unwrap().index],
                state.hash(),
                "states differ"
            );
        }
        leader.state()
    }

    pub(super) async fn until(&self, what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(STEP).await;
        }
    }
}

/// That these jobs are in the ledger.
pub(super) fn expect_jobs(state: &State, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert!(
            state.jobs.all.contains_key(&JobId(number)),
            "job {number} was acknowledged"
        );
    }
}

const DELAY: Duration = Duration::from_micros(250);
const STEP: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(30);
