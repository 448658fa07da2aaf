//! Signs of life, written by actors and their supervisors, read by whoever wants a view.

use crate::{Cause, Child, MailboxView, Spec, Worker};
use base::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Where an actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorState {
    /// Not started yet.
    Unborn,
    Starting,
    Running,
    /// Its next life begins soon.
    Waiting,
    Stopping,
    Ended,
}

/// One actor or supervisor as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorView {
    /// The names from the root down, joined by `/`.
    pub path: String,
    pub supervisor: bool,
    pub state: ActorState,
    pub restarts: u64,
    pub mailbox: Option<MailboxView>,
    pub last_cause: Option<Cause>,
    /// Since this life began, on the tree's clock.
    pub uptime: Time,
    /// Since the actor last showed that it moves.
    pub pulse_age: Duration,
    /// How what it is about does, in its own words.
    pub says: Option<String>,
}

/// The tree's clock: tokio's, from the tree's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeClock(Instant);

impl TreeClock {
    pub(crate) fn start() -> TreeClock {
        TreeClock(Instant::now())
    }

    pub(crate) fn now(self) -> Time {
        Time::ZERO + self.0.elapsed()
    }
}

#[derive(Debug)]
pub(crate) struct Vitals {
    clock: TreeClock,
    state: AtomicU8,
    restarts: AtomicU64,
    last_cause: AtomicU32,
    /// How the present life ended, in its own words.
    last_words: AtomicU32,
    born: AtomicU64,
    pulse: AtomicU64,
}

const STATES: [ActorState; 6] = [
    ActorState::Unborn,
    ActorState::Starting,
    ActorState::Running,
    ActorState::Waiting,
    ActorState::Stopping,
    ActorState::Ended,
];

impl Vitals {
    fn new(clock: TreeClock) -> Vitals {
        Vitals {
            clock,
            state: AtomicU8::new(0),
            restarts: AtomicU64::new(0),
            last_cause: AtomicU32::new(0),
            last_words: AtomicU32::new(0),
            born: AtomicU64::new(0),
            pulse: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> TreeClock {
        self.clock
    }

    pub(crate) fn state(&self) -> ActorState {
        let state = usize::from(self.state.load(Ordering::Relaxed));
        STATES.get(state).copied().unwrap_or(ActorState::Ended)
    }

    pub(crate) fn enter(&self, state: ActorState) {
        let place = STATES.iter().position(|known| *known == state);
        let place = place.and_then(|place| u8::try_from(place).ok());
        self.state
            .store(place.unwrap_or(u8::MAX), Ordering::Relaxed);
    }

    pub(crate) fn born(&self) {
        self.born.store(self.clock.now().0, Ordering::Relaxed);
        self.last_words.store(0, Ordering::Relaxed);
        self.pulse();
        self.enter(ActorState::Starting);
    }

    /// How long the present life lasts.
    pub(crate) fn age(&self) -> Duration {
        self.clock
            .now()
            .since(Time(self.born.load(Ordering::Relaxed)))
    }

    pub(crate) fn pulse(&self) {
        self.pulse.store(self.clock.now().0, Ordering::Relaxed);
    }

    pub(crate) fn pulse_age(&self) -> Duration {
        self.clock
            .now()
            .since(Time(self.pulse.load(Ordering::Relaxed)))
    }

    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Said by the actor itself, so that whoever buries it knows.
    pub(crate) fn say_last(&self, cause: Cause) {
        self.last_words.store(cause.pack(), Ordering::Release);
    }

    pub(crate) fn last_words(&self) -> Option<Cause> {
        Cause::unpack(self.last_words.load(Ordering::Acquire))
    }

    pub(crate) fn ended(&self, cause: Cause) {
        self.last_cause.store(cause.pack(), Ordering::Relaxed);
        self.enter(ActorState::Ended);
    }

    fn last_cause(&self) -> Option<Cause> {
        Cause::unpack(self.last_cause.load(Ordering::Relaxed))
    }
}

/// The vitals of a whole tree, in the spec's shape. They last as long as the tree, however often
/// its
/// actors are started again.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) path: Arc<str>,
    pub(crate) vitals: Arc<Vitals>,
    worker: Option<Worker>,
    pub(crate) below: Vec<Branch>,
}

impl Branch {
    pub(crate) fn of(spec: &Spec, above: &str, clock: TreeClock) -> Branch {
        let path = join(above, &spec.name);
        let below = spec.children.iter().map(|child| match child {
            Child::Worker(worker) => Branch {
                path: join(&path, &worker.name),
                vitals: Arc::new(Vitals::new(clock)),
                worker: Some(worker.clone()),
                below: Vec::new(),
            },
            Child::Tree(spec) => Branch::of(spec, &path, clock),
        });
        Branch {
            below: below.collect(),
            vitals: Arc::new(Vitals::new(clock)),
            worker: None,
            path,
        }
    }

    pub(crate) fn visit(&self, see: &mut impl FnMut(&Branch)) {
        see(self);
        for branch in &self.below {
            branch.visit(see);
        }
    }

    pub(crate) fn view(&self) -> ActorView {
        let vitals = &self.vitals;
        let state = vitals.state();
        let alive = !matches!(
            state,
            ActorState::Unborn | ActorState::Ended | ActorState::Waiting
        );
        let uptime = if alive { vitals.age() } else { Duration::ZERO };
        let worker = self.worker.as_ref();
        let depth = worker.and_then(|worker| worker.depth.as_ref());
        let words = worker.and_then(|worker| worker.words.as_ref());
        ActorView {
            path: self.path.to_string(),
            supervisor: self.worker.is_none(),
            state,
            restarts: vitals.restarts.load(Ordering::Relaxed),
            mailbox: depth.map(|depth| depth()),
            last_cause: vitals.last_cause(),
            uptime: Time::ZERO + uptime,
            pulse_age: vitals.pulse_age(),
            says: words.map(|words| words()),
        }
    }

    /// It runs, promised a pulse, and shows none.
    pub(crate) fn is_stalled(&self) -> bool {
        let within = self.worker.as_ref().and_then(|worker| worker.pulse_within);
        self.vitals.state() == ActorState::Running
            && within.is_some_and(|within| self.vitals.pulse_age() > within)
    }
}

fn join(above: &str, name: &str) -> Arc<str> {
    if above.is_empty() {
        name.into()
    } else {
        format!("{above}/{name}").into()
    }
}
