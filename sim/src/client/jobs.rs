//! Calls on jobs that several clients know the key of: accepted with one of two bodies, given away,
//! ended in one way or another, cancelled and read, by who may know less than has happened since.

use super::{Client, surely_not};
use crate::objects::{Heard, JobAnswer, JobCall, JobEnd, JobView};
use base::{ContentHash, Epoch, JobId, NodeId};
use cluster::Node;
use raft::ProposeError;
use raft::ledger::{Command, Outcome, Rejection};
use rand::Rng;

/// What a client knows of the job that it uses.
#[derive(Default)]
pub(super) struct Known {
    /// The job's place among all that are shared.
    place: usize,
    job: Option<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    job: JobId,
    epoch: Epoch,
    holder: Option<NodeId>,
}

impl Client {
    /// One call on the job that this client uses now.
    pub(super) async fn call_job(&self, node: &Node, known: &mut Known) {
        let (place, key) = self.oracle.told().jobs.pick(KIND, &self.name);
        if known.place != place {
            *known = Known { place, job: None };
        }
        let call = known.choose(node);
        let now = self.oracle.now();
        let sent = self.oracle.told().jobs.sent(place, call.clone(), now);
        let heard = match command(&call, &key, super::holders(node)) {
            Some(command) => answer(node.submit(&self.name, command).await),
            None => match node.barrier().await {
                Ok(_) => Heard::Answer(JobAnswer::Seen(JobView::of(&node.state(), &key))),
                Err(_) => Heard::Refused,
            },
        };
        if let Heard::Answer(answer) = &heard {
            known.learn(&call, answer);
        }
        let now = self.oracle.now();
        let mut told = self.oracle.told();
        told.failed += u64::from(!heard.is_answer());
        told.jobs.heard(sent, heard, now);
    }
}

impl Known {
    fn choose(&self, node: &Node) -> JobCall {
        let mut rng = rand::rng();
        let accept = JobCall::Accept {
            job: JobId(rng.random()),
            body: BODIES[usize::from(rng.random_bool(0.3))],
        };
        let Some(Held { job, epoch, holder }) = self.job else {
            let first = rng.random_bool(0.7);
            return if first { accept } else { JobCall::Read };
        };
        let end = |how| JobCall::End {
            job,
            // Whoever knows of no holder tries its luck.
            node: holder.unwrap_or_else(|| node.id()),
            epoch,
            how,
        };
        match rng.random_range(0..20) {
            0..7 => JobCall::Read,
            7..9 => accept,
            9..14 => JobCall::Assign {
                job,
                node: super::any_member(node),
                seen: epoch,
            },
            14..17 => end(JobEnd::Done(super::any_hash())),
            17..19 => end(JobEnd::Failed(super::any_hash().short())),
            _ => JobCall::Cancel { job },
        }
    }

    fn learn(&mut self, call: &JobCall, answer: &JobAnswer) {
        match answer {
            JobAnswer::Seen(seen) => {
                self.job = seen.as_ref().map(|seen| Held {
                    job: seen.job,
                    epoch: seen.epoch,
                    holder: seen.holder(),
                });
            }
            JobAnswer::Is { job, epoch, .. } => {
                let holder = match call {
                    JobCall::Assign { node, .. } => Some(*node),
                    JobCall::Accept { .. }
                    | JobCall::End { .. }
                    | JobCall::Cancel { .. }
                    | JobCall::Read => self.job.and_then(|held| held.holder),
                };
                self.job = Some(Held {
                    job: *job,
                    epoch: *epoch,
                    holder,
                });
            }
            JobAnswer::Conflict { .. }
            | JobAnswer::NoSuchJob
            | JobAnswer::Fenced { .. }
            | JobAnswer::NotHolder { .. }
            | JobAnswer::Ended
            | JobAnswer::Odd(_) => {}
        }
    }
}

/// What is proposed; none for a read.
pub(super) fn command(call: &JobCall, key: &str, holders: Vec<NodeId>) -> Option<Command> {
    Some(match call {
        JobCall::Accept { job, body } => Command::AcceptJob {
            job: *job,
            key: key.to_owned(),
            body: *body,
        },
        JobCall::Assign { job, node, seen } => Command::AssignJob {
            job: *job,
            node: *node,
            seen: *seen,
        },
        JobCall::End {
            job,
            node,
            epoch,
            how: JobEnd::Done(answer),
        } => Command::FinishJob {
            job: *job,
            node: *node,
            epoch: *epoch,
            answer: *answer,
            holders,
        },
        JobCall::End {
            job,
            node,
            epoch,
            how: JobEnd::Failed(reason),
        } => Command::FailJob {
            job: *job,
            node: *node,
            epoch: *epoch,
            reason: reason.clone(),
        },
        JobCall::Cancel { job } => Command::CancelJob { job: *job },
        JobCall::Read => return None,
    })
}

/// In the words of the model.
pub(super) fn answer(outcome: Result<Outcome, ProposeError>) -> Heard<JobAnswer> {
    Heard::Answer(match outcome {
        Ok(Outcome::Job {
            job,
            epoch,
            already,
        }) => JobAnswer::Is {
            job,
            epoch,
            already,
        },
        Ok(other) => JobAnswer::Odd(format!("{other:?}")),
        Err(ProposeError::Rejected(Rejection::Conflict { job })) => JobAnswer::Conflict { job },
        Err(ProposeError::Rejected(Rejection::UnknownJob { .. })) => JobAnswer::NoSuchJob,
        Err(ProposeError::Rejected(Rejection::Fenced { epoch, .. })) => JobAnswer::Fenced { epoch },
        Err(ProposeError::Rejected(Rejection::NotHolder { holder, .. })) => {
            JobAnswer::NotHolder { holder }
        }
        Err(ProposeError::Rejected(Rejection::Ended { .. })) => JobAnswer::Ended,
        // A member that is none any more, a ledger that is full: not of the job itself.
        Err(error) if surely_not(&error) => return Heard::Refused,
        Err(_) => return Heard::Nothing,
    })
}

const KIND: &str = "shared job";
const BODIES: [ContentHash; 2] = [ContentHash([1; 32]), ContentHash([2; 32])];
