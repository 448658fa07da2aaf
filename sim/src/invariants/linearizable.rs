//! The ledger is linearizable (Herlihy and Wing, 1990): the calls of all clients on its register,
//! on a job's key, on a model's name have an order that explains every answer. Checked by
//! [`crate::history`], object by object. What jobs and models have become is one more read, after
//! all that was answered: an acknowledged change that is lost breaks it.

use super::Breach;
use crate::history::{Call, Model, Verdict, check};
use crate::objects::{
    JobAnswer, JobCall, JobView, KeyedJob, ModelAnswer, ModelCall, ModelView, NamedModel, Register,
    RegisterAnswer, RegisterCall,
};
use crate::oracle::Told;
use raft::ledger::State;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

pub fn register_is_linearizable(told: &Told) -> Result<(), Breach> {
    let read: BTreeSet<u64> = told
        .register
        .iter()
        .filter_map(|call| match call.answer {
            Some(RegisterAnswer::Value(value)) => Some(value),
            Some(RegisterAnswer::Written) | None => None,
        })
        .collect();
    // Each write has a value of its own.
    let shows = |call: &RegisterCall| match call {
        RegisterCall::Write(value) => read.contains(value),
        RegisterCall::Read => false,
    };
    let calls = explained(told.register.iter(), shows);
    explain(&Register, ("the register is linearizable", "it"), &calls)
}

/// `state` is what a linearizable read gave that was asked for at `asked`, when the clients had
/// been told no more than `told`.
pub fn jobs_are_linearizable(told: &Told, state: &State, asked: Duration) -> Result<(), Breach> {
    for object in told.jobs.objects() {
        let now = JobView::of(state, &object.name);
        // A job is never forgotten here, and each acceptance proposes an id of its own.
        let shows = |call: &JobCall| match call {
            JobCall::Accept { job, .. } => now.as_ref().is_some_and(|now| now.job == *job),
            JobCall::Assign { .. } | JobCall::End { .. } | JobCall::Cancel { .. } => true,
            JobCall::Read => false,
        };
        let mut calls = explained(object.calls(), shows);
        calls.push(last(JobCall::Read, JobAnswer::Seen(now), asked));
        let what = ("a job is linearizable", object.name.as_str());
        explain(&KeyedJob, what, &calls)?;
    }
    Ok(())
}

/// As [`jobs_are_linearizable`].
pub fn models_are_linearizable(told: &Told, state: &State, asked: Duration) -> Result<(), Breach> {
    for object in told.models.objects() {
        let now = ModelView::of(state, &object.name);
        // A version is never forgotten, and its hash belongs to no other one.
        let shows = |call: &ModelCall| match *call {
            ModelCall::Publish { hash, .. } => {
                now.versions.values().any(|(_, known)| *known == hash)
            }
            ModelCall::Promote { .. } | ModelCall::Rollback { .. } => true,
            ModelCall::Read => false,
        };
        let mut calls = explained(object.calls(), shows);
        calls.push(last(ModelCall::Read, ModelAnswer::Seen(now), asked));
        let what = ("a model is linearizable", object.name.as_str());
        explain(&NamedModel, what, &calls)?;
    }
    Ok(())
}

/// The calls that need an explanation: one without an answer only where it may have had an effect
/// that somebody was shown.
fn explained<'a, O: Clone + 'a, A: Clone + 'a>(
    calls: impl Iterator<Item = &'a Call<O, A>>,
    shows: impl Fn(&O) -> bool,
) -> Vec<Call<O, A>> {
    calls
        .filter(|call| call.answer.is_some() || shows(&call.operation))
        .cloned()
        .collect()
}

/// The read after all others.
fn last<O, A>(operation: O, answer: A, asked: Duration) -> Call<O, A> {
    Call {
        operation,
        answer: Some(answer),
        sent: asked,
        answered: asked,
    }
}

fn explain<M>(
    model: &M,
    (invariant, name): (&'static str, &str),
    calls: &[Call<M::Operation, M::Answer>],
) -> Result<(), Breach>
where
    M: Model,
    M::Operation: Debug,
    M::Answer: Debug,
{
    match check(model, calls, STEPS) {
        Verdict::Linearizable => Ok(()),
        Verdict::Violation { stuck_at } => {
            let call = &calls[stuck_at];
            let ends_before = |other: &Call<M::Operation, M::Answer>| {
                other.answer.is_some() && other.answered < call.sent
            };
            let around: Vec<String> = calls
                .iter()
                .filter(|other| other.sent <= call.answered && !ends_before(other))
                .take(AROUND)
                .map(|call| format!("{call:?}"))
                .collect();
            let what = format!("{name}: no order explains {call:?}; around it: {around:#?}");
            Err((invariant, what))
        }
        Verdict::Undecided => {
            let what = format!("{name}: undecided after {STEPS} steps");
            Err((invariant, what))
        }
    }
}

/// Steps of the search; histories of some hundred calls take a few thousand.
const STEPS: usize = 2_000_000;
/// Calls shown with a violation.
const AROUND: usize = 12;

#[cfg(test)]
mod tests;
