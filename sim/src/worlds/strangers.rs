//! Two machines that are nobody's knock at a cluster that works: one has a token that nobody made,
//! the other one a certificate of another authority, and throws garbage. Of neither anything comes
//! into the ledger, and those who belong to it notice nothing.

use super::{happened, plan, settle};
use crate::host::PORT;
use crate::stranger::Stranger;
use crate::world::{Broken, Report, World};
use base::NodeId;
use raft::ledger::State;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use transport::Token;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    // No members, and not to become any.
    let (thief, foreigner) = (spec.nodes, spec.nodes + 1);
    spec.nodes += 2;
    spec.later = 2;
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    world.run_for(WORK)?;
    let before = ledger(&world)?;
    let (failed, strangers) = (handshakes_failed(&world), strangers(&world));
    let token = forged(&mut world)?;
    world.machines[thief].give_token(&token);
    let thrown = let_loose(&mut world, foreigner)?;
    world.run_for(KNOCKING)?;
    let failed = handshakes_failed(&world) - failed;
    let strangers = self::strangers(&world) - strangers;
    for (what, times) in [
        ("a datagram of garbage", thrown.load(Ordering::Relaxed)),
        ("a handshake that came to nothing", failed),
        ("a peer without a certificate", strangers),
        ("a refused token", refused(&world, thief)),
    ] {
        happened(&world, what, times)?;
    }
    is_unchanged(&world, &before, &token)?;
    settle(&mut world)?;
    is_unchanged(&world, &before, &token)?;
    Ok(world.report())
}

/// It fits the cluster in all but that nobody there has made it.
fn forged(world: &mut World) -> Result<Token, Broken> {
    let Some(node) = world.machines[0].node() else {
        return Err(world.broken("the cluster assembles", "n1 is down".to_owned()));
    };
    let (state, root) = (node.state(), node.identity().borrow().root_hash());
    let Some(cluster) = state.cluster else {
        return Err(world.broken("the cluster assembles", "it has no name".to_owned()));
    };
    let seeds = state.members.live.values().take(SEEDS);
    let seeds = seeds.map(|member| member.address.clone()).collect();
    Token::create(cluster, root, seeds, &mut world.rng)
        .map_err(|error| world.broken("a token can be forged", error.to_string()))
}

/// A machine bothers all members from now on; counts what it throws.
fn let_loose(world: &mut World, i: usize) -> Result<Arc<AtomicU64>, Broken> {
    let members: Vec<(NodeId, SocketAddr)> = world
        .present()
        .filter_map(|i| {
            let machine = &world.machines[i];
            let addr = SocketAddr::new(machine.card().address(), PORT);
            Some((machine.node()?.id(), addr))
        })
        .collect();
    let thrown = Arc::new(AtomicU64::new(0));
    let stranger = Stranger {
        machine: world.machines[i].clone(),
        members,
        thrown: thrown.clone(),
    };
    world.occupy(i, stranger.live());
    Ok(thrown)
}

fn ledger(world: &World) -> Result<Arc<State>, Broken> {
    let node = world.machines[0].node();
    let state = node.map(|node| node.state());
    state.ok_or_else(|| world.broken("the cluster assembles", "n1 is down".to_owned()))
}

/// Who is who is as it was, and nothing was done in the token's name. That nobody but the clients
/// brought in anything else is asked at the end of every world.
fn is_unchanged(world: &World, before: &State, token: &Token) -> Result<(), Broken> {
    let broken = |what: &str| world.broken("no state change by strangers", what.to_owned());
    let now = ledger(world)?;
    let same_members = now.members.live.keys().eq(before.members.live.keys())
        && now.members.retired == before.members.retired;
    if !same_members {
        return Err(broken("there are other members"));
    }
    if now.tokens != before.tokens || now.revoked != before.revoked {
        return Err(broken("tokens or what is revoked changed"));
    }
    let name = format!("token {}", token.id);
    if now.audit.records.iter().any(|record| record.by == name) {
        return Err(broken("a forged token did something"));
    }
    Ok(())
}

fn refused(world: &World, thief: usize) -> u64 {
    let name = world.machines[thief].name();
    let lines = world.trace.lines();
    let its = lines
        .iter()
        .filter(|line| line.split_whitespace().nth(1) == Some(name));
    its.filter(|line| line.contains(" join: ")).count() as u64
}

fn handshakes_failed(world: &World) -> u64 {
    metric(world, |metrics| metrics.handshakes_failed)
}

/// Peers without a certificate that were heard.
fn strangers(world: &World) -> u64 {
    metric(world, |metrics| metrics.strangers)
}

fn metric(world: &World, of: impl Fn(&transport::TransportMetrics) -> u64) -> u64 {
    let nodes = world.machines.iter().filter_map(|machine| machine.node());
    nodes.map(|node| of(&node.transport_metrics())).sum()
}

/// Seeds that the token names.
const SEEDS: usize = 4;
const WORK: Duration = Duration::from_secs(1);
const KNOCKING: Duration = Duration::from_secs(8);
