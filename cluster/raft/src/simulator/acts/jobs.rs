//! Jobs: clients that lost their notes and ask again, workers that race, that were replaced and do
//! not know it, that end a job twice with two answers.

use super::{Dice, hash_of, holders, some_members};
use crate::ledger::{Command, JobRecord, State};
use base::{Epoch, JobId};

/// A new key, or one that is known: with its own body, or with another.
pub(super) fn accept(fresh: u64, view: &State, dice: &mut Dice) -> Command {
    let known = if dice.chance(250) {
        some_job(view, dice, |_| true)
    } else {
        None
    };
    let (key, body) = match known {
        Some((_, record)) if dice.chance(600) => (record.key.clone(), record.body),
        Some((_, record)) => (record.key.clone(), hash_of(fresh)),
        None => (format!("key {fresh}"), hash_of(fresh)),
    };
    let taken = if dice.chance(20) {
        some_job(view, dice, |_| true)
    } else {
        None
    };
    let job = match taken {
        Some((job, _)) => job,
        None => JobId(dice.number()),
    };
    Command::AcceptJob { job, key, body }
}

/// Mostly what waits; at times what somebody has whose lease seems to have ended.
pub(super) fn assign(view: &State, dice: &mut Dice) -> Option<Command> {
    let again = dice.chance(300);
    let (job, record) = some_job(view, dice, |job| {
        !job.phase.ended() && job.phase.holder().is_some() == again
    })?;
    let gone = view.members.retired.keys().next_back();
    let node = match gone {
        Some(gone) if dice.chance(50) => *gone,
        Some(_) | None => *some_members(view, dice, 1).first()?,
    };
    Some(Command::AssignJob {
        job,
        node,
        seen: record.epoch,
    })
}

/// What somebody has, and at times any other: by who is not its holder, in an epoch that is over.
pub(super) fn end(view: &State, dice: &mut Dice) -> Option<Command> {
    let wrong = dice.chance(150);
    let (job, record) = some_job(view, dice, |job| wrong || job.phase.holder().is_some())?;
    let other = *some_members(view, dice, 1).first()?;
    let node = match record.phase.holder() {
        Some(holder) if !dice.chance(50) => holder,
        Some(_) | None => other,
    };
    let behind = if wrong { dice.below(2) as u64 } else { 0 };
    let epoch = Epoch(record.epoch.0.saturating_sub(behind));
    if dice.chance(200) {
        let reason = "the model is gone".to_owned();
        return Some(Command::FailJob {
            job,
            node,
            epoch,
            reason,
        });
    }
    Some(Command::FinishJob {
        job,
        node,
        epoch,
        // A model does not say the same twice.
        answer: hash_of(job.0.wrapping_add(dice.below(2) as u64)),
        holders: holders(view, dice),
    })
}

pub(super) fn cancel(view: &State, dice: &mut Dice) -> Option<Command> {
    let wrong = dice.chance(100);
    let (job, _) = some_job(view, dice, |job| wrong || !job.phase.ended())?;
    Some(Command::CancelJob { job })
}

pub(super) fn forget(view: &State, dice: &mut Dice) -> Option<Command> {
    let wrong = dice.chance(50);
    let (job, _) = some_job(view, dice, |job| wrong || job.phase.ended())?;
    Some(Command::ForgetJob { job })
}

/// A job that fits, looked for from a random place on.
fn some_job<'a>(
    view: &'a State,
    dice: &mut Dice,
    fits: impl Fn(&JobRecord) -> bool,
) -> Option<(JobId, &'a JobRecord)> {
    let from = JobId(dice.number());
    let all = &view.jobs.all;
    let around = all.range(from..).chain(all.range(..from));
    let mut looked_at = around.take(LOOKED_AT);
    let (job, record) = looked_at.find(|(_, record)| fits(record))?;
    Some((*job, record))
}

/// Jobs that somebody goes through who looks for one.
const LOOKED_AT: usize = 64;
