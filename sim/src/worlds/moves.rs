//! Machines come and go under load and loss: new ones join and are promoted, members leave by
//! themselves or are removed, voters are demoted and promoted again. Who left is no member,
//! whatever was lost on the way, and the cluster goes on.

use super::members::{FOUNDER, are_gone, dismiss, is_retired};
use super::weather::Weather;
use super::{happened, plan, settle};
use crate::world::{Broken, Report, World};
use base::NodeId;
use rand::Rng;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    spec.nodes = spec.nodes.min(5) + NEWCOMERS;
    spec.later = NEWCOMERS;
    spec.voters = 3;
    spec.clients = 1;
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let weather = Weather::begin(&mut world);
    let mut moves = Moves::default();
    for newcomer in spec.nodes - NEWCOMERS..spec.nodes {
        moves.comes(&mut world, newcomer)?;
        work(&mut world)?;
        moves.shuffle(&mut world)?;
        work(&mut world)?;
        moves.goes(&mut world)?;
        work(&mut world)?;
    }
    for (what, times) in [
        ("a join", moves.joined),
        ("a change of the voters", moves.changed),
        ("a departure", moves.gone.len() as u64),
    ] {
        happened(&world, what, times)?;
    }
    weather.happened(&world)?;
    settle(&mut world)?;
    are_gone(&world, &moves.gone)?;
    Ok(world.report())
}

/// The clients', in between.
fn work(world: &mut World) -> Result<(), Broken> {
    let ms = world.rng.random_range(100..1_000);
    world.run_for(Duration::from_millis(ms))
}

#[derive(Default)]
struct Moves {
    joined: u64,
    changed: u64,
    gone: Vec<NodeId>,
}

impl Moves {
    /// A new machine joins, and votes.
    fn comes(&mut self, world: &mut World, i: usize) -> Result<(), Broken> {
        world.trace.event(world.machines[i].name(), "is to join");
        world.admit(i)?;
        world.run_until(("a newcomer gets in", ENTER), |world| {
            let node = world.machines[i].node();
            node.map(drop).ok_or_else(|| "it is outside".to_owned())
        })?;
        self.joined += 1;
        self.change(world, i, true)
    }

    /// A member is demoted or promoted; what does not come in time may come later.
    fn shuffle(&mut self, world: &mut World) -> Result<(), Broken> {
        let i = other(world);
        let promote = world.rng.random_bool(0.5);
        self.change(world, i, promote)
    }

    fn change(&mut self, world: &mut World, i: usize, promote: bool) -> Result<(), Broken> {
        let Some(node) = world.machines[i].node().map(|node| node.id()) else {
            return Ok(());
        };
        let verb = if promote { "promote" } else { "demote" };
        world.trace.event("world", format!("{verb} n{}", i + 1));
        let done = world.on_founder(move |founder| async move {
            let outcome = if promote {
                founder.promote("world", node, PATIENCE).await
            } else {
                founder.demote("world", node, PATIENCE).await
            };
            Ok(outcome.is_ok())
        })?;
        self.changed += u64::from(done);
        Ok(())
    }

    /// A member leaves by itself, or is taken out; its process ends.
    fn goes(&mut self, world: &mut World) -> Result<(), Broken> {
        let i = other(world);
        let Some(gone) = world.machines[i].node().map(|node| node.id()) else {
            return Ok(());
        };
        let by_itself = world.rng.random_bool(0.6);
        let verb = if by_itself { "leaves" } else { "is removed" };
        world.trace.event(world.machines[i].name(), verb);
        let asked = if by_itself { i } else { FOUNDER };
        let mut why = String::new();
        for _ in 0..TRIES {
            let outcome = world.on_node(asked, move |node| async move {
                let how = ("it moves away", PATIENCE);
                let done = if by_itself {
                    node.leave("world", how).await
                } else {
                    node.remove("world", gone, how).await
                };
                Ok(done.map_err(|error| error.to_string()))
            })?;
            match outcome {
                // The answer may have been lost, and not what was asked for.
                Err(error) if !is_retired(world, gone) => why = error,
                Ok(()) | Err(_) => {
                    self.gone.push(gone);
                    dismiss(world, i);
                    return Ok(());
                }
            }
        }
        Err(world.broken("who wants to leave can", why))
    }
}

/// A member that is not the founder.
fn other(world: &mut World) -> usize {
    let others: Vec<usize> = world.present().filter(|i| *i != FOUNDER).collect();
    others[world.rng.random_range(0..others.len())]
}

const NEWCOMERS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(8);
const ENTER: Duration = Duration::from_secs(60);
/// A call whose answer was lost is made again.
const TRIES: u32 = 5;
