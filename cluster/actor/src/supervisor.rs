//! A supervisor: starts its children in order, starts the failed again, stops all in reverse.

use crate::budget::{Budget, affected, pause};
use crate::cause::Ended;
use crate::context::asked;
use crate::looper::{Life, Looper};
use crate::spec::KILL_WITHIN;
use crate::vitals::Branch;
use crate::{ActorContext, ActorState, Cause, Child, Restart, Spec, StartFault, Worker};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) struct Supervisor;

/// What a supervisor is born with.
pub(crate) struct Orders {
    pub(crate) spec: Spec,
    pub(crate) branch: Branch,
    pub(crate) seed: u64,
    /// Says `true` when all shall stop, also in the middle of a start.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Start the children that wait under this number.
#[derive(Debug)]
pub(crate) struct Due(u64);

pub(crate) struct Brood {
    orders: Orders,
    slots: Vec<Slot>,
    budget: Budget,
    rng: StdRng,
    next_due: u64,
}

#[derive(Default)]
struct Slot {
    child: Option<Running>,
    /// Waits for its next life under this number.
    due: Option<u64>,
    /// Failures in a row.
    tries: u32,
}

struct Running {
    cell: ActorCell,
    stop: watch::Sender<bool>,
}

/// A child that did not come up, and which one.
struct Stillborn {
    index: usize,
    fault: StartFault,
}

impl Actor for Supervisor {
    type Msg = Due;
    type State = Brood;
    type Arguments = Orders;

    async fn pre_start(
        &self,
        myself: ActorRef<Due>,
        orders: Orders,
    ) -> Result<Brood, ActorProcessingErr> {
        orders.branch.vitals.born();
        let mut brood = Brood {
            slots: orders
                .spec
                .children
                .iter()
                .map(|_| Slot::default())
                .collect(),
            budget: Budget::new(orders.spec.intensity),
            rng: StdRng::seed_from_u64(orders.seed),
            next_due: 0,
            orders,
        };
        for index in 0..brood.slots.len() {
            if let Err(fault) = brood.start(index, &myself).await {
                brood.bury(index, Cause::Startup(fault));
                brood.stop(0..index).await;
                let cause = Cause::Startup(fault);
                brood.orders.branch.vitals.say_last(cause);
                return Err(Box::new(Ended(cause)));
            }
        }
        brood.orders.branch.vitals.enter(ActorState::Running);
        Ok(brood)
    }

    async fn post_stop(
        &self,
        _: ActorRef<Due>,
        brood: &mut Brood,
    ) -> Result<(), ActorProcessingErr> {
        brood.orders.branch.vitals.enter(ActorState::Stopping);
        brood.stop(0..brood.slots.len()).await;
        brood.orders.branch.vitals.say_last(Cause::Stopped);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Due>,
        Due(due): Due,
        brood: &mut Brood,
    ) -> Result<(), ActorProcessingErr> {
        match brood.start_due(due, &myself).await {
            Ok(()) => Ok(()),
            Err(Stillborn { index, fault }) => {
                brood.bury(index, Cause::Startup(fault));
                if fault == StartFault::Interrupted {
                    return Ok(());
                }
                brood.restart(index, &myself).await
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Due>,
        event: SupervisionEvent,
        brood: &mut Brood,
    ) -> Result<(), ActorProcessingErr> {
        let (SupervisionEvent::ActorTerminated(cell, _, _)
        | SupervisionEvent::ActorFailed(cell, _)) = event
        else {
            return Ok(());
        };
        // A child that we stopped is no longer in its slot when its end is reported.
        let Some(index) = brood.find(cell.get_id()) else {
            return Ok(());
        };
        let words = brood.orders.branch.below[index].vitals.last_words();
        let cause = words.unwrap_or(Cause::Killed);
        if brood.bury(index, cause) {
            brood.restart(index, &myself).await
        } else {
            Ok(())
        }
    }
}

impl Brood {
    fn find(&self, id: ActorId) -> Option<usize> {
        let is = |slot: &Slot| {
            slot.child
                .as_ref()
                .is_some_and(|child| child.cell.get_id() == id)
        };
        self.slots.iter().position(is)
    }

    /// Books the end of a child. `true` when it wants to be started again.
    fn bury(&mut self, index: usize, cause: Cause) -> bool {
        let branch = &self.orders.branch.below[index];
        let slot = &mut self.slots[index];
        slot.child = None;
        if branch.vitals.age() > self.orders.spec.intensity.span {
            slot.tries = 0;
        }
        branch.vitals.ended(cause);
        let again = match self.orders.spec.children[index].restart() {
            Restart::Permanent => true,
            Restart::Transient => cause.is_abnormal(),
            Restart::Temporary => false,
        };
        tracing::info!(path = %branch.path, %cause, again, "actor ended");
        again
    }

    /// After the end of `failed`: stops those whom it takes along, and sets the time of their next
    /// life. Gives up when that happens too often.
    async fn restart(
        &mut self,
        failed: usize,
        myself: &ActorRef<Due>,
    ) -> Result<(), ActorProcessingErr> {
        let vitals = self.orders.branch.vitals.clone();
        if !self.budget.spend(vitals.clock().now()) {
            tracing::warn!(path = %self.orders.branch.path, "too many failures below");
            vitals.enter(ActorState::Stopping);
            self.stop(0..self.slots.len()).await;
            vitals.say_last(Cause::Escalated);
            return Err(Box::new(Ended(Cause::Escalated)));
        }
        let range = affected(self.orders.spec.strategy, failed, self.slots.len());
        let alive: Vec<usize> = range
            .clone()
            .filter(|index| {
                let slot = &self.slots[*index];
                *index == failed || slot.child.is_some() || slot.due.is_some()
            })
            .collect();
        self.stop(range).await;
        let due = self.next_due;
        self.next_due += 1;
        for index in alive {
            self.slots[index].due = Some(due);
            self.orders.branch.below[index]
                .vitals
                .enter(ActorState::Waiting);
        }
        let slot = &mut self.slots[failed];
        let wait = pause(self.orders.spec.backoff, slot.tries, self.rng.random());
        slot.tries = slot.tries.saturating_add(1);
        // The handle is only for taking it back; a supervisor that stops ignores what comes late.
        drop(myself.send_after(wait, move || Due(due)));
        Ok(())
    }

    async fn start_due(&mut self, due: u64, myself: &ActorRef<Due>) -> Result<(), Stillborn> {
        for index in 0..self.slots.len() {
            if self.slots[index].due != Some(due) {
                continue;
            }
            self.slots[index].due = None;
            self.orders.branch.below[index].vitals.restarted();
            if let Err(fault) = self.start(index, myself).await {
                // Those after it wait for the attempt that follows.
                return Err(Stillborn { index, fault });
            }
        }
        Ok(())
    }

    async fn start(&mut self, index: usize, myself: &ActorRef<Due>) -> Result<(), StartFault> {
        let branch = self.orders.branch.below[index].clone();
        let (stop, stopped) = watch::channel(false);
        let cell = match self.orders.spec.children[index].clone() {
            Child::Worker(worker) => {
                let ready_within = worker.ready_within;
                let (ready, is_ready) = watch::channel(false);
                let context = ActorContext {
                    path: branch.path.clone(),
                    vitals: branch.vitals.clone(),
                    stop: stopped,
                    ready: Arc::new(ready),
                };
                let cell = hatch(worker, context, myself.get_cell()).await?;
                if let Some(within) = ready_within {
                    self.await_ready(&cell, &branch, is_ready, within).await?;
                }
                branch.vitals.enter(ActorState::Running);
                cell
            }
            Child::Tree(spec) => {
                let orders = Orders {
                    spec,
                    branch: branch.clone(),
                    seed: self.rng.random(),
                    stop: stopped,
                };
                let mut start = supervise(orders, myself.get_cell());
                tokio::select! {
                    biased;
                    cell = &mut start => cell?,
                    () = asked(&self.orders.stop) => {
                        // Passed on, so that what has started there stops in order.
                        stop.send_replace(true);
                        start.await?
                    }
                }
            }
        };
        self.slots[index].child = Some(Running { cell, stop });
        Ok(())
    }

    async fn await_ready(
        &self,
        cell: &ActorCell,
        branch: &Branch,
        mut is_ready: watch::Receiver<bool>,
        within: Duration,
    ) -> Result<(), StartFault> {
        let fault = tokio::select! {
            biased;
            Ok(_) = is_ready.wait_for(|ready| *ready) => return Ok(()),
            _ = cell.wait(None) => {
                let words = branch.vitals.last_words();
                return Err(words.map_or(StartFault::Ended, Cause::while_starting));
            }
            () = asked(&self.orders.stop) => StartFault::Interrupted,
            () = tokio::time::sleep(within) => StartFault::Late,
        };
        kill(cell).await;
        Err(fault)
    }

    /// Stops the children of a range, the last first, each within its time.
    async fn stop(&mut self, range: Range<usize>) {
        for index in range.rev() {
            let slot = &mut self.slots[index];
            slot.due = None;
            let Some(child) = slot.child.take() else {
                continue;
            };
            let vitals = self.orders.branch.below[index].vitals.clone();
            vitals.enter(ActorState::Stopping);
            child.stop.send_replace(true);
            let within = match &self.orders.spec.children[index] {
                Child::Worker(worker) => worker.stop_within,
                Child::Tree(spec) => {
                    child.cell.stop(None);
                    spec.stop_within()
                }
            };
            if child.cell.wait(Some(within)).await.is_ok() {
                vitals.ended(vitals.last_words().unwrap_or(Cause::Stopped));
            } else {
                kill(&child.cell).await;
                vitals.ended(Cause::Killed);
            }
        }
    }
}

/// Cuts an actor off at its next await, and gives it a moment to get there.
async fn kill(cell: &ActorCell) {
    cell.kill();
    if cell.wait(Some(KILL_WITHIN)).await.is_err() {
        tracing::error!(id = %cell.get_id(), "an actor blocks its thread and cannot be ended");
    }
}

async fn hatch(
    worker: Worker,
    context: ActorContext,
    parent: ActorCell,
) -> Result<ActorCell, StartFault> {
    context.vitals.born();
    let life = Life { worker, context };
    let spawned = Looper::spawn_linked(None, Looper, life, parent).await;
    spawned
        .map(|(child, _)| child.get_cell())
        .map_err(|error| fault_of(&error))
}

/// Boxed, since supervisors start supervisors.
fn supervise(
    orders: Orders,
    parent: ActorCell,
) -> BoxFuture<'static, Result<ActorCell, StartFault>> {
    Box::pin(async move {
        let spawned = Supervisor::spawn_linked(None, Supervisor, orders, parent).await;
        spawned
            .map(|(child, _)| child.get_cell())
            .map_err(|error| fault_of(&error))
    })
}

pub(crate) fn fault_of(error: &SpawnErr) -> StartFault {
    let SpawnErr::StartupFailed(error) = error else {
        return StartFault::Ended;
    };
    let ended = error.downcast_ref::<Ended>();
    ended.map_or(StartFault::Panic, |Ended(cause)| cause.while_starting())
}
