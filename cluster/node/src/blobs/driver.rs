//! The one who fetches and reads through: each blob once at a time however many wait for it, a few
//! blobs at a time, the others in a queue with a bound. Sweeps now and then.

use super::fetch::{announce, fetch, on_disk};
use super::sweep::{Sweep, sweep};
use super::{BlobError, BlobSettings};
use crate::core::Core;
use crate::event::NodeEvent;
use actor::{ActorContext, Inbox};
use base::{ContentHash, NodeId};
use crdt::Write;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

pub(crate) type BlobAnswer = Result<u64, BlobError>;

/// What others ask about this node's blobs.
#[derive(Debug)]
pub(crate) enum BlobAsk {
    /// Answered when it is on this node's disk, or cannot be had.
    Fetch {
        hash: ContentHash,
        from: Vec<NodeId>,
        done: oneshot::Sender<BlobAnswer>,
    },
    /// Answered when it was read through. One that is damaged is put aside, and fetched again
    /// behind the answer.
    Check {
        hash: ContentHash,
        done: oneshot::Sender<BlobAnswer>,
    },
    /// Somebody needs it, although no version names it.
    Wanted(ContentHash),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Fetch(ContentHash),
    Check(ContentHash),
}

enum Ended {
    Worked(Work, BlobAnswer),
    Swept(Box<Sweep>),
}

pub(crate) struct BlobDriver {
    core: Arc<Core>,
    settings: BlobSettings,
    /// Who waits for what, the work under way and in the queue alike.
    waiting: BTreeMap<Work, Vec<oneshot::Sender<BlobAnswer>>>,
    queue: VecDeque<(Work, Vec<NodeId>)>,
    running: usize,
    jobs: JoinSet<Ended>,
    /// None while a sweep is under way.
    sweep: Option<Box<Sweep>>,
    wanted: BTreeSet<ContentHash>,
}

impl BlobDriver {
    pub(crate) fn new(core: Arc<Core>) -> BlobDriver {
        BlobDriver {
            settings: core.blob_settings,
            core,
            waiting: BTreeMap::new(),
            queue: VecDeque::new(),
            running: 0,
            jobs: JoinSet::new(),
            sweep: Some(Box::default()),
            wanted: BTreeSet::new(),
        }
    }

    /// Runs until it is told to stop. Fetches under way end with it and go on at the next start.
    /// A job that panicked ends it: those who wait are told so.
    pub(crate) async fn run(
        mut self,
        context: &ActorContext,
        inbox: &mut Inbox<BlobAsk>,
    ) -> Result<(), JoinError> {
        let mut next_sweep = Instant::now();
        loop {
            tokio::select! {
                biased;
                ask = inbox.next(context) => match ask {
                    Some(ask) => self.hear(ask),
                    None => return Ok(()),
                },
                Some(ended) = self.jobs.join_next() => match ended? {
                    Ended::Worked(work, answer) => self.worked(work, answer),
                    Ended::Swept(swept) => self.swept(swept),
                },
                () = sleep_until(next_sweep) => {
                    next_sweep = Instant::now() + self.settings.sweep_every;
                    self.begin_sweep();
                }
            }
        }
    }

    fn hear(&mut self, ask: BlobAsk) {
        match ask {
            BlobAsk::Fetch { hash, from, done } => self.want(Work::Fetch(hash), from, Some(done)),
            BlobAsk::Check { hash, done } => self.want(Work::Check(hash), Vec::new(), Some(done)),
            BlobAsk::Wanted(hash) => self.note(hash),
        }
    }

    fn want(&mut self, work: Work, from: Vec<NodeId>, done: Option<oneshot::Sender<BlobAnswer>>) {
        let known = self.waiting.contains_key(&work);
        if !known && self.queue.len() >= QUEUE {
            if let Some(done) = done {
                // The asker may have gone.
                done.send(Err(BlobError::Busy)).ok();
            }
            return;
        }
        self.note(work.hash());
        let waiting = self.waiting.entry(work).or_default();
        // Who asks again and again has gone in between.
        waiting.retain(|asker| !asker.is_closed());
        waiting.extend(done);
        if !known {
            self.queue.push_back((work, from));
            self.begin();
        }
    }

    fn note(&mut self, hash: ContentHash) {
        if self.wanted.len() < WANTED {
            self.wanted.insert(hash);
        }
    }

    fn begin(&mut self) {
        while self.running < self.settings.fetches {
            let Some((work, from)) = self.queue.pop_front() else {
                return;
            };
            self.running += 1;
            let core = self.core.clone();
            self.jobs.spawn(async move {
                let answer = match work {
                    Work::Fetch(hash) => fetch(core, hash, from).await,
                    Work::Check(hash) => check(&core, hash).await,
                };
                Ended::Worked(work, answer)
            });
        }
    }

    fn worked(&mut self, work: Work, answer: BlobAnswer) {
        self.running -= 1;
        for asker in self.waiting.remove(&work).unwrap_or_default() {
            // The asker may have gone.
            asker.send(answer.clone()).ok();
        }
        if let (Work::Check(hash), Err(BlobError::Damaged { .. })) = (work, &answer) {
            self.want(Work::Fetch(hash), Vec::new(), None);
        }
        self.begin();
    }

    fn begin_sweep(&mut self) {
        let Some(mut last) = self.sweep.take() else {
            return;
        };
        last.wanted = std::mem::take(&mut self.wanted);
        last.busy = self.waiting.keys().map(|work| work.hash()).collect();
        let core = self.core.clone();
        self.jobs
            .spawn(async move { Ended::Swept(sweep(core, last).await) });
    }

    fn swept(&mut self, swept: Box<Sweep>) {
        if let Some(hash) = swept.to_scrub {
            self.want(Work::Check(hash), Vec::new(), None);
        }
        self.sweep = Some(swept);
    }
}

impl Work {
    fn hash(self) -> ContentHash {
        match self {
            Work::Fetch(hash) | Work::Check(hash) => hash,
        }
    }
}

async fn check(core: &Core, hash: ContentHash) -> BlobAnswer {
    let answer = on_disk(core, move |shelf| shelf.check(hash)).await;
    match &answer {
        Ok(_) => announce(core, hash).await,
        Err(BlobError::Damaged { .. }) => {
            core.tell_now(NodeEvent::BlobDamaged { hash });
            release(core, hash).await;
        }
        Err(_) => {}
    }
    answer
}

/// Tells everybody that this node has a blob no more.
pub(super) async fn release(core: &Core, hash: ContentHash) {
    let node = core.node;
    if let Err(error) = core.write(Write::Release { hash, node }).await {
        // The next sweep says it again.
        tracing::warn!(%hash, %error, "the cluster still takes this node for one that has a blob");
    }
}

/// Blobs that wait to be fetched or read through.
const QUEUE: usize = 64;
/// Blobs that were asked for since the last sweep; of more, some are garbage sooner.
const WANTED: usize = 4096;
