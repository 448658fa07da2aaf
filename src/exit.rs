//! What the programs' exit codes mean. The same code means the same thing in every command.

use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// The job or action failed for good.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// No node, or no model server, can be reached.
    Unreachable,
    /// No capacity, or the thing that was named is not there.
    NotFound,
    /// A deadline or budget passed; what there is was printed.
    Deadline,
    Cancelled,
    /// Some of several things were done.
    Partial,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::NotFound => 6,
            Exit::Deadline => 7,
            Exit::Cancelled => 8,
            Exit::Partial => 12,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
