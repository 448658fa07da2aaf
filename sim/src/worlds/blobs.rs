//! Versions enter the registry while machines die, and once while paths swallow large datagrams and
//! do not tell: what the ledger names is on two disks whatever happens next, another node serves
//! the bytes when the first holder is gone, rot is found and mended, and a rollback gives the
//! parent at once.

use super::{happened, plan, settle};
use crate::disk::DiskRates;
use crate::machine::BLOBS;
use crate::world::{Broken, Report, World};
use base::ContentHash;
use bytes::Bytes;
use cluster::{BlobError, NewBlobVersion, Node, PublishError, Published};
use futures::stream;
use raft::ledger::Command;
use rand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn run(seed: u64, echo: bool) -> Result<Report, Broken> {
    let mut spec = plan::spec(seed, echo);
    // Many chunks of little blobs.
    spec.settings.blobs.chunk_bytes = 4096;
    spec.settings.blobs.reserve_bytes = 1 << 20;
    spec.settings.blobs.sweep_every = Duration::from_secs(5);
    let mut world = World::new(&spec);
    world.assemble(spec.voters)?;
    let mut story = Story::default();
    let narrow = world.rng.random_range(0..ROUNDS);
    for round in 0..ROUNDS {
        if round == narrow {
            story.narrow_round(&mut world)?;
        } else {
            story.round(&mut world)?;
        }
    }
    story.no_room(&mut world)?;
    story.rollback(&mut world)?;
    for (what, times) in [
        ("a death of the first holder", story.deaths),
        ("a transfer that was cut", story.cut),
        ("a damaged blob", story.rotten),
        ("a full disk", story.full),
        ("a large datagram that vanished", story.swallowed),
    ] {
        happened(&world, what, times)?;
    }
    settle(&mut world)?;
    Ok(world.report())
}

#[derive(Default)]
struct Story {
    /// What each version is made of.
    bytes: BTreeMap<ContentHash, Vec<u8>>,
    last: Option<u32>,
    deaths: u64,
    cut: u64,
    rotten: u64,
    full: u64,
    swallowed: u64,
}

impl Story {
    /// Links have found how large a datagram may be, and from now on it may not; no router says so.
    fn narrow_round(&mut self, world: &mut World) -> Result<(), Broken> {
        let before = world.fabric.counters().swallowed;
        let bytes = world.rng.random_range(SMALLEST_PATH..LARGEST_HOLE);
        let what = format!("paths swallow what has more than {bytes} bytes");
        world.trace.event("world", what);
        world.fabric.set_mtu(bytes);
        self.round(world)?;
        // A new link asks how wide its path is, at the latest.
        world.run_until(("a large datagram vanishes", BACK), |world| {
            self.swallowed = world.fabric.counters().swallowed - before;
            (self.swallowed > 0)
                .then_some(())
                .ok_or_else(|| "none did".to_owned())
        })?;
        world.fabric.heal();
        Ok(())
    }

    fn round(&mut self, world: &mut World) -> Result<(), Broken> {
        let nodes = world.machines.len();
        let first = world.rng.random_range(0..nodes);
        let len = world.rng.random_range(50_000..200_000);
        let bytes: Vec<u8> = (0..len).map(|_| world.rng.random()).collect();
        let parent = self.last;
        let handed_in = bytes.clone();
        let published = world.on_node(first, move |node| async move {
            publish(&node, handed_in, parent)
                .await
                .map_err(|error| error.to_string())
        })?;
        let (hash, made) = published;
        self.last = Some(made.version);
        self.bytes.insert(hash, bytes);
        // Nothing of what was promised may be in memory only.
        let power_cut = world.rng.random_bool(0.5);
        world.crash(first, power_cut);
        self.deaths += 1;
        on_two_disks(world, hash)?;
        self.fetch_elsewhere(world, (first, hash))?;
        world.boot(first);
        world.run_until(("a node comes back", BACK), |world| world.all_alive())?;
        self.rot(world, hash)
    }

    /// A third node gets the bytes, although the one that fetches them is killed on the way.
    fn fetch_elsewhere(
        &mut self,
        world: &mut World,
        (first, hash): (usize, ContentHash),
    ) -> Result<(), Broken> {
        let without = (0..world.machines.len()).filter(|i| *i != first);
        let without: Vec<usize> = without.filter(|i| !has(world, *i, hash)).collect();
        let Some(third) = without.first().copied() else {
            return Ok(());
        };
        world.run_until(("somebody leads again", BACK), |world| {
            world.leader().map(drop).ok_or_else(|| "nobody".to_owned())
        })?;
        if let Some(node) = world.machines[third].node() {
            world.machines[third].run(Box::pin(async move {
                // It does not live to see the answer.
                node.fetch_blob(hash).await.ok();
            }));
        }
        let part = format!("{BLOBS}{hash}.part");
        let begun = |world: &World| world.machines[third].disk().len(&part).unwrap_or(0) > 0;
        let end = world.now() + BACK;
        while !begun(world) && !has(world, third, hash) && world.now() < end {
            world.step()?;
        }
        if begun(world) {
            self.cut += 1;
            world.crash(third, true);
            world.boot(third);
            if third == FOUNDER {
                // A founder waits at its start until a majority knows what it founded.
                world.boot(first);
            }
            world.run_until(("a node comes back", BACK), |world| {
                let node = world.machines[third].node();
                node.map(drop).ok_or_else(|| "it is down".to_owned())
            })?;
        }
        self.same_bytes(world, third, hash)
    }

    /// Bits flip in one copy: whoever reads it gets the right bytes all the same.
    fn rot(&mut self, world: &mut World, hash: ContentHash) -> Result<(), Broken> {
        let holders: Vec<usize> = (0..world.machines.len())
            .filter(|i| has(world, *i, hash))
            .collect();
        let holder = holders[world.rng.random_range(0..holders.len())];
        let flipped = world.machines[holder].disk().flip_bit(&hash.to_string());
        self.rotten += u64::from(flipped);
        self.same_bytes(world, holder, hash)?;
        on_two_disks(world, hash)
    }

    fn same_bytes(&self, world: &mut World, i: usize, hash: ContentHash) -> Result<(), Broken> {
        let read = world.on_node(i, move |node| async move {
            let mut last = String::new();
            for _ in 0..READ_TRIES {
                match node.read_blob(hash).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        })?;
        if self.bytes.get(&hash) == Some(&read) {
            return Ok(());
        }
        Err(world.broken(SAME, format!("n{} read others for {hash}", i + 1)))
    }

    /// A disk without room refuses by name, keeps nothing, and works again afterwards.
    fn no_room(&mut self, world: &mut World) -> Result<(), Broken> {
        let i = world.rng.random_range(0..world.machines.len());
        let disk = world.machines[i].disk().clone();
        let files = blob_files(world, i);
        disk.set_rates(DiskRates {
            // What is there stays; of the reserve half is left.
            capacity: Some(disk.used() + (1 << 19)),
            ..DiskRates::default()
        });
        let refused = world.on_node(i, |node| async move {
            let bytes = stream::iter([Ok::<_, String>(Bytes::from_static(&[7; 1000]))]);
            Ok(node.put_blob(bytes).await)
        })?;
        disk.set_rates(DiskRates::default());
        match refused {
            Err(BlobError::NoRoom { .. }) => self.full += 1,
            other => return Err(world.broken("a full disk is named", format!("{other:?}"))),
        }
        if blob_files(world, i) == files {
            return Ok(());
        }
        Err(world.broken("a refused blob leaves nothing", format!("on n{}", i + 1)))
    }

    fn rollback(&self, world: &mut World) -> Result<(), Broken> {
        let Some(last) = self.last else {
            return Ok(());
        };
        let serving = world.on_founder(move |node| async move {
            for version in [last - 1, last] {
                let name = MODEL.to_owned();
                submit(&node, Command::Promote { name, version }).await?;
            }
            let rollback = Command::Rollback {
                name: MODEL.to_owned(),
                to: None,
            };
            submit(&node, rollback).await?;
            node.barrier().await.map_err(|error| error.to_string())?;
            let state = node.state();
            let model = state.models.0.get(MODEL).ok_or("no such model")?;
            let (version, record) = model.current().ok_or("it serves nothing")?;
            Ok((version, record.hash, model.lineage(last)))
        })?;
        let (version, hash, lineage) = serving;
        if version != last - 1 || !lineage.starts_with(&[last, last - 1]) {
            let what = format!("{version} serves; {last} was made from {lineage:?}");
            return Err(world.broken("a rollback gives the parent", what));
        }
        on_two_disks(world, hash)?;
        self.same_bytes(world, 0, hash)
    }
}

async fn publish(
    node: &Node,
    bytes: Vec<u8>,
    parent: Option<u32>,
) -> Result<(ContentHash, Published), PublishError> {
    let pieces: Vec<_> = bytes
        .chunks(10_000)
        .map(|piece| Ok::<_, String>(Bytes::copy_from_slice(piece)))
        .collect();
    let blob = node.put_blob(stream::iter(pieces)).await?;
    let new = |hash| NewBlobVersion {
        name: MODEL.to_owned(),
        parent,
        hash,
        metrics: BTreeMap::from([("accuracy".to_owned(), 910_000)]),
    };
    let mut made = node.publish("world", new(blob.hash), PATIENCE).await;
    for _ in 0..PUBLISH_TRIES {
        if made.is_ok() {
            break;
        }
        made = node.publish("world", new(blob.hash), PATIENCE).await;
    }
    Ok((blob.hash, made?))
}

async fn submit(node: &Node, command: Command) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..PUBLISH_TRIES {
        match node.submit("world", command.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

fn has(world: &World, i: usize, hash: ContentHash) -> bool {
    let name = format!("{BLOBS}{hash}");
    world.machines[i].disk().len(&name).is_ok()
}

fn blob_files(world: &World, i: usize) -> Vec<String> {
    let mut names = world.machines[i].disk().names();
    names.retain(|name| name.starts_with(BLOBS));
    names
}

/// Asked of the disks themselves, so that it holds whoever is up.
fn on_two_disks(world: &World, hash: ContentHash) -> Result<(), Broken> {
    let holders = (0..world.machines.len()).filter(|i| has(world, *i, hash));
    let holders = holders.count();
    if holders >= 2 {
        return Ok(());
    }
    let what = format!("{hash} is on {holders} disks");
    Err(world.broken("what the ledger names is on two disks", what))
}

const FOUNDER: usize = 0;
const MODEL: &str = "adapter";
const SAME: &str = "a blob's bytes are those of its name";
const ROUNDS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(20);
const BACK: Duration = Duration::from_secs(30);
/// An election may be under way.
const PUBLISH_TRIES: u32 = 5;
const READ_TRIES: u32 = 5;
/// Bytes of a UDP payload that every path takes which QUIC may use.
const SMALLEST_PATH: usize = 1_200;
/// Below what a link finds on a path of Ethernet.
const LARGEST_HOLE: usize = 1_400;
