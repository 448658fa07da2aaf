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
    /// The versions are more than one apart, or the program is older than its cluster.
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

impl Exit {
    pub(crate) const ALL: [Exit; 13] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Unreachable,
        Exit::Refused,
        Exit::NoQuorum,
        Exit::NotFound,
        Exit::Deadline,
        Exit::Cancelled,
        Exit::Conflict,
        Exit::Unknown,
        Exit::Version,
        Exit::Partial,
    ];

    /// For the help and for `docs/exit-codes.md`.
    fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Failed => "the job or action failed for good",
            Exit::Usage => "the command line or the configuration is wrong",
            Exit::Unreachable => "no node, or no model server, can be reached",
            Exit::Refused => "not allowed: a certificate, a role, an expired or used token",
            Exit::NoQuorum => "no majority of the voters answers: the cluster is read-only",
            Exit::NotFound => "no capacity, or the thing that was named is not there",
            Exit::Deadline => "a deadline or budget passed; what there is was printed",
            Exit::Cancelled => "cancelled",
            Exit::Conflict => "the state is another one than was assumed",
            Exit::Unknown => "sent, and no answer: it may be done; ask again with the same key",
            Exit::Version => {
                "the versions are more than one apart, or the program is older than its cluster"
            }
            Exit::Partial => "some of several things were done",
        }
    }
}

/// All codes, as the help has them.
pub fn listed() -> String {
    let mut text = "Exit codes:".to_owned();
    for exit in Exit::ALL {
        text.push_str(&format!("\n  {:>2}  {}", exit.code(), exit.meaning()));
    }
    text
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_each_code() {
        let document = include_str!("../docs/exit-codes.md");
        let rows: Vec<&str> = document
            .lines()
            .filter(|line| line.starts_with("| ") && !line.contains("code"))
            .collect();
        let codes = Exit::ALL.map(|exit| format!("| {} | {} |", exit.code(), exit.meaning()));
        assert_eq!(rows, codes);
        assert_eq!(listed().lines().count(), 1 + codes.len());
    }
}
