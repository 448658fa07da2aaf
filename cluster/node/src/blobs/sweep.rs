//! Now and then: says what this node has and has no more, throws away what nobody names, picks what
//! to read through, and as the leader has a second copy made where the ledger's promise lost one.

use super::driver::release;
use super::fetch::{on_disk, whom};
use super::messages::BlobPutRequest;
use super::policy::{self, Ages};
use super::publish::ask_to_hold;
use super::shelf::Shelved;
use super::{BlobError, BlobSettings};
use crate::core::Core;
use crate::event::NodeEvent;
use base::{ContentHash, NodeId, Time};
use crdt::Write;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What one sweep leaves to the next, and what the driver tells it.
#[derive(Default)]
pub(super) struct Sweep {
    /// Asked for since the last sweep.
    pub(super) wanted: BTreeSet<ContentHash>,
    /// Under way.
    pub(super) busy: BTreeSet<ContentHash>,
    /// To be read through next.
    pub(super) to_scrub: Option<ContentHash>,
    ages: Ages,
    read: BTreeMap<ContentHash, Time>,
}

pub(super) async fn sweep(core: Arc<Core>, mut last: Box<Sweep>) -> Box<Sweep> {
    last.to_scrub = None;
    if let Err(error) = last.look(&core).await {
        tracing::warn!(%error, "this node's blobs could not be looked at");
    }
    last
}

impl Sweep {
    async fn look(&mut self, core: &Arc<Core>) -> Result<(), BlobError> {
        let settings = core.blob_settings;
        let files = on_disk(core, |shelf| shelf.list()).await?;
        let whole: BTreeSet<ContentHash> = files
            .iter()
            .filter(|file| matches!(file, Shelved::Whole(_)))
            .filter_map(|file| file.hash())
            .collect();
        self.say(core, &whole).await?;
        self.drop_garbage(core, &files, &settings).await?;
        self.pick(core.now(), &whole, &settings);
        if core.group.view().leader == Some(core.node) {
            mend(core).await;
        }
        Ok(())
    }

    /// What gossip says of this node, made true. A store that lost its file says it all again.
    async fn say(&self, core: &Core, whole: &BTreeSet<ContentHash>) -> Result<(), BlobError> {
        let said = core.placed(core.node).await;
        let said = said.map_err(|_| BlobError::Stopped)?;
        for hash in whole.difference(&said) {
            if let Err(error) = core.write(Write::Hold(*hash)).await {
                // The next sweep says it again. What this one throws away may be the room that a
                // full disk lacks.
                tracing::warn!(%hash, %error, "the cluster does not know yet who has a blob");
                break;
            }
        }
        for hash in said.difference(whole) {
            release(core, *hash).await;
        }
        Ok(())
    }

    async fn drop_garbage(
        &mut self,
        core: &Core,
        files: &[Shelved],
        settings: &BlobSettings,
    ) -> Result<(), BlobError> {
        let now = core.now();
        let named = policy::named(&core.state());
        let (wanted, busy) = (std::mem::take(&mut self.wanted), &self.busy);
        self.ages.look(now, files, |file| match file {
            Shelved::Whole(hash) => [&named, &wanted, busy]
                .iter()
                .any(|set| set.contains(&hash)),
            Shelved::Part(hash) => busy.contains(&hash) || named.contains(&hash),
            Shelved::Bad(_) | Shelved::Put(_) => false,
        });
        let due = self.ages.garbage(now, settings.retention);
        if due.is_empty() {
            return Ok(());
        }
        // A node that is behind does not know what was named since.
        if core.group.read_barrier().await.is_err() {
            return Ok(());
        }
        let named = policy::named(&core.state());
        for file in due {
            let whole = match file {
                Shelved::Whole(hash) if named.contains(&hash) => continue,
                Shelved::Whole(hash) => Some(hash),
                Shelved::Part(_) | Shelved::Bad(_) | Shelved::Put(_) => None,
            };
            if let Some(hash) = whole {
                release(core, hash).await;
                core.tell_now(NodeEvent::BlobDropped { hash });
            }
            on_disk(core, move |shelf| shelf.remove(file)).await?;
        }
        Ok(())
    }

    fn pick(&mut self, now: Time, whole: &BTreeSet<ContentHash>, settings: &BlobSettings) {
        self.read.retain(|hash, _| whole.contains(hash));
        for hash in whole {
            self.read.entry(*hash).or_insert(now);
        }
        self.to_scrub = policy::next_scrub(now, &self.read, settings.scrub_every);
        if let Some(hash) = self.to_scrub {
            self.read.insert(hash, now);
        }
    }
}

/// Has the ledger's blobs held by another node where a holder was removed. One try for each; the
/// next sweep looks again.
async fn mend(core: &Arc<Core>) {
    let hashes: BTreeSet<ContentHash> = {
        let state = core.state();
        let models = state.models.0.values();
        let versions = models.flat_map(|model| model.versions.values());
        versions.map(|version| version.hash).collect()
    };
    for hash in hashes {
        // Only what gossip says now: the ledger names who had it then.
        let holders: BTreeSet<NodeId> = core.holders(hash).await.unwrap_or_default();
        let whom = whom(core, hash).await;
        if holders.is_empty() || !policy::is_short(&whom.members, &holders) {
            continue;
        }
        let next = policy::partners(&whom)
            .into_iter()
            .find(|node| !holders.contains(node) && whom.usable.contains(node));
        let Some(next) = next else {
            continue;
        };
        let request = BlobPutRequest {
            hash,
            from: holders.into_iter().collect(),
            wait: Duration::ZERO,
        };
        if let Err(why) = ask_to_hold(core, next, &request).await {
            tracing::warn!(%hash, node = %next.short(), why, "no second copy yet");
        }
    }
}
