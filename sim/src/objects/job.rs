//! One job of the ledger, by its idempotency key: one key is one job with one body; of two who saw
//! the same epoch one gets the job; only the holder of the newest epoch ends it, once, and an end
//! is an end.

use crate::history::Model;
use base::{ContentHash, Epoch, JobId, NodeId};
use raft::ledger::{JobPhase, State};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobCall {
    Accept {
        /// What the caller proposes; no two calls propose the same one.
        job: JobId,
        body: ContentHash,
    },
    Assign {
        job: JobId,
        node: NodeId,
        /// The epoch that the caller saw.
        seen: Epoch,
    },
    End {
        job: JobId,
        node: NodeId,
        epoch: Epoch,
        how: JobEnd,
    },
    Cancel {
        job: JobId,
    },
    Read,
}

/// How a job was ended by who held it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobEnd {
    Done(ContentHash),
    Failed(String),
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobAnswer {
    /// It is as the caller wanted it, since this call or (`already`) since an earlier one.
    Is {
        job: JobId,
        epoch: Epoch,
        already: bool,
    },
    /// The key belongs to a job with another body.
    Conflict {
        job: JobId,
    },
    NoSuchJob,
    /// The caller's epoch is not the job's.
    Fenced {
        epoch: Epoch,
    },
    NotHolder {
        holder: Option<NodeId>,
    },
    Ended,
    Seen(Option<JobView>),
    /// What is no answer to a call on a job.
    Odd(String),
}

/// All that can be seen of a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobView {
    pub job: JobId,
    pub body: ContentHash,
    pub epoch: Epoch,
    pub stage: JobStage,
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStage {
    Accepted,
    Assigned(NodeId),
    Ended(JobEnd),
    Cancelled,
}

/// The job of one key as it should behave; none before it is accepted.
pub struct KeyedJob;

impl Model for KeyedJob {
    type State = Option<JobView>;
    type Operation = JobCall;
    type Answer = JobAnswer;

    fn initial(&self) -> Option<JobView> {
        None
    }

    fn step(&self, state: &Option<JobView>, call: &JobCall) -> (Option<JobView>, JobAnswer) {
        match changed(state.as_ref(), call) {
            Ok(job) => {
                let answer = job.is(false);
                (Some(job), answer)
            }
            Err(answer) => (state.clone(), answer),
        }
    }
}

/// The job afterwards, or what is said where it stays as it is.
fn changed(known: Option<&JobView>, call: &JobCall) -> Result<JobView, JobAnswer> {
    match call {
        JobCall::Accept { job, body } => accept(known, *job, *body),
        JobCall::Assign { job, node, seen } => find(known, *job)?.assign(*node, *seen),
        JobCall::End {
            job,
            node,
            epoch,
            how,
        } => find(known, *job)?.end(*node, *epoch, how),
        JobCall::Cancel { job } => find(known, *job)?.cancel(),
        JobCall::Read => Err(JobAnswer::Seen(known.cloned())),
    }
}

fn accept(known: Option<&JobView>, job: JobId, body: ContentHash) -> Result<JobView, JobAnswer> {
    match known {
        None => Ok(JobView {
            job,
            body,
            epoch: FIRST,
            stage: JobStage::Accepted,
        }),
        Some(known) if known.body == body => Err(known.is(true)),
        Some(known) => Err(JobAnswer::Conflict { job: known.job }),
    }
}

fn find(known: Option<&JobView>, job: JobId) -> Result<&JobView, JobAnswer> {
    known
        .filter(|known| known.job == job)
        .ok_or(JobAnswer::NoSuchJob)
}

impl JobView {
    /// As the ledger has it.
    pub fn of(state: &State, key: &str) -> Option<JobView> {
        let job = state.jobs.by_key(key)?;
        let record = state.jobs.all.get(&job)?;
        let stage = match &record.phase {
            JobPhase::Accepted => JobStage::Accepted,
            JobPhase::Assigned { node } => JobStage::Assigned(*node),
            JobPhase::Done { answer, .. } => JobStage::Ended(JobEnd::Done(*answer)),
            JobPhase::Failed { reason, .. } => JobStage::Ended(JobEnd::Failed(reason.clone())),
            JobPhase::Cancelled { .. } => JobStage::Cancelled,
        };
        Some(JobView {
            job,
            body: record.body,
            epoch: record.epoch,
            stage,
        })
    }

    /// Who works on it now.
    pub fn holder(&self) -> Option<NodeId> {
        match self.stage {
            JobStage::Assigned(node) => Some(node),
            JobStage::Accepted | JobStage::Ended(_) | JobStage::Cancelled => None,
        }
    }

    fn assign(&self, node: NodeId, seen: Epoch) -> Result<JobView, JobAnswer> {
        self.still_open()?;
        self.in_epoch(seen)?;
        Ok(self.with(self.epoch.next(), JobStage::Assigned(node)))
    }

    fn end(&self, node: NodeId, epoch: Epoch, how: &JobEnd) -> Result<JobView, JobAnswer> {
        self.in_epoch(epoch)?;
        let end = JobStage::Ended(how.clone());
        if self.stage == end {
            return Err(self.is(true));
        }
        self.still_open()?;
        let holder = self.holder();
        if holder != Some(node) {
            return Err(JobAnswer::NotHolder { holder });
        }
        Ok(self.with(epoch, end))
    }

    /// Whoever holds it is fenced.
    fn cancel(&self) -> Result<JobView, JobAnswer> {
        if self.stage == JobStage::Cancelled {
            return Err(self.is(true));
        }
        self.still_open()?;
        Ok(self.with(self.epoch.next(), JobStage::Cancelled))
    }

    fn still_open(&self) -> Result<(), JobAnswer> {
        match self.stage {
            JobStage::Accepted | JobStage::Assigned(_) => Ok(()),
            JobStage::Ended(_) | JobStage::Cancelled => Err(JobAnswer::Ended),
        }
    }

    fn in_epoch(&self, epoch: Epoch) -> Result<(), JobAnswer> {
        if epoch == self.epoch {
            return Ok(());
        }
        Err(JobAnswer::Fenced { epoch: self.epoch })
    }

    fn with(&self, epoch: Epoch, stage: JobStage) -> JobView {
        JobView {
            epoch,
            stage,
            ..self.clone()
        }
    }

    fn is(&self, already: bool) -> JobAnswer {
        JobAnswer::Is {
            job: self.job,
            epoch: self.epoch,
            already,
        }
    }
}

/// The epoch of a job that nobody was given yet.
const FIRST: Epoch = Epoch(1);

#[cfg(test)]
mod tests;
