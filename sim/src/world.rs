//! One simulated cluster and the hands that hurt it: machines, network, clock, and the questions
//! asked of it after every step.

use crate::disk::SimDisk;
use crate::fabric::{Counters, Fabric};
use crate::host::{EPOCH, Machine, MachineSpec};
use crate::invariants::Watchers;
use crate::oracle::Oracle;
use crate::trace::{Summary, Trace};
use base::{NodeId, PeerRole, PeerRoles};
use cluster::{Node, Settings, TokenWish};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    pub seed: u64,
    pub nodes: usize,
    /// Of them, those that vote; the others only learn.
    pub voters: usize,
    /// Clients on each machine.
    pub clients: u32,
    /// One-way delay without faults.
    pub latency: (Duration, Duration),
    pub settings: Settings,
    /// Prints each event as it comes.
    pub echo: bool,
}

/// A broken promise, with the time at which it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub at: Duration,
    pub what: String,
}

pub struct World {
    sim: turmoil::Sim<'static>,
    pub machines: Vec<Machine>,
    pub fabric: Fabric,
    pub trace: Trace,
    pub oracle: Oracle,
    /// The world's own stream: plans and choices.
    pub rng: ChaCha8Rng,
    watchers: Watchers,
    pub crashes: u64,
}

/// What a whole run leaves.
#[derive(Clone, Debug)]
pub struct Report {
    pub summary: Summary,
    pub simulated: Duration,
    pub counters: Counters,
    pub crashes: u64,
    pub accepted: usize,
    pub register_calls: usize,
    pub failed: u64,
    pub terms: u64,
}

impl World {
    pub fn new(spec: &WorldSpec) -> World {
        let trace = Trace::new(spec.echo);
        let fabric = Fabric::new(spec.seed, trace.clone());
        let oracle = Oracle::default();
        let mut sim = turmoil::Builder::new()
            .rng_seed(spec.seed)
            .epoch(UNIX_EPOCH + EPOCH)
            .simulation_duration(LONGEST)
            .tick_duration(TICK)
            .min_message_latency(spec.latency.0)
            .max_message_latency(spec.latency.1)
            .udp_capacity(SOCKET_QUEUE)
            .enable_random_order()
            .build();
        let machines: Vec<Machine> = (0..spec.nodes)
            .map(|i| {
                Machine::new(MachineSpec {
                    name: format!("n{}", i + 1),
                    founder: i == 0,
                    disk: SimDisk::new(spec.seed.wrapping_mul(1009) + i as u64),
                    fabric: fabric.clone(),
                    trace: trace.clone(),
                    oracle: oracle.clone(),
                    settings: spec.settings.clone(),
                    clients: spec.clients,
                })
            })
            .collect();
        for machine in &machines {
            let born = machine.clone();
            sim.host(machine.name(), move || born.clone().live());
        }
        World {
            sim,
            machines,
            fabric,
            trace,
            oracle,
            rng: ChaCha8Rng::seed_from_u64(spec.seed ^ STREAM),
            watchers: Watchers::default(),
            crashes: 0,
        }
    }

    pub fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// One tick of everything, then the questions that are asked all the time.
    pub fn step(&mut self) -> Result<(), Broken> {
        let now = self.now();
        if let Err(error) = self.sim.step() {
            return Err(self.broken("the simulation itself", error.to_string()));
        }
        for i in 0..self.machines.len() {
            if self.machines[i].take_abort() {
                self.crash(i, true);
                self.boot(i);
            }
        }
        if now.as_millis().is_multiple_of(CHECK_EVERY_MS) {
            let outcome = self.watchers.look(&self.machines);
            outcome.map_err(|(invariant, what)| self.broken(invariant, what))?;
        }
        Ok(())
    }

    pub fn run_for(&mut self, span: Duration) -> Result<(), Broken> {
        let end = self.now() + span;
        while self.now() < end {
            self.step()?;
        }
        Ok(())
    }

    /// Steps until `done`, at most for `limit`; breaks `invariant` when it does not come.
    pub fn run_until(
        &mut self,
        (invariant, limit): (&'static str, Duration),
        mut done: impl FnMut(&mut World) -> Result<(), String>,
    ) -> Result<(), Broken> {
        let end = self.now() + limit;
        loop {
            let Err(missing) = done(self) else {
                return Ok(());
            };
            if self.now() >= end {
                return Err(self.broken(invariant, missing));
            }
            self.run_for(LOOK)?;
        }
    }

    /// Tells which actors had failed by then, too.
    pub fn broken(&self, invariant: &'static str, what: String) -> Broken {
        for machine in &self.machines {
            let Some(node) = machine.node() else {
                self.trace.event(machine.name(), "is down");
                continue;
            };
            let raft = node.raft();
            let (voters, learners) = (raft.voters.len(), raft.learners.len());
            let leader = raft.leader.map(|leader| leader.short());
            self.trace.event(
                machine.name(),
                format!(
                    "{voters} voters, {learners} learners, {leader:?} leads {}",
                    raft.term
                ),
            );
            for link in node.links() {
                let line = format!("link to {} as {}", link.peer.short(), link.roles);
                self.trace.event(machine.name(), line);
            }
            for actor in node
                .tree()
                .iter()
                .filter(|actor| actor.last_cause.is_some())
            {
                let (path, state, last) = (&actor.path, actor.state, actor.last_cause);
                let line = format!("{path}: {state:?}, {} restarts, {last:?}", actor.restarts);
                self.trace.event(machine.name(), line);
            }
        }
        Broken {
            invariant,
            at: self.now(),
            what,
        }
    }

    /// The process ends at once; with `power_cut` the disk forgets what was not synced.
    pub fn crash(&mut self, i: usize, power_cut: bool) {
        let machine = self.machines[i].clone();
        if !self.sim.is_host_running(machine.name()) {
            return;
        }
        let how = if power_cut {
            "loses power"
        } else {
            "is killed"
        };
        self.trace.event(machine.name(), how);
        machine.forget_node();
        self.sim.crash(machine.name());
        if power_cut {
            machine.disk().power_cut();
        }
        self.crashes += 1;
    }

    pub fn boot(&mut self, i: usize) {
        let name = self.machines[i].name().to_owned();
        if !self.sim.is_host_running(name.as_str()) {
            self.trace.event(&name, "boots");
            self.sim.bounce(name.as_str());
        }
    }

    pub fn is_up(&mut self, i: usize) -> bool {
        let name = self.machines[i].name().to_owned();
        self.sim.is_host_running(name.as_str())
    }

    /// Nothing passes from one machine to the other any more.
    pub fn block(&mut self, from: usize, to: usize) {
        let (from, to) = (self.addr(from), self.addr(to));
        self.fabric.block(from, to);
    }

    pub fn addr(&self, i: usize) -> std::net::IpAddr {
        self.sim.lookup(self.machines[i].name())
    }

    /// The node that leads as the most nodes see it.
    pub fn leader(&self) -> Option<usize> {
        let mut newest: Option<(u64, NodeId)> = None;
        for node in self.machines.iter().filter_map(Machine::node) {
            let raft = node.raft();
            if raft.leader == Some(node.id()) && newest.is_none_or(|(term, _)| raft.term > term) {
                newest = Some((raft.term, node.id()));
            }
        }
        let (_, leader) = newest?;
        self.machines
            .iter()
            .position(|m| m.node().is_some_and(|node| node.id() == leader))
    }

    /// Founds, joins and promotes, as an administrator does, and waits until all is as it should
    /// be.
    pub fn assemble(&mut self, voters: usize) -> Result<(), Broken> {
        let limit = ("the cluster assembles", ASSEMBLE);
        self.invite(u32::try_from(self.machines.len()).unwrap_or(u32::MAX))?;
        self.run_until(limit, |world| world.all_joined())?;
        for i in 1..voters {
            let node = self.machines[i].node().map(|node| node.id());
            let Some(node) = node else {
                return Err(self.broken("the cluster assembles", format!("n{} is down", i + 1)));
            };
            self.on_founder(move |founder| async move {
                let promoted = founder.promote("world", node, ASSEMBLE).await;
                promoted.map_err(|error| error.to_string())
            })?;
        }
        self.run_until(limit, |world| world.all_alive())
    }

    /// Founds, and gives all other machines one token.
    pub fn invite(&mut self, uses: u32) -> Result<(), Broken> {
        let limit = ("the cluster assembles", ASSEMBLE);
        self.run_until(limit, |world| world.founder().map(drop))?;
        let token = self.on_founder(move |node| async move {
            let wish = TokenWish {
                roles: PeerRoles::of(&[PeerRole::Worker, PeerRole::VoterCandidate]),
                name: None,
                pool: None,
                uses,
                ttl: Duration::from_secs(900),
            };
            node.create_token("world", wish)
                .await
                .map_err(|error| error.to_string())
        })?;
        for machine in &self.machines[1..] {
            machine.give_token(&token);
        }
        Ok(())
    }

    /// Members as the founder's ledger has them.
    pub fn members(&self) -> usize {
        self.founder()
            .map_or(0, |founder| founder.state().members.live.len())
    }

    fn founder(&self) -> Result<Arc<Node>, String> {
        let node = self.machines[0].node().ok_or("n1 has not started")?;
        if node.state().cluster.is_none() {
            return Err("n1 has not founded the cluster".to_owned());
        }
        Ok(node)
    }

    fn all_joined(&self) -> Result<(), String> {
        let members = self.founder()?.state().members.live.len();
        let started = self.machines.iter().filter(|m| m.node().is_some()).count();
        let all = self.machines.len();
        if members == all && started == all {
            return Ok(());
        }
        Err(format!(
            "{members} members, {started} nodes started, of {all}"
        ))
    }

    /// Every node sees every other one as alive, and one leader.
    pub fn all_alive(&self) -> Result<(), String> {
        let all = self.machines.len();
        for machine in &self.machines {
            let node = machine
                .node()
                .ok_or_else(|| format!("{} is down", machine.name()))?;
            let view = node.membership();
            let alive = view
                .peers
                .iter()
                .filter(|peer| peer.liveness.is_active())
                .count();
            if alive + 1 != all {
                return Err(format!("{} sees {alive} peers alive", machine.name()));
            }
            if node.raft().leader.is_none() {
                return Err(format!("{} knows no leader", machine.name()));
            }
        }
        Ok(())
    }

    /// Runs one call on the founder's node to its end, while the world goes on.
    pub fn on_founder<T, F, Fut>(&mut self, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        self.on_node(0, call)
    }

    /// Runs one call on a machine's node to its end, while the world goes on.
    pub fn on_node<T, F, Fut>(&mut self, i: usize, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        let node = self.machines[i].node();
        let Some(node) = node else {
            return Err(self.broken("the call can be made", format!("n{} is down", i + 1)));
        };
        let (sender, mut answer) = tokio::sync::oneshot::channel();
        self.machines[i].run(Box::pin(async move {
            // The world waits for it.
            sender.send(call(node).await).ok();
        }));
        let end = self.now() + CALL;
        loop {
            match answer.try_recv() {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(why)) => return Err(self.broken("the call succeeds", why)),
                Err(_) if self.now() >= end => {
                    return Err(self.broken("the call ends", "no answer".to_owned()));
                }
                Err(_) => self.step()?,
            }
        }
    }

    /// Runs one call on the first machine whose node is up.
    pub fn on_any_node<T, F, Fut>(&mut self, call: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Node>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, String>> + Send + 'static,
    {
        let up = (0..self.machines.len()).find(|i| self.machines[*i].node().is_some());
        self.on_node(up.unwrap_or(0), call)
    }

    /// The clients send nothing more.
    pub fn quiet(&mut self) {
        self.oracle.told().quiet = true;
    }

    /// A random machine that is up.
    pub fn any_up(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.machines.len())
            .filter(|i| self.is_up(*i))
            .collect();
        if up.is_empty() {
            return None;
        }
        Some(up[self.rng.random_range(0..up.len())])
    }

    pub fn report(&self) -> Report {
        let told = self.oracle.told();
        Report {
            summary: self.trace.summary(),
            simulated: self.now(),
            counters: self.fabric.counters(),
            crashes: self.crashes,
            accepted: told.accepted.len(),
            register_calls: told.register.len(),
            failed: told.failed,
            terms: self.watchers.terms(),
        }
    }
}

/// Keeps the world's stream apart from the others that are drawn from the seed.
const STREAM: u64 = 0x0077_6f72_6c64;
const TICK: Duration = Duration::from_millis(1);
/// No world takes longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// Datagrams that wait at one simulated socket; above it they are lost, as in a kernel.
const SOCKET_QUEUE: usize = 8192;
/// How often the invariants that hold at every moment are looked at.
const CHECK_EVERY_MS: u128 = 10;
/// Between two looks at a condition that is waited for.
const LOOK: Duration = Duration::from_millis(20);
const ASSEMBLE: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(60);
