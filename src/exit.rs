//! What the programs' exit codes mean. The same code means the same thing in every command.

use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use utoipa::ToSchema;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Not allowed: a certificate, a role, an expired or used token.
    Refused,
    /// No majority of the voters answers: the cluster is read-only.
    NoQuorum,
    /// No capacity, or the thing that was named is not there.
    NotFound,
    /// A deadline or budget passed; what there is was printed.
    Deadline,
    Cancelled,
    /// The state is another one than was assumed: somebody was there before.
    Conflict,
    /// Sent, and no answer: it may be done. Repeating it with the same key is safe.
    Unknown,
    /// The versions are more than one apart.
    Version,
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
            Exit::Refused => 4,
            Exit::NoQuorum => 5,
            Exit::NotFound => 6,
            Exit::Deadline => 7,
            Exit::Cancelled => 8,
            Exit::Conflict => 9,
            Exit::Unknown => 10,
            Exit::Version => 11,
            Exit::Partial => 12,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
