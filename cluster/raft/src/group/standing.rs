//! Whether this node's vote counts, and how it comes to count again.
//!
//! Raft is safe because a voter keeps two promises across a restart: how it voted, and what it
//! acknowledged. A node that broke the second and still votes can help to elect a leader that lacks
//! a committed entry. So:
//!
//! * **Fresh**: an empty folder. There is nothing that could have been broken; no vote until the
//!   log has an entry. A wiped voter that comes back under its old id is fresh, too, but it is
//!   told at once that it is not new: an append says whether its receiver votes (`Append::voter`),
//!   and whoever votes was caught up before; and it reminds the receiver of its own word
//!   (`Append::known`, an entry that it acknowledged and that is committed). Both end in
//!   [`Fault::RolledBack`].
//! * **Asking**: a sound log. Before its first vote the node asks the other voters what they heard
//!   from it, until a majority (itself included) has answered. This finds a restored disk image,
//!   and a lost last batch that looked like a torn tail. An election needs that majority anyway,
//!   so asking costs a round trip and no availability. An append of a leader answers as well.
//! * **Repairing**: the log is damaged. The vote file is intact, so the node keeps its promise of
//!   how it voted; its word about entries is void. It wipes the log under a new epoch (the mark of
//!   repair is durable before the first byte goes), takes appends as a learner does, answers no
//!   question for a vote and asks none. Its acknowledgements are true ones: they are of entries
//!   that it has again.
//!
//! Repair ends, and the vote counts again, when these came one after the other:
//! 1. A leader's append or snapshot was accepted after the start. An append hangs on the entry that
//!    the leader believes to be here. So when one is accepted, that belief is true; a leader that
//!    remembers more from before sees a conflict first, and drops it.
//! 2. That same leader, asked afterwards, named the place that a linearizable read must reach,
//!    which it does only after a quorum confirmed that it still leads. By leader completeness its
//!    log holds every entry that was ever committed with this node's help under older terms, and
//!    all of them lie before the first entry of its own term; those that it committed itself with
//!    this node's old word lie before its commit index at step 1. The named place is at or after
//!    both.
//! 3. This log has reached that place, and an fsync has covered it.
//!
//! So this node again holds every committed entry that it ever acknowledged, which is all that its
//! vote stands for.

use super::{Inner, heir, start};
use crate::fault::Fault;
use crate::machine;
use crate::net::{Ask, AskReply, send};
use crate::snapshot::{Image, KeeperJob};
use crate::types::Ballot;
use base::NodeId;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::errors::Fatal;
use openraft_rt::WatchReceiver;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use wire::Kind;

/// What this node's vote is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Sound,
    /// The log is empty: nothing to vote with.
    Fresh,
    /// A majority of the voters has not yet said what it heard from this node before.
    Asking,
    /// The log was damaged and is being rebuilt from peers.
    Repairing,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Sound => "sound",
            Standing::Fresh => "fresh",
            Standing::Asking => "asking",
            Standing::Repairing => "repairing",
        })
    }
}

/// A leader had something accepted here since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) leader: NodeId,
    pub(super) term: u64,
}

/// The tasks that run beside a group. They hold it weakly, so that it can go away.
pub(super) fn spawn(group: &Arc<Inner>) -> Vec<AbortHandle> {
    let tasks = [
        tokio::spawn(stand(Arc::downgrade(group))),
        tokio::spawn(announce_snapshots(Arc::downgrade(group))),
        tokio::spawn(heir::yield_when_full(Arc::downgrade(group))),
        tokio::spawn(heir::yield_when_slow(Arc::downgrade(group))),
    ];
    tasks
        .iter()
        .map(tokio::task::JoinHandle::abort_handle)
        .collect()
}

async fn stand(group: Weak<Inner>) {
    let mut wait = FIRST_ROUND;
    loop {
        tokio::time::sleep(wait).await;
        let Some(group) = group.upgrade() else {
            return;
        };
        if group.alarm.fault().is_some() {
            // A node whose word is broken must not even be counted as present.
            group.raft.runtime_config().elect(false);
            if let Err(error) = group.raft.shutdown().await {
                tracing::warn!(%error, "raft ended with a panic");
            }
            return;
        }
        if let Some(why) = group.ended_by_itself() {
            group.alarm.raise(Fault::Ended(why));
            return;
        }
        let standing = *group.standing.borrow();
        let sound = match standing {
            Standing::Sound => true,
            Standing::Fresh => group.store.last().is_some(),
            Standing::Asking => group.ask_round().await,
            Standing::Repairing => group.repair_round().await,
        };
        if sound && standing != Standing::Sound {
            tracing::info!(node = %group.me, was = %standing, "this node's vote counts");
            group.standing.send_replace(Standing::Sound);
            group.raft.runtime_config().elect(true);
        }
        wait = if sound {
            group.settings.election_max
        } else {
            group.settings.heartbeat
        };
    }
}

impl Inner {
    /// Why openraft ended, if nobody asked it to: its storage failed, or it panicked.
    fn ended_by_itself(&self) -> Option<String> {
        match &self.raft.metrics().borrow_watched().running_state {
            Ok(()) | Err(Fatal::Stopped) => None,
            Err(fatal @ (Fatal::StorageError(_) | Fatal::Panicked)) => Some(fatal.to_string()),
        }
    }

    pub(super) fn met(&self, ballot: Ballot) {
        let (leader, term) = (ballot.node, ballot.term);
        self.contact.send_if_modified(|contact| {
            let fresh = Some(Contact { leader, term });
            let changed = *contact != fresh;
            *contact = fresh;
            changed
        });
    }

    /// Whether enough voters have said what they heard from this node, and it has that.
    async fn ask_round(&self) -> bool {
        if self.contact.borrow().is_some() {
            return true;
        }
        let voters: BTreeSet<NodeId> = {
            let metrics = self.raft.metrics();
            let seen = metrics.borrow_watched();
            seen.membership_config.membership().voter_ids().collect()
        };
        if !voters.contains(&self.me) {
            // Without a vote there is nothing to hold back; a leader's append brings the rest.
            return false;
        }
        let need = voters.len() / 2 + 1;
        let asked = start::others(&voters, self.me)
            .into_iter()
            .map(|voter| async move {
                let question = Ask::MyWord { node: self.me };
                let ttl = self.settings.election_min;
                send(&*self.courier, voter, Kind::Read, &question, ttl).await
            });
        let mut asked: FuturesUnordered<_> = asked.collect();
        let mut answers = 1;
        while answers < need
            && let Some(answer) = asked.next().await
        {
            if let Ok(AskReply::YourWord { known }) = answer {
                answers += 1;
                if !self.keeps(known) {
                    return false;
                }
            }
        }
        answers >= need
    }

    /// Whether this node has what it once gave its word for.
    pub(super) fn keeps(&self, known: Option<u64>) -> bool {
        let have = self.store.last().map(|last| last.index);
        match known {
            Some(word) if have < known && *self.standing.borrow() != Standing::Repairing => {
                self.alarm.raise(Fault::RolledBack { known: word, have });
                false
            }
            Some(_) | None => true,
        }
    }

    /// The three steps of the module's head; `true` after the last.
    async fn repair_round(&self) -> bool {
        let contact = *self.contact.borrow();
        let Some(contact) = contact else {
            return false;
        };
        let ttl = self.settings.read;
        let asked = send(
            &*self.courier,
            contact.leader,
            Kind::Read,
            &Ask::Barrier,
            ttl,
        )
        .await;
        let Ok(AskReply::Barrier(Ok(place))) = asked else {
            return false;
        };
        if place.term != contact.term {
            // Another leads there now; its first append has to come first.
            return false;
        }
        let mut state = self.state.clone();
        let there = state.wait_for(|state| machine::reached(state, place));
        if !matches!(tokio::time::timeout(ttl, there).await, Ok(Ok(_))) {
            return false;
        }
        if self.store.flushed().await.is_err() {
            return false;
        }
        let (done, wait) = oneshot::channel();
        if self.keeper.jobs.send(KeeperJob::Whole(done)).await.is_err() {
            return false;
        }
        match wait.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(%error, "the mark of repair cannot be removed");
                false
            }
            Err(_) => false,
        }
    }
}

/// A leader that has built a snapshot commits its hash, for those who will install it.
async fn announce_snapshots(group: Weak<Inner>) {
    let Some(mut newest) = group.upgrade().map(|group| group.keeper.newest.clone()) else {
        return;
    };
    while newest.changed().await.is_ok() {
        let image = newest.borrow_and_update().clone();
        let Some(group) = group.upgrade() else {
            return;
        };
        let leads = group.leads();
        if let Some(image) = image.filter(|image| leads && !image.foreign) {
            announce(&group, &image).await;
        }
    }
}

async fn announce(group: &Arc<Inner>, image: &Image) {
    let by = format!("node {}", group.me);
    if let Err(error) = group.propose(&by, machine::taken(image)).await {
        // The next snapshot gets its own; one without a committed hash is still proved by its own.
        tracing::warn!(%error, index = image.index(), "the snapshot's hash was not committed");
    }
}

/// Before the first look at the standing: a single voter need not wait longer.
const FIRST_ROUND: Duration = Duration::from_millis(1);
