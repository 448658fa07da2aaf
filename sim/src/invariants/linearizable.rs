//! The ledger is linearizable (Herlihy and Wing, 1990): the calls of all clients on its register
//! have an order that explains every answer. Checked by [`crate::history`].

use super::Breach;
use crate::history::{Call, Verdict, check};
use crate::oracle::{Register, RegisterAnswer, RegisterCall, Told};
use std::collections::BTreeSet;

pub fn register_is_linearizable(told: &Told) -> Result<(), Breach> {
    let calls = explained(told);
    match check(&Register, &calls, STEPS) {
        Verdict::Linearizable => Ok(()),
        Verdict::Violation { stuck_at } => {
            let call = &calls[stuck_at];
            let around: Vec<String> = calls
                .iter()
                .filter(|other| other.sent <= call.answered && other.answered >= call.sent)
                .take(AROUND)
                .map(|call| format!("{call:?}"))
                .collect();
            let what = format!("no order explains {call:?}; around it: {around:#?}");
            Err(("the register is linearizable", what))
        }
        Verdict::Undecided => {
            let what = format!("undecided after {STEPS} steps");
            Err(("the register is linearizable", what))
        }
    }
}

/// The calls that need an explanation. A read without an answer says nothing. Each write has a
/// value
/// of its own, so one whose outcome is unknown and whose value nobody read may never have happened.
fn explained(told: &Told) -> Vec<Call<RegisterCall, RegisterAnswer>> {
    let read: BTreeSet<u64> = told
        .register
        .iter()
        .filter_map(|call| match call.answer {
            Some(RegisterAnswer::Value(value)) => Some(value),
            Some(RegisterAnswer::Written) | None => None,
        })
        .collect();
    let counts = |call: &&Call<RegisterCall, RegisterAnswer>| match call.operation {
        _ if call.answer.is_some() => true,
        RegisterCall::Write(value) => read.contains(&value),
        RegisterCall::Read => false,
    };
    told.register.iter().filter(counts).cloned().collect()
}

/// Steps of the search; histories of some hundred calls take a few thousand.
const STEPS: usize = 2_000_000;
/// Calls shown with a violation.
const AROUND: usize = 12;
