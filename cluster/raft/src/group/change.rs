//! Changes of who votes: joint consensus by openraft, one at a time, and a voter only from a
//! learner that has caught up.

use super::{ChangeError, Group, Inner};
use crate::types::Types;
use base::NodeId;
use openraft::errors::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use openraft::{ChangeMembers, EmptyNode};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// What a change of the voters starts from and leads to.
type Change = ChangeMembers<NodeId, EmptyNode>;

/// Voters and learners, as of the newest change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    pub voters: BTreeSet<NodeId>,
    pub learners: BTreeSet<NodeId>,
}

impl Group {
    /// Makes a group of this node alone. All others join it.
    pub async fn initialize(&self) -> Result<(), ChangeError> {
        let group = &self.inner;
        let first = BTreeMap::from([(group.me, EmptyNode {})]);
        match group.raft.initialize(first).await {
            Ok(()) => {}
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                return Err(ChangeError::Exists);
            }
            Err(error) => return Err(ChangeError::Stopped(error.to_string())),
        }
        group.until(|group| group.leads()).await
    }

    /// Adds a node that gets the log and does not vote. Again for a learner or voter: nothing.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), ChangeError> {
        let group = &self.inner;
        let peers = group.leading()?;
        if peers.voters.contains(&node) || peers.learners.contains(&node) {
            return Ok(());
        }
        let nodes = BTreeMap::from([(node, EmptyNode {})]);
        group.change(Change::AddNodes(nodes), true).await
    }

    /// Makes a learner a voter, once it has what the leader has.
    pub async fn promote(&self, node: NodeId) -> Result<(), ChangeError> {
        let group = &self.inner;
        let peers = group.leading()?;
        if peers.voters.contains(&node) {
            return Ok(());
        }
        if !peers.learners.contains(&node) {
            return Err(ChangeError::UnknownNode { node });
        }
        let there = group.until(|group| group.caught_up(node)).await;
        match there {
            Err(ChangeError::Unknown) => {
                let behind = group.lag().get(&node).map_or(u64::MAX, |lag| lag.entries);
                return Err(ChangeError::NotCaughtUp { node, behind });
            }
            other => other?,
        }
        group
            .change(Change::AddVoterIds(BTreeSet::from([node])), true)
            .await
    }

    /// Makes a voter a learner.
    pub async fn demote(&self, node: NodeId) -> Result<(), ChangeError> {
        self.inner.may_lose(node)?;
        self.inner
            .change(Change::RemoveVoters(BTreeSet::from([node])), true)
            .await
    }

    /// Takes a node out of the group. The removal is committed before the node hears no more.
    pub async fn remove(&self, node: NodeId) -> Result<(), ChangeError> {
        let group = &self.inner;
        let peers = group.leading()?;
        let gone = BTreeSet::from([node]);
        if peers.learners.contains(&node) {
            return group.change(Change::RemoveNodes(gone), false).await;
        }
        if !peers.voters.contains(&node) {
            return Err(ChangeError::UnknownNode { node });
        }
        group.may_lose(node)?;
        group.change(Change::RemoveVoters(gone), false).await
    }

    /// Hands the leadership to a voter, or to the furthest one that would lead.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<NodeId, ChangeError> {
        let group = &self.inner;
        let peers = group.leading()?;
        let to = match to {
            Some(to) => to,
            None => group.heir().await.ok_or(ChangeError::NoHeir)?,
        };
        if !peers.voters.contains(&to) {
            return Err(ChangeError::UnknownNode { node: to });
        }
        let stopped = |fatal: &dyn std::error::Error| ChangeError::Stopped(fatal.to_string());
        group
            .raft
            .trigger()
            .transfer_leader(to)
            .await
            .map_err(|fatal| stopped(&fatal))?;
        let other = |leader: NodeId| leader != group.me;
        group
            .until(|group| group.metrics().current_leader.is_some_and(other))
            .await?;
        match group.metrics().current_leader {
            Some(leader) if leader == to => Ok(to),
            // It refused, or was not the first to be elected.
            leader => Err(ChangeError::NotLeader { leader }),
        }
    }

    pub fn peers(&self) -> Peers {
        self.inner.peers()
    }
}

impl Inner {
    fn peers(&self) -> Peers {
        let metrics = self.metrics();
        let members = metrics.membership_config.membership();
        Peers {
            voters: members.voter_ids().collect(),
            learners: members.learner_ids().collect(),
        }
    }

    fn leading(&self) -> Result<Peers, ChangeError> {
        self.stopped()
            .map_or(Ok(()), |why| Err(ChangeError::Stopped(why)))?;
        if self.leads() {
            Ok(self.peers())
        } else {
            let leader = self.metrics().current_leader;
            Err(ChangeError::NotLeader { leader })
        }
    }

    fn may_lose(&self, node: NodeId) -> Result<(), ChangeError> {
        let voters = self.leading()?.voters;
        if !voters.contains(&node) {
            return Err(ChangeError::UnknownNode { node });
        }
        if voters.len() == 1 {
            return Err(ChangeError::LastVoter { node });
        }
        if node == self.me {
            return Err(ChangeError::Leading { node });
        }
        Ok(())
    }

    fn caught_up(&self, node: NodeId) -> bool {
        let there = self
            .metrics()
            .replication
            .is_some_and(|all| all.get(&node) != Some(&None));
        there
            && self
                .lag()
                .get(&node)
                .is_some_and(|lag| lag.heard && lag.entries <= CAUGHT_UP)
    }

    async fn change(&self, change: Change, retain: bool) -> Result<(), ChangeError> {
        let change = self.raft.change_membership(change, retain);
        match tokio::time::timeout(self.settings.change, change).await {
            Err(_) => Err(ChangeError::Unknown),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::Fatal(fatal))) => Err(ChangeError::Stopped(fatal.to_string())),
            Ok(Err(RaftError::APIError(error))) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: ClientWriteError<Types>) -> ChangeError {
        match error {
            ClientWriteError::ForwardToLeader(_) if self.leads() => ChangeError::NoQuorum,
            ClientWriteError::ForwardToLeader(to) => {
                let leader = to.leader_id;
                ChangeError::NotLeader { leader }
            }
            ClientWriteError::ChangeMembershipError(ChangeMembershipError::LearnerNotFound(
                missing,
            )) => {
                let node = missing.node_id;
                ChangeError::UnknownNode { node }
            }
            ClientWriteError::ChangeMembershipError(
                ChangeMembershipError::InProgress(_)
                | ChangeMembershipError::UncommittedLeaderLog(_),
            ) => ChangeError::InProgress,
            ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_)
            | ClientWriteError::LogEntryDiscarded(_) => ChangeError::Unknown,
        }
    }

    async fn until(&self, done: impl Fn(&Inner) -> bool) -> Result<(), ChangeError> {
        let deadline = Instant::now() + self.settings.change;
        while !done(self) {
            if Instant::now() >= deadline {
                return Err(ChangeError::Unknown);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }
}

/// Entries that a new voter may lack: what a loaded leader appends in a few milliseconds.
const CAUGHT_UP: u64 = 1024;
/// Between two looks at what others do.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
