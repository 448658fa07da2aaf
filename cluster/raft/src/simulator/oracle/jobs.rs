//! Jobs: from its acceptance until its owner forgets it, a key has one id and one body; within an
//! epoch a job has one holder, epochs never go back, nobody ends a job in an older one, and an end
//! is an end (Chubby's sequencers, Burrows 2006). Nothing but an ended job is ever forgotten.

use crate::ledger::{Command, JobPhase, JobRecord, Jobs, Outcome, Rejection};
use crate::simulator::report::{Breach, hold};
use base::{ContentHash, Epoch, JobId, NodeId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct JobBooks {
    lives: BTreeMap<JobId, Life>,
    keys: BTreeMap<String, JobId>,
    forgotten: BTreeSet<JobId>,
    revived: u64,
}

/// One job, from its acceptance on.
struct Life {
    key: String,
    body: ContentHash,
    epoch: Epoch,
    holder: Option<NodeId>,
    end: Option<End>,
}

#[derive(PartialEq, Eq)]
enum End {
    Answer(ContentHash),
    Failure(String),
    Cancelled,
}

impl JobBooks {
    pub(super) fn follow(
        &mut self,
        command: &Command,
        result: &Result<Outcome, Rejection>,
        jobs: &Jobs,
    ) -> Result<(), Breach> {
        let (rule, kept) = match (command, result) {
            (Command::AcceptJob { job, key, body }, Ok(outcome)) => (
                "a key is one job",
                self.accepted(*job, (key.as_str(), *body), outcome),
            ),
            (Command::AcceptJob { key, body, .. }, Err(Rejection::Conflict { job })) => {
                let other = self.lives.get(job).is_some_and(|life| life.body != *body);
                (
                    "a key has one body",
                    other && self.keys.get(key) == Some(job),
                )
            }
            (Command::AssignJob { job, node, seen }, Ok(outcome)) => (
                "one gets a job",
                self.assigned(*job, (*node, *seen), outcome),
            ),
            (
                Command::FinishJob {
                    job,
                    node,
                    epoch,
                    answer,
                    ..
                },
                Ok(_),
            ) => {
                let end = End::Answer(*answer);
                (
                    "the holder alone ends a job, once",
                    self.ended(*job, (*node, *epoch), end),
                )
            }
            (
                Command::FailJob {
                    job,
                    node,
                    epoch,
                    reason,
                },
                Ok(_),
            ) => {
                let end = End::Failure(reason.clone());
                (
                    "the holder alone ends a job, once",
                    self.ended(*job, (*node, *epoch), end),
                )
            }
            (Command::CancelJob { job }, Ok(outcome)) => (
                "an ended job is not cancelled",
                self.cancelled(*job, outcome),
            ),
            (Command::ForgetJob { job }, Ok(_)) => {
                ("only what has ended is forgotten", self.forget(*job))
            }
            _ => return self.unchanged(command, jobs),
        };
        hold(rule, kept, || format!("{command:?} gave {result:?}"))?;
        self.unchanged(command, jobs)
    }

    /// The ledger has the command's job as it stands in the books.
    fn unchanged(&self, command: &Command, jobs: &Jobs) -> Result<(), Breach> {
        let (Command::AcceptJob { job, .. }
        | Command::AssignJob { job, .. }
        | Command::FinishJob { job, .. }
        | Command::FailJob { job, .. }
        | Command::CancelJob { job }
        | Command::ForgetJob { job }) = command
        else {
            return Ok(());
        };
        hold(SAME, self.agrees(*job, jobs), || {
            format!("{:?} after {command:?}", jobs.all.get(job))
        })
    }

    pub(super) fn check(&self, jobs: &Jobs) -> Result<(), Breach> {
        let open = self.lives.values().filter(|life| life.end.is_none());
        let open = open.count() as u64;
        let count = jobs.all.len() == self.lives.len() && jobs.open() == open;
        hold("every job is counted", count, || {
            let (all, known) = (jobs.all.len(), self.lives.len());
            format!(
                "{all} jobs, {} open; {known} and {open} are right",
                jobs.open()
            )
        })?;
        let other = self.lives.keys().find(|job| !self.agrees(**job, jobs));
        hold(SAME, other.is_none(), || format!("job {other:?}"))
    }

    pub(super) fn revived(&self) -> u64 {
        self.revived
    }

    fn agrees(&self, job: JobId, jobs: &Jobs) -> bool {
        match (self.lives.get(&job), jobs.all.get(&job)) {
            (None, None) => true,
            (Some(life), Some(record)) => {
                life.shows_in(record) && jobs.by_key(&life.key) == Some(job)
            }
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    fn accepted(&mut self, job: JobId, (key, body): (&str, ContentHash), told: &Outcome) -> bool {
        let Outcome::Job {
            job: id,
            epoch,
            already,
        } = told
        else {
            return false;
        };
        if let Some(known) = self.keys.get(key) {
            let life = self.lives.get(known);
            let same = life.is_some_and(|life| life.body == body && life.epoch == *epoch);
            return *already && id == known && same;
        }
        self.revived += u64::from(self.forgotten.contains(&job));
        let life = Life {
            key: key.to_owned(),
            body,
            epoch: *epoch,
            holder: None,
            end: None,
        };
        self.keys.insert(key.to_owned(), job);
        !*already && *id == job && self.lives.insert(job, life).is_none()
    }

    fn assigned(&mut self, job: JobId, (node, seen): (NodeId, Epoch), told: &Outcome) -> bool {
        let (Some(life), Some(epoch)) = (self.lives.get_mut(&job), epoch(told)) else {
            return false;
        };
        let kept = life.end.is_none() && life.epoch == seen && epoch == seen.next();
        life.epoch = epoch;
        life.holder = Some(node);
        kept
    }

    fn ended(&mut self, job: JobId, (node, epoch): (NodeId, Epoch), end: End) -> bool {
        let Some(life) = self.lives.get_mut(&job) else {
            return false;
        };
        let newest = life.epoch == epoch;
        match &life.end {
            // Told again.
            Some(known) => newest && *known == end,
            None => {
                life.end = Some(end);
                newest && life.holder == Some(node)
            }
        }
    }

    fn cancelled(&mut self, job: JobId, told: &Outcome) -> bool {
        let (Some(life), Some(epoch)) = (self.lives.get_mut(&job), epoch(told)) else {
            return false;
        };
        if let Some(end) = &life.end {
            return *end == End::Cancelled && epoch == life.epoch;
        }
        let kept = epoch > life.epoch;
        life.epoch = epoch;
        life.end = Some(End::Cancelled);
        kept
    }

    fn forget(&mut self, job: JobId) -> bool {
        let Some(life) = self.lives.remove(&job) else {
            return false;
        };
        self.keys.remove(&life.key);
        self.forgotten.insert(job);
        life.end.is_some()
    }
}

impl Life {
    fn shows_in(&self, record: &JobRecord) -> bool {
        let phase = match &record.phase {
            JobPhase::Accepted => self.end.is_none() && self.holder.is_none(),
            JobPhase::Assigned { node } => self.end.is_none() && self.holder == Some(*node),
            JobPhase::Done { answer, .. } => self.end == Some(End::Answer(*answer)),
            JobPhase::Failed { reason, .. } => self.end == Some(End::Failure(reason.clone())),
            JobPhase::Cancelled { .. } => self.end == Some(End::Cancelled),
        };
        phase && record.key == self.key && record.body == self.body && record.epoch == self.epoch
    }
}

fn epoch(told: &Outcome) -> Option<Epoch> {
    if let Outcome::Job { epoch, .. } = told {
        Some(*epoch)
    } else {
        None
    }
}

const SAME: &str = "a job changes by its own commands alone";
