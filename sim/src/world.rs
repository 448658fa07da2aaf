//! One simulated cluster and the hands that hurt it: machines, network, clock, and the questions
//! asked of it after every step.

mod assembly;
mod calls;

use crate::card::NetCard;
use crate::computer::Computer;
use crate::disk::{DiskCounters, SimDisk};
use crate::fabric::{Counters, Fabric};
use crate::host::{EPOCH, Machine, MachineSpec};
use crate::invariants::Watchers;
use crate::oracle::Oracle;
use crate::time::WorldTime;
use crate::trace::{Summary, Trace};
use base::NodeId;
use cluster::Settings;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    pub seed: u64,
    pub nodes: usize,
    /// Of them, the last ones, which are to be no members before they are admitted.
    pub later: usize,
    /// Of them, those that vote; the others only learn.
    pub voters: usize,
    /// Clients on each machine.
    pub clients: u32,
    /// One-way delay without faults.
    pub latency: (Duration, Duration),
    pub settings: Settings,
    /// Of some machines, the wire's version that they speak instead of ours.
    pub versions: BTreeMap<usize, u16>,
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
    time: WorldTime,
    pub machines: Vec<Machine>,
    computers: Vec<Computer>,
    /// Machines whose nodes are no members: not yet, or not any more.
    absent: BTreeSet<usize>,
    pub fabric: Fabric,
    pub trace: Trace,
    pub oracle: Oracle,
    /// The world's own stream: plans and choices.
    pub rng: ChaCha8Rng,
    watchers: Watchers,
    pub crashes: u64,
    pub pauses: u64,
}

/// What a whole run leaves.
#[derive(Clone, Debug)]
pub struct Report {
    pub summary: Summary,
    pub simulated: Duration,
    pub counters: Counters,
    pub disks: DiskCounters,
    pub crashes: u64,
    pub aborts: u64,
    pub pauses: u64,
    /// Ticks by which drifting clocks were moved.
    pub strayed: u64,
    /// Datagrams that found the buffer of a machine full.
    pub overflowed: u64,
    pub accepted: usize,
    pub register_calls: usize,
    /// Answered calls on jobs that clients share.
    pub job_calls: usize,
    /// Answered calls on names of the registry.
    pub model_calls: usize,
    pub failed: u64,
    pub terms: u64,
}

impl World {
    pub fn new(spec: &WorldSpec) -> World {
        let time = WorldTime::default();
        let trace = Trace::new(time.clone(), spec.echo);
        let fabric = Fabric::new(spec.seed, trace.clone());
        let oracle = Oracle::new(time.clone());
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
        let mut machines = Vec::new();
        for i in 0..spec.nodes {
            let name = format!("n{}", i + 1);
            let card = NetCard::new(sim.lookup(name.as_str()), time.clone());
            let carrier = card.clone();
            sim.host(name.as_str(), move || carrier.clone().carry());
            let disk_seed = spec.seed.wrapping_mul(1009) + i as u64;
            let mut settings = spec.settings.clone();
            if let Some(version) = spec.versions.get(&i) {
                settings.transport.speaks = *version;
            }
            machines.push(Machine::new(MachineSpec {
                name,
                founder: i == 0,
                disk: SimDisk::new(disk_seed, time.clone()),
                card,
                fabric: fabric.clone(),
                trace: trace.clone(),
                oracle: oracle.clone(),
                settings,
                clients: spec.clients,
            }));
        }
        let seeds = (0..spec.nodes).map(|i| spec.seed.wrapping_mul(2003) + i as u64);
        let mut world = World {
            sim,
            time,
            machines,
            computers: seeds.map(Computer::new).collect(),
            absent: (spec.nodes - spec.later..spec.nodes).collect(),
            fabric,
            trace,
            oracle,
            rng: ChaCha8Rng::seed_from_u64(spec.seed ^ STREAM),
            watchers: Watchers::default(),
            crashes: 0,
            pauses: 0,
        };
        for i in 0..spec.nodes {
            world.boot(i);
        }
        world
    }

    pub fn now(&self) -> Duration {
        self.sim.elapsed()
    }

    /// One tick of everything, then the questions that are asked all the time.
    pub fn step(&mut self) -> Result<(), Broken> {
        let now = self.now();
        for (machine, computer) in self.machines.iter().zip(&mut self.computers) {
            if computer.wakes(now) {
                self.trace.event(machine.name(), "goes on");
            }
            computer.tick(now);
        }
        if let Err(error) = self.sim.step() {
            return Err(self.broken("the simulation itself", error.to_string()));
        }
        self.time.set(self.now());
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
        if !self.is_up(i) {
            return;
        }
        let machine = self.machines[i].clone();
        let how = if power_cut {
            "loses power"
        } else {
            "is killed"
        };
        self.trace.event(machine.name(), how);
        machine.forget_node();
        self.computers[i].stop();
        machine.card().unplug();
        if power_cut {
            machine.disk().power_cut();
        }
        self.crashes += 1;
    }

    pub fn boot(&mut self, i: usize) {
        if self.is_up(i) {
            return;
        }
        let machine = self.machines[i].clone();
        self.trace.event(machine.name(), "boots");
        self.power_on(i, machine.live());
    }

    /// From now on a machine runs something else than a node of ours.
    pub(crate) fn occupy(&mut self, i: usize, life: impl Future<Output = ()> + 'static) {
        let machine = self.machines[i].clone();
        self.trace.event(machine.name(), "is a stranger's");
        machine.forget_node();
        self.computers[i].stop();
        machine.card().unplug();
        self.power_on(i, life);
    }

    fn power_on(&mut self, i: usize, life: impl Future<Output = ()> + 'static) {
        if let Err(why) = self.computers[i].start(life) {
            let what = format!("has no runtime: {why}");
            self.trace.event(self.machines[i].name(), what);
        }
    }

    pub fn is_up(&self, i: usize) -> bool {
        self.computers[i].is_on()
    }

    /// The machine stands still for that long, and finds the time gone.
    pub fn pause(&mut self, i: usize, span: Duration) {
        if !self.is_up(i) || self.stands_still(i) {
            return;
        }
        let what = format!("stands still for {span:?}");
        self.trace.event(self.machines[i].name(), what);
        let until = self.now() + span;
        self.computers[i].pause(until);
        self.pauses += 1;
    }

    pub fn stands_still(&self, i: usize) -> bool {
        self.computers[i].stands_still()
    }

    /// Ends every pause.
    pub fn wake_all(&mut self) {
        for computer in &mut self.computers {
            computer.wake();
        }
    }

    /// From now on both clocks of a machine gain that many millionths.
    pub fn drift(&mut self, i: usize, ppm: i64) {
        if ppm != 0 {
            let what = format!("clock drifts by {ppm} ppm");
            self.trace.event(self.machines[i].name(), what);
        }
        self.machines[i].set_calendar_drift(ppm);
        self.computers[i].drift(ppm);
    }

    /// Nothing passes from one machine to the other any more.
    pub fn block(&mut self, from: usize, to: usize) {
        let address = |i: usize| self.machines[i].card().address();
        self.fabric.block(address(from), address(to));
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

    /// The clients send nothing more.
    pub fn quiet(&mut self) {
        self.oracle.told().quiet = true;
    }

    /// A random member that is up.
    pub fn any_up(&mut self) -> Option<usize> {
        let up: Vec<usize> = self.present().filter(|i| self.is_up(*i)).collect();
        if up.is_empty() {
            return None;
        }
        Some(up[self.rng.random_range(0..up.len())])
    }

    /// Ticks by which drifting clocks were moved so far.
    pub fn strayed(&self) -> u64 {
        self.computers.iter().map(Computer::strayed).sum()
    }

    pub fn report(&self) -> Report {
        let mut disks = DiskCounters::default();
        for machine in &self.machines {
            disks.add(machine.disk().counters());
        }
        let told = self.oracle.told();
        Report {
            summary: self.trace.summary(),
            simulated: self.now(),
            counters: self.fabric.counters(),
            disks,
            crashes: self.crashes,
            aborts: self.machines.iter().map(Machine::aborts).sum(),
            pauses: self.pauses,
            strayed: self.strayed(),
            overflowed: self.machines.iter().map(|m| m.card().overflowed()).sum(),
            accepted: told.accepted.len(),
            register_calls: told.register.len(),
            job_calls: told.jobs.answered(),
            model_calls: told.models.answered(),
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
