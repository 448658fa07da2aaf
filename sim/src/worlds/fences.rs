//! Work is handed on: two want one job at once, and a holder that was thought dead ends it late.
//! Leaders lose power in between. One of two wins an epoch, and an older epoch has no say any more.

use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use base::{ContentHash, Epoch, JobId, NodeId};
use cluster::Node;
use futures::future::join;
use raft::ProposeError;
use raft::ledger::{Command, Outcome, Rejection};
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let spec = plan::spec(seed, echo);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let (mut fenced, mut deaths) = (0, 0);
    for round in 0..ROUNDS {
        // A voter: it may speak in another node's name.
        let i = world.rng.random_range(0..spec.voters);
        let job = JobId(world.rng.random());
        let members: Vec<NodeId> = world
            .machines
            .iter()
            .filter_map(|machine| Some(machine.node()?.id()))
            .collect();
        let a = world.rng.random_range(0..members.len());
        let b = (a + world.rng.random_range(1..members.len())) % members.len();
        let (a, b) = (members[a], members[b]);
        // Asked for like any client's.
        let key = key(job);
        world.oracle.told().open.insert(key, BODY);
        let told = world.on_node(i, move |node| async move {
            Ok(Story {
                node: &node,
                job,
                a,
                b,
            }
            .tell()
            .await)
        })?;
        fenced += told.map_err(|what| world.broken("epochs fence", what))?;
        if world.rng.random_bool(0.3) || (round + 1 == ROUNDS && deaths == 0) {
            deaths += u64::from(leader_dies(&mut world)?);
        }
    }
    happened(&world, "a fenced call", fenced)?;
    happened(&world, "a leader that loses power", deaths)?;
    settle(&mut world)?;
    Ok(world.report())
}

fn leader_dies(world: &mut World) -> Result<bool, Broken> {
    world.run_until(("somebody leads", BACK), |world| {
        world.leader().map(drop).ok_or_else(|| "nobody".to_owned())
    })?;
    let Some(leader) = world.leader() else {
        return Ok(false);
    };
    world.crash(leader, true);
    world.run_for(DARK)?;
    world.boot(leader);
    world.run_until(("a node comes back", BACK), |world| world.all_alive())?;
    Ok(true)
}

fn key(job: JobId) -> String {
    format!("fence {job}")
}

struct Story<'a> {
    node: &'a Node,
    job: JobId,
    a: NodeId,
    b: NodeId,
}

impl Story<'_> {
    /// How many calls were fenced; nothing to tell where a call had no clear outcome.
    async fn tell(&self) -> Result<u64, String> {
        let accept = Command::AcceptJob {
            job: self.job,
            key: key(self.job),
            body: BODY,
        };
        let Some(first) = epoch(&self.ask(accept).await) else {
            return Ok(0);
        };
        let both = join(self.assign(self.a, first), self.assign(self.b, first)).await;
        let (holder, second) = match (epoch(&both.0), epoch(&both.1)) {
            (Some(_), Some(_)) => {
                return Err(format!("{} was given away twice in {first:?}", self.job));
            }
            (Some(epoch), None) => (self.a, epoch),
            (None, Some(epoch)) => (self.b, epoch),
            (None, None) => return Ok(0),
        };
        // It seems dead, starts again, and gets the same job once more.
        let Some(third) = epoch(&self.assign(holder, second).await) else {
            return Ok(0);
        };
        let late = self.finish(holder, second).await;
        if late.is_ok() {
            return Err(format!(
                "{} was ended in {second:?} after {third:?} began",
                self.job
            ));
        }
        if let Err(ProposeError::Rejected(why)) = self.finish(holder, third).await {
            return Err(format!("{} cannot be ended in {third:?}: {why}", self.job));
        }
        let by_epoch = |error: &ProposeError| {
            matches!(error, ProposeError::Rejected(Rejection::Fenced { .. }))
        };
        Ok(u64::from(late.is_err_and(|error| by_epoch(&error))))
    }

    async fn ask(&self, command: Command) -> Result<Outcome, ProposeError> {
        self.node.submit("world", command).await
    }

    async fn assign(&self, node: NodeId, seen: Epoch) -> Result<Outcome, ProposeError> {
        let job = self.job;
        self.ask(Command::AssignJob { job, node, seen }).await
    }

    async fn finish(&self, node: NodeId, epoch: Epoch) -> Result<Outcome, ProposeError> {
        self.ask(Command::FinishJob {
            job: self.job,
            node,
            epoch,
            // Another answer for each epoch: the same one twice would be no change.
            answer: ContentHash([u8::try_from(epoch.0).unwrap_or(u8::MAX); 32]),
            holders: vec![self.a, self.b],
        })
        .await
    }
}

fn epoch(outcome: &Result<Outcome, ProposeError>) -> Option<Epoch> {
    if let Ok(Outcome::Job { epoch, .. }) = outcome {
        Some(*epoch)
    } else {
        None
    }
}

const BODY: ContentHash = ContentHash([7; 32]);
const ROUNDS: u32 = 8;
const DARK: Duration = Duration::from_millis(300);
const BACK: Duration = Duration::from_secs(30);
