//! Commands in, and reads that are as new as the moment they were asked for.

use super::{Group, Inner, ProposeError, ReadError, Standing};
use crate::ledger::{Command, LogPoint, Outcome, Stamped};
use crate::machine;
use crate::net::{Ask, AskReply, CourierError, Propose, ProposeReply, send};
use crate::types::{Applied, COMMAND_BYTES, Types};
use base::NodeId;
use openraft::ReadPolicy;
use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError,
};
use openraft::metrics::RaftMetrics;
use openraft_rt::WatchReceiver;
use tokio::time::Instant;
use wire::Kind;

/// What a read saw: whatever was committed before the read began is in the state at `applied`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPoint {
    pub term: u64,
    pub applied: u64,
}

impl Group {
    /// Proposes on this node, which must lead. The outcome is that of the committed command.
    pub async fn propose(&self, command: Command) -> Result<Outcome, ProposeError> {
        let by = format!("node {}", self.inner.me);
        self.propose_as(&by, command).await
    }

    /// The same, in somebody's name.
    pub async fn propose_as(&self, by: &str, command: Command) -> Result<Outcome, ProposeError> {
        Ok(self.inner.propose(by, command).await?.result?)
    }

    /// Proposes wherever the leader is, and tries again for as long as nothing was proposed.
    pub async fn submit(&self, by: &str, command: Command) -> Result<Outcome, ProposeError> {
        let deadline = Instant::now() + self.inner.settings.propose;
        loop {
            let error = match self.inner.submit_once(by, &command, deadline).await {
                Ok(applied) => {
                    self.inner.catch_up(applied.point, deadline).await;
                    return Ok(applied.result?);
                }
                Err(error) => error,
            };
            let again = matches!(
                error,
                ProposeError::NotLeader { .. } | ProposeError::NoQuorum
            );
            let pause = self.inner.settings.heartbeat;
            if !again || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns when this node's state has all that was committed when the call was made. Confirmed
    /// by a quorum, never by a lease.
    pub async fn read_barrier(&self) -> Result<ReadPoint, ReadError> {
        let deadline = Instant::now() + self.inner.settings.read;
        let point = self.inner.barrier_anywhere(deadline).await?;
        if !self.inner.catch_up(point, deadline).await {
            return Err(ReadError::Timeout);
        }
        let applied = self.state().applied.map_or(0, |applied| applied.index);
        let term = point.term;
        Ok(ReadPoint { term, applied })
    }
}

impl Inner {
    pub(super) async fn propose(
        &self,
        by: &str,
        command: Command,
    ) -> Result<Applied, ProposeError> {
        self.stopped()
            .map_or(Ok(()), |why| Err(ProposeError::Stopped(why)))?;
        if *self.full.borrow() {
            return Err(ProposeError::DiskFull);
        }
        let _permit = self
            .permits
            .try_acquire()
            .map_err(|_| ProposeError::Overloaded)?;
        let stamped = Stamped {
            at: self.clock.now(),
            by: by.to_owned(),
            command,
        };
        let proposal = machine::proposal(&stamped)
            .map_err(|error| ProposeError::Stopped(error.to_string()))?;
        let len = proposal.0.len();
        if len > COMMAND_BYTES {
            let (len, max) = (len as u64, COMMAND_BYTES as u64);
            return Err(ProposeError::TooLong { len, max });
        }
        let write = self.raft.client_write(proposal);
        match tokio::time::timeout(self.settings.propose, write).await {
            Err(_) => Err(ProposeError::Unknown),
            Ok(Ok(done)) => Ok(done.data),
            Ok(Err(RaftError::Fatal(fatal))) => {
                // It may have been appended, and sent, before the end.
                tracing::warn!(%fatal, "a proposal met the end of raft");
                Err(ProposeError::Unknown)
            }
            Ok(Err(RaftError::APIError(error))) => Err(match error {
                ClientWriteError::ForwardToLeader(to) => self.elsewhere(&to),
                ClientWriteError::LogEntryDiscarded(_)
                | ClientWriteError::ChangeMembershipError(_)
                | ClientWriteError::PreconditionFailed(_) => ProposeError::Unknown,
            }),
        }
    }

    async fn submit_once(
        &self,
        by: &str,
        command: &Command,
        deadline: Instant,
    ) -> Result<Applied, ProposeError> {
        let leader = match self.propose(by, command.clone()).await {
            Err(ProposeError::NotLeader {
                leader: Some(leader),
            }) if leader != self.me => leader,
            other => return other,
        };
        let body = Propose {
            by: by.to_owned(),
            command: command.clone(),
        };
        let ttl = deadline.saturating_duration_since(Instant::now());
        let reply: Result<ProposeReply, CourierError> =
            send(&*self.courier, leader, Kind::Propose, &body, ttl).await;
        match reply {
            Ok(reply) => reply,
            Err(CourierError::Unreachable(_)) => Err(ProposeError::NotLeader { leader: None }),
            Err(CourierError::Timeout | CourierError::Refused(_)) => Err(ProposeError::Unknown),
        }
    }

    /// The place that a read must reach, from the leader that a quorum has just confirmed.
    pub(super) async fn barrier(&self) -> Result<LogPoint, ReadError> {
        self.stopped()
            .map_or(Ok(()), |why| Err(ReadError::Stopped(why)))?;
        let confirmed = self.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        match tokio::time::timeout(self.settings.read, confirmed).await {
            Err(_) => Err(ReadError::NoQuorum),
            Ok(Ok(linearizer)) => Ok(crate::types::point(linearizer.read_log_id().log_id())),
            Ok(Err(RaftError::Fatal(fatal))) => Err(ReadError::Stopped(fatal.to_string())),
            Ok(Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)))) => {
                Err(ReadError::NoQuorum)
            }
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to)))) => {
                let elsewhere = self.elsewhere(&to);
                Err(if let ProposeError::NotLeader { leader } = elsewhere {
                    ReadError::NotLeader { leader }
                } else {
                    ReadError::NoQuorum
                })
            }
        }
    }

    async fn barrier_anywhere(&self, deadline: Instant) -> Result<LogPoint, ReadError> {
        loop {
            let error = match self.barrier().await {
                Ok(point) => return Ok(point),
                Err(ReadError::NotLeader {
                    leader: Some(leader),
                }) if leader != self.me => {
                    let ttl = deadline.saturating_duration_since(Instant::now());
                    let asked = send(&*self.courier, leader, Kind::Read, &Ask::Barrier, ttl);
                    match asked.await {
                        Ok(AskReply::Barrier(Ok(point))) => return Ok(point),
                        Ok(AskReply::Barrier(Err(error))) => error,
                        Ok(AskReply::YourWord { .. }) | Err(_) => ReadError::NotLeader {
                            leader: Some(leader),
                        },
                    }
                }
                Err(error) => error,
            };
            // Reads change nothing, so they are asked again whatever happened.
            let pause = self.settings.heartbeat;
            if matches!(error, ReadError::Stopped(_)) || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until this node's state has reached a place; says whether it did.
    async fn catch_up(&self, point: LogPoint, deadline: Instant) -> bool {
        let mut state = self.state.clone();
        let there = state.wait_for(|state| machine::reached(state, point));
        matches!(tokio::time::timeout_at(deadline, there).await, Ok(Ok(_)))
    }

    pub(super) fn stopped(&self) -> Option<String> {
        self.alarm.fault().map(|fault| fault.to_string())
    }

    pub(super) fn metrics(&self) -> RaftMetrics<Types> {
        self.raft.metrics().borrow_watched().clone()
    }

    pub(super) fn leads(&self) -> bool {
        self.raft.metrics().borrow_watched().current_leader == Some(self.me)
    }

    fn elsewhere(&self, to: &ForwardToLeader<Types>) -> ProposeError {
        let leader: Option<NodeId> = to.leader_id.filter(|leader| *leader != self.me);
        match to.reason {
            ForwardReason::LeaseExpired => ProposeError::NoQuorum,
            ForwardReason::NotLeader if leader.is_none() && self.leads() => ProposeError::NoQuorum,
            ForwardReason::NotLeader | ForwardReason::LeadershipTransfer => {
                ProposeError::NotLeader { leader }
            }
        }
    }

    pub(super) fn may_vote(&self) -> bool {
        *self.standing.borrow() == Standing::Sound && self.alarm.fault().is_none()
    }
}
