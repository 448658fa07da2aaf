//! Queues are bounded (TigerBeetle's "put a limit on everything"; what overload does to those who
//! have none: exo #1823, LiteLLM #12685): no mailbox has more letters than its bound or a bound
//! above the largest that is meant, no link has more requests under way than it may, and the ledger
//! keeps no more history than it says. Once the clients are silent all mailboxes are empty.

use super::Breach;
use crate::host::Machine;
use crate::world::World;
use cluster::Node;

#[derive(Default)]
pub(super) struct Queues {
    looks: u64,
}

impl Queues {
    pub(super) fn look(&mut self, machines: &[Machine]) -> Result<(), Breach> {
        self.looks += 1;
        if !self.looks.is_multiple_of(EVERY) {
            return Ok(());
        }
        for machine in machines {
            let Some(node) = machine.node() else {
                continue;
            };
            mailboxes(&node)
                .and_then(|()| links(machine, &node))
                .and_then(|()| ledger(&node))
                .map_err(|what| ("queues are bounded", format!("{}: {what}", machine.name())))?;
        }
        Ok(())
    }
}

fn mailboxes(node: &Node) -> Result<(), String> {
    for actor in node.tree() {
        let Some(mailbox) = actor.mailbox else {
            continue;
        };
        if mailbox.depth > mailbox.bound || mailbox.bound > LETTERS {
            return Err(format!("{} has {mailbox:?}", actor.path));
        }
    }
    Ok(())
}

fn links(machine: &Machine, node: &Node) -> Result<(), String> {
    let settings = &machine.settings().transport;
    let links = node.links();
    if links.len() > settings.max_peers {
        return Err(format!("{} links", links.len()));
    }
    let most = settings.in_flight.total();
    let over = links
        .iter()
        .find(|link| link.requests_in > most || link.requests_out > most);
    match over {
        Some(link) => Err(format!("{link:?}, where {most} requests may be under way")),
        None => Ok(()),
    }
}

fn ledger(node: &Node) -> Result<(), String> {
    let state = node.state();
    let (audit, snapshots) = (state.audit.records.len(), state.snapshots.len());
    if audit > AUDIT || snapshots > SNAPSHOTS {
        return Err(format!("{audit} audit records, {snapshots} snapshots"));
    }
    Ok(())
}

/// That nothing waits any more at any node.
pub fn queues_are_empty(world: &World) -> Result<(), String> {
    for (name, node) in world.present_nodes()? {
        let tree = node.tree();
        let waiting = tree
            .iter()
            .find(|actor| actor.mailbox.is_some_and(|mailbox| mailbox.depth > 0));
        if let Some(actor) = waiting {
            return Err(format!("{name}: letters wait for {}", actor.path));
        }
    }
    Ok(())
}

/// Of the looks that the watchers get, since each of these costs some allocations.
const EVERY: u64 = 10;
/// The replicated store's mailbox is the largest.
const LETTERS: usize = 4096;
/// Audit records that the ledger keeps.
const AUDIT: usize = 4096;
/// Hashes of snapshots that the ledger keeps.
const SNAPSHOTS: usize = 8;
