//! The job ledger: what was accepted is never lost, and of those who work on a job only the holder
//! of its newest epoch has a say.

use super::{Command, FIRST_EPOCH, Outcome, Rejection, Stamped, rejection};
use base::{ContentHash, Epoch, JobId, NodeId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The client's idempotency key.
    pub key: String,
    /// The hash of the job's specification.
    pub body: ContentHash,
    pub owner: String,
    pub accepted: Time,
    /// Raised by each assignment.
    pub epoch: Epoch,
    pub phase: JobPhase,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobPhase {
    Accepted,
    Assigned {
        node: NodeId,
    },
    Done {
        answer: ContentHash,
        holders: Vec<NodeId>,
        at: Time,
    },
    Failed {
        reason: String,
        at: Time,
    },
    Cancelled {
        at: Time,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    pub all: BTreeMap<JobId, JobRecord>,
    keys: BTreeMap<String, JobId>,
    open: u64,
}

/// The jobs that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobQueue {
    /// Accepted and given to nobody yet.
    pub waiting: u64,
    /// Given to a node.
    pub running: u64,
    /// When the one of them was accepted that was accepted first.
    pub oldest: Option<Time>,
}

impl JobPhase {
    pub fn ended(&self) -> bool {
        match self {
            JobPhase::Accepted | JobPhase::Assigned { .. } => false,
            JobPhase::Done { .. } | JobPhase::Failed { .. } | JobPhase::Cancelled { .. } => true,
        }
    }

    pub fn holder(&self) -> Option<NodeId> {
        match self {
            JobPhase::Assigned { node } => Some(*node),
            JobPhase::Accepted
            | JobPhase::Done { .. }
            | JobPhase::Failed { .. }
            | JobPhase::Cancelled { .. } => None,
        }
    }
}

impl fmt::Display for JobPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobPhase::Accepted => f.write_str("accepted"),
            JobPhase::Assigned { node } => write!(f, "assigned to {node}"),
            JobPhase::Done { .. } => f.write_str("done"),
            JobPhase::Failed { .. } => f.write_str("failed"),
            JobPhase::Cancelled { .. } => f.write_str("cancelled"),
        }
    }
}

impl Jobs {
    pub fn by_key(&self, key: &str) -> Option<JobId> {
        self.keys.get(key).copied()
    }

    /// Jobs that have not ended.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Looks at every job: for people, not for a decision.
    pub fn queue(&self) -> JobQueue {
        let mut queue = JobQueue::default();
        for record in self.all.values().filter(|record| !record.phase.ended()) {
            match record.phase.holder() {
                None => queue.waiting += 1,
                Some(_) => queue.running += 1,
            }
            let first = queue.oldest.unwrap_or(record.accepted);
            queue.oldest = Some(first.min(record.accepted));
        }
        queue
    }

    /// Only for the commands about jobs.
    pub(super) fn apply(
        &mut self,
        stamped: &Stamped,
        now: Time,
        most: usize,
    ) -> Result<Outcome, Rejection> {
        match &stamped.command {
            Command::AcceptJob { job, key, body } => {
                let fresh = JobRecord {
                    key: key.clone(),
                    body: *body,
                    owner: stamped.by.clone(),
                    accepted: now,
                    epoch: FIRST_EPOCH,
                    phase: JobPhase::Accepted,
                };
                self.accept(*job, fresh, most)
            }
            Command::AssignJob { job, node, seen } => self.assign(*job, *node, *seen),
            Command::FinishJob {
                job,
                node,
                epoch,
                answer,
                holders,
            } => {
                let (answer, holders) = (*answer, holders.clone());
                self.end(
                    *job,
                    *node,
                    *epoch,
                    JobPhase::Done {
                        answer,
                        holders,
                        at: now,
                    },
                )
            }
            Command::FailJob {
                job,
                node,
                epoch,
                reason,
            } => {
                rejection::text("the reason", reason, REASON_CHARS)?;
                let reason = reason.clone();
                self.end(*job, *node, *epoch, JobPhase::Failed { reason, at: now })
            }
            Command::CancelJob { job } => self.cancel(*job, now),
            Command::ForgetJob { job } => self.forget(*job),
            Command::Found { .. }
            | Command::CreateToken(_)
            | Command::RevokeToken { .. }
            | Command::Join { .. }
            | Command::UpdateMember { .. }
            | Command::SetRoles { .. }
            | Command::RemoveMember { .. }
            | Command::Revoke { .. }
            | Command::Set { .. }
            | Command::RaiseVersion { .. }
            | Command::Note { .. }
            | Command::SnapshotTaken { .. }
            | Command::Publish(_)
            | Command::Promote { .. }
            | Command::Rollback { .. } => unreachable!("not about jobs"),
        }
    }

    fn accept(&mut self, job: JobId, fresh: JobRecord, most: usize) -> Result<Outcome, Rejection> {
        rejection::text("the idempotency key", &fresh.key, KEY_CHARS)?;
        if let Some(known) = self.keys.get(&fresh.key) {
            let record = &self.all[known];
            return if record.body == fresh.body {
                let (job, epoch) = (*known, record.epoch);
                Ok(Outcome::Job {
                    job,
                    epoch,
                    already: true,
                })
            } else {
                Err(Rejection::Conflict { job: *known })
            };
        }
        if self.all.contains_key(&job) {
            return Err(Rejection::JobIdTaken { job });
        }
        rejection::room("jobs in the ledger", self.all.len(), MAX_JOBS)?;
        rejection::room(
            "open jobs",
            usize::try_from(self.open).unwrap_or(usize::MAX),
            most,
        )?;
        let epoch = fresh.epoch;
        self.keys.insert(fresh.key.clone(), job);
        self.all.insert(job, fresh);
        self.open += 1;
        Ok(Outcome::Job {
            job,
            epoch,
            already: false,
        })
    }

    /// Compare and set: of two who saw the same epoch, one gets the job.
    fn assign(&mut self, job: JobId, node: NodeId, seen: Epoch) -> Result<Outcome, Rejection> {
        let record = self.open_job(job)?;
        if record.epoch != seen {
            return Err(Rejection::Fenced {
                job,
                epoch: record.epoch,
            });
        }
        record.epoch = record.epoch.next();
        record.phase = JobPhase::Assigned { node };
        Ok(Outcome::Job {
            job,
            epoch: record.epoch,
            already: false,
        })
    }

    fn end(
        &mut self,
        job: JobId,
        node: NodeId,
        epoch: Epoch,
        phase: JobPhase,
    ) -> Result<Outcome, Rejection> {
        let record = self.all.get(&job).ok_or(Rejection::UnknownJob { job })?;
        if epoch != record.epoch {
            return Err(Rejection::Fenced {
                job,
                epoch: record.epoch,
            });
        }
        if same_end(&record.phase, &phase) {
            return Ok(Outcome::Job {
                job,
                epoch,
                already: true,
            });
        }
        let record = self.open_job(job)?;
        let holder = record.phase.holder();
        if holder != Some(node) {
            return Err(Rejection::NotHolder { job, holder });
        }
        record.phase = phase;
        self.open -= 1;
        Ok(Outcome::Job {
            job,
            epoch,
            already: false,
        })
    }

    fn cancel(&mut self, job: JobId, at: Time) -> Result<Outcome, Rejection> {
        if let Some(JobRecord {
            phase: JobPhase::Cancelled { .. },
            epoch,
            ..
        }) = self.all.get(&job)
        {
            return Ok(Outcome::Job {
                job,
                epoch: *epoch,
                already: true,
            });
        }
        let record = self.open_job(job)?;
        record.epoch = record.epoch.next();
        record.phase = JobPhase::Cancelled { at };
        let epoch = record.epoch;
        self.open -= 1;
        Ok(Outcome::Job {
            job,
            epoch,
            already: false,
        })
    }

    fn forget(&mut self, job: JobId) -> Result<Outcome, Rejection> {
        let record = self.all.get(&job).ok_or(Rejection::UnknownJob { job })?;
        if !record.phase.ended() {
            return Err(Rejection::NotEnded { job });
        }
        self.keys.remove(&record.key);
        self.all.remove(&job);
        Ok(Outcome::Done)
    }

    fn open_job(&mut self, job: JobId) -> Result<&mut JobRecord, Rejection> {
        let record = self
            .all
            .get_mut(&job)
            .ok_or(Rejection::UnknownJob { job })?;
        if record.phase.ended() {
            let phase = record.phase.to_string();
            return Err(Rejection::Ended { job, phase });
        }
        Ok(record)
    }
}

/// The same end told again, as after a lost answer.
fn same_end(known: &JobPhase, told: &JobPhase) -> bool {
    match (known, told) {
        (JobPhase::Done { answer, .. }, JobPhase::Done { answer: again, .. }) => answer == again,
        (JobPhase::Failed { reason, .. }, JobPhase::Failed { reason: again, .. }) => {
            reason == again
        }
        _ => false,
    }
}

const KEY_CHARS: usize = 128;
const REASON_CHARS: usize = 1024;
/// Open and ended together: some 30 MB of snapshot. The owner forgets what it has read.
const MAX_JOBS: usize = 100_000;
