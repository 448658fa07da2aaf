//! Drives the replicated store: writes, letters and timers in, letters and saved batches out.
//! Decides nothing.
//!
//! One batch at a time is on its way to the disk, apart from the runtime; what changes meanwhile
//! goes with the next one, and whoever wrote it waits for that.

mod saving;

pub(crate) use saving::reopening;

use crate::core::Core;
use actor::{ActorContext, Inbox};
use base::{ContentHash, NodeId};
use bytes::Bytes;
use crdt::disk::StoreFile;
use crdt::{Effect, Gossip, Input, Letter, NodeFacts, Write, WriteError};
use futures::future::BoxFuture;
use saving::{Reopen, Saving, ended};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wire::Kind;

/// What others ask of the store.
#[derive(Debug)]
pub(crate) enum StoreAsk {
    /// Answered when it is on this node's disk.
    Write(Write, oneshot::Sender<Result<(), StoreError>>),
    Letter {
        from: NodeId,
        letter: Letter,
    },
    Record(Bytes, oneshot::Sender<Option<Bytes>>),
    Holders(ContentHash, oneshot::Sender<BTreeSet<NodeId>>),
    /// Every blob that a node is said to have.
    Placed(NodeId, oneshot::Sender<BTreeSet<ContentHash>>),
    Total(String, oneshot::Sender<u64>),
    Removed(NodeId),
}

/// Why a write does not count. A write that is not acknowledged may still spread.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Refused(#[from] WriteError),
    /// Reads go on. Free some space: the store looks for it every second.
    #[error("the disk under the replicated store is full")]
    Full,
    /// The disk failed; the store is loaded again from what it really has.
    #[error("the store's disk failed: {0}")]
    Disk(String),
    /// The node is shutting down, or the store is being restarted.
    #[error("the store is not running now")]
    Stopped,
}

/// What the rest of the node sees of the store without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub facts: BTreeMap<NodeId, NodeFacts>,
    /// Hash of the whole content: equal on nodes that know the same.
    pub root: u64,
    /// The disk has no room: writes are turned away.
    pub full: bool,
}

/// Whoever waits until a write is on this node's disk.
type Writer = oneshot::Sender<Result<(), StoreError>>;

pub(crate) struct StoreDriver {
    core: Arc<Core>,
    gossip: Gossip,
    /// None while a batch is being saved, and after the disk was found full.
    file: Option<StoreFile>,
    reopen: Reopen,
    /// Until when a full disk is left alone.
    full_until: Option<Instant>,
    out: Vec<Effect>,
    /// Writers whose writes are in no batch yet.
    waiting: Vec<Writer>,
    saving: Option<Saving>,
    refused: Option<WriteError>,
    letters: JoinSet<()>,
    changed: bool,
}

impl StoreDriver {
    pub(crate) fn new(
        core: Arc<Core>,
        gossip: Gossip,
        file: StoreFile,
        reopen: Reopen,
    ) -> StoreDriver {
        StoreDriver {
            core,
            gossip,
            file: Some(file),
            reopen,
            full_until: None,
            out: Vec::new(),
            waiting: Vec::new(),
            saving: None,
            refused: None,
            letters: JoinSet::new(),
            changed: true,
        }
    }

    /// Runs until it is told to stop, or the disk fails. Boxed: compiled here, not with each home.
    pub(crate) fn run<'a>(
        self,
        context: &'a ActorContext,
        inbox: &'a mut Inbox<StoreAsk>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.gossip_on(context, inbox))
    }

    async fn gossip_on(
        mut self,
        context: &ActorContext,
        inbox: &mut Inbox<StoreAsk>,
    ) -> Result<(), StoreError> {
        let mut usable = self.core.usable.subscribe();
        // Before the first batch is on disk the store takes no write.
        self.save_all().await?;
        self.step(Input::Peers(
            usable.borrow_and_update().iter().copied().collect(),
        ));
        loop {
            self.publish();
            self.begin_save();
            let wake = self.wake_at();
            tokio::select! {
                biased;
                saved = ended(&mut self.saving) => self.saved(saved)?,
                ask = inbox.next(context) => match ask {
                    Some(ask) => {
                        self.hear(ask);
                        // Whatever else waits shares the transaction.
                        while let Some(ask) = inbox.try_recv() {
                            self.hear(ask);
                            if self.waiting.len() >= WRITES_TOGETHER {
                                break;
                            }
                        }
                    }
                    None => break,
                },
                changed = usable.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let peers = usable.borrow_and_update().iter().copied().collect();
                    self.step(Input::Peers(peers));
                }
                Some(_) = self.letters.join_next() => {}
                () = sleep_until(wake) => self.step(Input::Timer),
            }
        }
        self.save_all().await?;
        if self.full_until.is_some() {
            tracing::warn!("what the full disk did not take is gone; peers tell what they know");
        }
        Ok(())
    }

    fn hear(&mut self, ask: StoreAsk) {
        match ask {
            StoreAsk::Write(_, done) if self.full_until.is_some() => {
                done.send(Err(StoreError::Full)).ok();
            }
            StoreAsk::Write(write, done) => {
                self.step(Input::Write(write));
                match self.refused.take() {
                    // The asker may have gone; the answer is then nobody's.
                    Some(error) => {
                        done.send(Err(error.into())).ok();
                    }
                    None => self.waiting.push(done),
                }
            }
            StoreAsk::Letter { from, letter } => self.step(Input::Letter { from, letter }),
            StoreAsk::Record(key, answer) => {
                drop(answer.send(self.gossip.store().record(&key).cloned()));
            }
            StoreAsk::Holders(hash, answer) => {
                drop(answer.send(self.gossip.store().holders(&hash).collect()));
            }
            StoreAsk::Placed(node, answer) => {
                let placements = self.gossip.store().placements();
                let its = placements.filter(|(_, holder)| *holder == node);
                drop(answer.send(its.map(|(hash, _)| hash).collect()));
            }
            StoreAsk::Total(metric, answer) => {
                answer.send(self.gossip.store().total(&metric)).ok();
            }
            StoreAsk::Removed(node) => self.step(Input::Removed(node)),
        }
    }

    fn step(&mut self, input: Input) {
        let now = self.core.now();
        self.changed |= !matches!(input, Input::Timer);
        self.gossip.step(now, input, &mut self.out);
        for effect in std::mem::take(&mut self.out) {
            match effect {
                Effect::Send { to, letter } => self.send(&to, &letter),
                Effect::Refused(error) => self.refused = Some(error),
                Effect::Skewed(rejected) => {
                    tracing::warn!(?rejected, "a node's clock is too far ahead");
                }
                Effect::Changed => self.changed = true,
            }
        }
    }

    /// Letters may be lost: none is waited for, and past the bound they are dropped. Small ones
    /// travel as datagrams where the path is free; what a path loses the next comparison repairs,
    /// which itself travels on a stream.
    fn send(&mut self, to: &[NodeId], letter: &Letter) {
        let kind = letter.kind();
        let frame = match letter.encode() {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(%error, "a letter does not fit a frame");
                return;
            }
        };
        for node in to {
            if self.letters.len() >= LETTERS_UNDER_WAY {
                tracing::debug!("too many letters are under way");
                return;
            }
            let (endpoint, node, frame) = (self.core.endpoint.clone(), *node, frame.clone());
            if kind == Kind::Gossip && endpoint.spare_datagram(node, frame.clone()).is_ok() {
                continue;
            }
            self.letters.spawn(async move {
                endpoint.call(node, kind, frame, LETTER_TIME).await.ok();
            });
        }
    }

    fn publish(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let store = self.gossip.store();
        let known = Known {
            facts: store
                .nodes()
                .map(|(node, facts)| (node, facts.clone()))
                .collect(),
            root: store.root(),
            full: self.full_until.is_some(),
        };
        self.core.known.send_if_modified(|old| {
            let changed = **old != known;
            if changed {
                *old = Arc::new(known);
            }
            changed
        });
    }
}

/// Writes that share one transaction on disk.
const WRITES_TOGETHER: usize = 256;
/// Letters that may be under way at once; past it they are lost, and the next comparison repairs.
const LETTERS_UNDER_WAY: usize = 512;
/// A letter that takes longer is worth nothing: the next one says more.
const LETTER_TIME: Duration = Duration::from_secs(2);
