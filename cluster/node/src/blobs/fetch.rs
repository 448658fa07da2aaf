//! Brings one blob over from whoever has it: chunk by chunk, several asked for at a time, from the
//! next node where one fails, going on where it stood. The whole is believed by its hash alone.

use super::BlobError;
use super::messages::{BlobGetReply, BlobGetRequest};
use super::policy::{self, Whom};
use super::shelf::{Intake, Shelf};
use crate::apart::apart;
use crate::core::Core;
use crate::event::NodeEvent;
use base::{ContentHash, NodeId};
use crdt::Write;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use raft::ledger::largest_blob;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use transport::{CallError, Refusal};
use wire::Kind;

/// Something with the shelf, where it may block.
pub(super) async fn on_disk<T, F>(core: &Core, work: F) -> Result<T, BlobError>
where
    T: Send + 'static,
    F: FnOnce(&Shelf) -> Result<T, BlobError> + Send + 'static,
{
    let shelf = core.shelf.clone();
    let done = apart(core.writer, move || work(&shelf)).await;
    done.map_err(|_| BlobError::Stopped)?
}

/// Tells everybody that this node has a blob now.
pub(super) async fn announce(core: &Core, hash: ContentHash) {
    core.tell_now(NodeEvent::BlobHeld { hash });
    if let Err(error) = core.write(Write::Hold(hash)).await {
        // The next sweep says it again.
        tracing::warn!(%hash, %error, "the cluster does not know yet who has a blob");
    }
}

/// Its bytes, once it is on this node's disk. `hints` are nodes that have it.
pub(super) async fn fetch(
    core: Arc<Core>,
    hash: ContentHash,
    hints: Vec<NodeId>,
) -> Result<u64, BlobError> {
    if let Some(size) = on_disk(&core, move |shelf| shelf.size(hash)).await? {
        return Ok(size);
    }
    let mut fetch = Fetch {
        core,
        hash,
        hints,
        failed: BTreeMap::new(),
        givers: BTreeSet::new(),
        liars: BTreeSet::new(),
    };
    let mut intake = on_disk(&fetch.core, move |shelf| shelf.resume(hash)).await?;
    let mut idle = 0;
    while idle < IDLE_ROUNDS {
        let before = intake.len();
        for source in fetch.sources().await {
            let (came, ended) = fetch.copy(source, intake).await?;
            intake = came;
            if let Err(why) = ended {
                fetch.failed.insert(source, why);
                continue;
            }
            let size = intake.len();
            match fetch.place(intake).await? {
                None => return Ok(size),
                Some(fresh) => intake = fresh,
            }
        }
        idle = if intake.len() > before { 0 } else { idle + 1 };
        sleep(PAUSE).await;
    }
    Err(BlobError::Nowhere {
        hash,
        tried: fetch.failed.into_iter().collect(),
    })
}

struct Fetch {
    core: Arc<Core>,
    hash: ContentHash,
    hints: Vec<NodeId>,
    /// Why each node did not give it, as far as the last time goes.
    failed: BTreeMap<NodeId, String>,
    /// Whose bytes are in the intake.
    givers: BTreeSet<NodeId>,
    /// Who alone gave bytes that were wrong.
    liars: BTreeSet<NodeId>,
}

impl Fetch {
    async fn sources(&self) -> Vec<NodeId> {
        let mut whom = whom(&self.core, self.hash).await;
        whom.holders.extend(&self.hints);
        let mut sources = policy::sources(&whom);
        sources.retain(|node| !self.liars.contains(node));
        sources
    }

    /// As much as one node gives. The inner error is that node's, the outer one this node's own:
    /// then nothing is kept.
    async fn copy(
        &mut self,
        from: NodeId,
        mut intake: Intake,
    ) -> Result<(Intake, Result<(), String>), BlobError> {
        let step = self.core.blob_settings.chunk_bytes;
        let mut asks = FuturesOrdered::new();
        let (mut next, mut size) = (intake.len(), None);
        loop {
            let wide = size.map_or(1, |_| self.core.blob_settings.window);
            while asks.len() < wide && size.is_none_or(|size| next < size) {
                let request = BlobGetRequest {
                    hash: self.hash,
                    offset: next,
                    max: step,
                    doubt: false,
                };
                asks.push_back(ask(self.core.clone(), from, request));
                next += u64::from(step);
            }
            let Some(answer) = asks.next().await else {
                return Ok((intake, Ok(())));
            };
            let piece = match answer {
                Ok(piece) => piece,
                Err(why) => return Ok((intake, Err(why))),
            };
            let due = piece.size.saturating_sub(intake.len()).min(step.into());
            let fits = size.is_none_or(|size| size == piece.size);
            if !fits || piece.bytes.len() as u64 != due {
                let why = "its answers do not fit together".to_owned();
                return Ok((intake, Err(why)));
            }
            size = Some(piece.size);
            if due > 0 {
                self.givers.insert(from);
            }
            intake = self.add(intake, piece).await?;
        }
    }

    async fn add(&self, mut intake: Intake, piece: BlobGetReply) -> Result<Intake, BlobError> {
        let max = largest_blob(&self.core.state().settings);
        let (came, added) = apart(self.core.writer, move || {
            let fits = intake.expect(piece.size, max);
            let added = fits.and_then(|()| intake.add(&piece.bytes, max));
            (intake, added)
        })
        .await
        .map_err(|_| BlobError::Stopped)?;
        match added {
            Ok(()) => Ok(came),
            Err(error) => {
                // What is there already is in the way of others who need the room.
                on_disk(&self.core, move |_| came.discard()).await.ok();
                Err(error)
            }
        }
    }

    /// None when it is in place; an empty intake when the bytes were wrong.
    async fn place(&mut self, intake: Intake) -> Result<Option<Intake>, BlobError> {
        let (hash, resumed) = (self.hash, intake.is_resumed());
        match on_disk(&self.core, move |_| intake.finish(Some(hash))).await {
            Ok(_) => {
                announce(&self.core, hash).await;
                return Ok(None);
            }
            Err(BlobError::WrongBytes { .. }) => {}
            Err(error) => return Err(error),
        }
        let givers = std::mem::take(&mut self.givers);
        if givers.len() == 1 && !resumed {
            self.liars.extend(&givers);
        }
        for giver in givers {
            self.failed
                .insert(giver, "what it gave was not this blob".to_owned());
            let request = BlobGetRequest {
                hash,
                offset: 0,
                max: 0,
                doubt: true,
            };
            // It looks for itself; whether it hears this changes nothing here.
            ask(self.core.clone(), giver, request).await.ok();
        }
        let fresh = on_disk(&self.core, move |shelf| shelf.resume(hash)).await?;
        Ok(Some(fresh))
    }
}

/// Who could have a blob: as gossip says, and as the ledger was told.
pub(super) async fn whom(core: &Core, hash: ContentHash) -> Whom {
    let state = core.state();
    // A store that is being restarted knows nothing for a moment; the ledger still does.
    let mut holders = core.holders(hash).await.unwrap_or_default();
    let versions = state
        .models
        .0
        .values()
        .flat_map(|model| model.versions.values());
    for version in versions.filter(|version| version.hash == hash) {
        holders.extend(&version.holders);
    }
    Whom {
        me: core.node,
        members: state.members.live.keys().copied().collect(),
        usable: core.usable.borrow().clone(),
        holders,
    }
}

/// One question to one node, again while that node only asks for patience.
pub(super) async fn ask(
    core: Arc<Core>,
    from: NodeId,
    request: BlobGetRequest,
) -> Result<BlobGetReply, String> {
    let frame = wire::encode(Kind::BlobGet, &request).map_err(|error| error.to_string())?;
    let mut last = String::new();
    for _ in 0..CHUNK_TRIES {
        let called = core
            .endpoint
            .call(from, Kind::BlobGet, frame.clone(), CHUNK_TIME);
        let pause = match called.await {
            Ok(reply) => return reply.body().map_err(|error| error.to_string()),
            Err(error @ CallError::Overloaded) => {
                last = error.to_string();
                BUSY
            }
            Err(CallError::Refused(refusal @ Refusal::Overloaded { retry_after })) => {
                last = refusal.to_string();
                retry_after
            }
            Err(error) => return Err(error.to_string()),
        };
        sleep(pause).await;
    }
    Err(last)
}

/// Rounds over all sources in which nothing came, before a fetch gives up.
const IDLE_ROUNDS: u32 = 3;
/// Between two rounds: a link that broke is made again in such times.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for one chunk: 1 MiB at 1 Mbit/s.
const CHUNK_TIME: Duration = Duration::from_secs(10);
/// How often one chunk is asked for where the other side has too much to do.
const CHUNK_TRIES: u32 = 5;
const BUSY: Duration = Duration::from_millis(50);
