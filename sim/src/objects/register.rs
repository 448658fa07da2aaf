//! The one register that the ledger has: a setting that is written and read.

use crate::history::Model;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterCall {
    Write(u64),
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterAnswer {
    Written,
    /// Zero before the first write.
    Value(u64),
}

/// The register as it should behave.
pub struct Register;

impl Model for Register {
    type State = u64;
    type Operation = RegisterCall;
    type Answer = RegisterAnswer;

    fn initial(&self) -> u64 {
        0
    }

    fn step(&self, state: &u64, operation: &RegisterCall) -> (u64, RegisterAnswer) {
        match operation {
            RegisterCall::Write(value) => (*value, RegisterAnswer::Written),
            RegisterCall::Read => (*state, RegisterAnswer::Value(*state)),
        }
    }
}
