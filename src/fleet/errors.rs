//! The cluster's typed errors as a person sees them: what, why, the next step, and the exit code.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

mod join;

pub use join::refusal;

use crate::ctl::Failure;
use crate::exit::Exit;
use cluster::{FoundError, HomeError, NodeStartError, RoleFail, TokenFail};
use raft::ledger::Rejection;
use raft::{DiskError, ProposeError, ReadError};

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Failure {
        let what = "the node's folder cannot be used";
        let (exit, next) = match &error {
            HomeError::Empty { .. } => (
                Exit::NotFound,
                "make a cluster with `rlm-node init`, or enter one with `rlm-node join`",
            ),
            HomeError::Taken { .. } => (
                Exit::Conflict,
                "start it with `rlm-node run`, or name another folder with --data",
            ),
            HomeError::Disk(DiskError::InUse { .. }) => (
                Exit::Conflict,
                "stop the process that runs there, or name another --data",
            ),
            HomeError::Disk(DiskError::Full { .. }) => (Exit::Failed, "free some space"),
            HomeError::Disk(_) => (Exit::Failed, "look at the disk and at the folder's owner"),
            HomeError::Damaged { .. } | HomeError::Keys(_) | HomeError::Mixed { .. } => (
                Exit::Failed,
                "restore the folder from a backup, or remove the node and join again as a new one",
            ),
        };
        Failure::new(exit, what).why(error).next(next)
    }
}

impl From<FoundError> for Failure {
    fn from(error: FoundError) -> Failure {
        match error {
            FoundError::Home(error) => error.into(),
            error @ (FoundError::Authority(_) | FoundError::Identity(_)) => {
                Failure::new(Exit::Usage, "no cluster was made").why(error)
            }
        }
    }
}

impl From<NodeStartError> for Failure {
    fn from(error: NodeStartError) -> Failure {
        let what = "the node did not start";
        match error {
            NodeStartError::Home(error) => error.into(),
            NodeStartError::Raft(raft::StartError::Disk(disk)) => HomeError::Disk(disk).into(),
            error @ NodeStartError::Raft(
                raft::StartError::Damaged(_) | raft::StartError::VoteLost,
            ) => Failure::new(Exit::Failed, what).why(error).next(
                "remove this node from another one (`rlm-ctl remove`), then join again into an \
                 empty folder",
            ),
            error => Failure::new(Exit::Failed, what).why(error),
        }
    }
}

impl From<ProposeError> for Failure {
    fn from(error: ProposeError) -> Failure {
        let what = "the cluster did not take the command";
        let (exit, next) = match &error {
            ProposeError::NotLeader { .. } | ProposeError::NoQuorum => (
                Exit::NoQuorum,
                "bring back a majority of the voters (`rlm-ctl status` names them)",
            ),
            ProposeError::Unknown => (
                Exit::Unknown,
                "look with `rlm-ctl status`, then repeat the command",
            ),
            ProposeError::Overloaded => (Exit::NotFound, "try again in a moment"),
            ProposeError::DiskFull => (Exit::Failed, "free some space on the leader"),
            ProposeError::Rejected(
                Rejection::UnknownToken { .. }
                | Rejection::UnknownMember { .. }
                | Rejection::UnknownModel { .. }
                | Rejection::UnknownVersion { .. }
                | Rejection::UnknownSetting { .. }
                | Rejection::UnknownJob { .. },
            ) => (Exit::NotFound, ""),
            ProposeError::Rejected(Rejection::Conflict { .. } | Rejection::Fenced { .. }) => {
                (Exit::Conflict, "")
            }
            ProposeError::Rejected(_) | ProposeError::TooLong { .. } => (Exit::Failed, ""),
            ProposeError::Forbidden => (Exit::Refused, ""),
            ProposeError::Stopped(_) => (Exit::Failed, "see the node's log"),
        };
        let failure = Failure::new(exit, what).why(error);
        if next.is_empty() {
            failure
        } else {
            failure.next(next)
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        Failure::new(Exit::NoQuorum, "the cluster cannot confirm what it knows")
            .why(error)
            .next("without --confirm the last known state is shown")
    }
}

impl From<RoleFail> for Failure {
    fn from(error: RoleFail) -> Failure {
        match error {
            RoleFail::Propose(error) => error.into(),
            error @ RoleFail::UnknownMember(_) => Failure::new(Exit::NotFound, "no such node")
                .why(error)
                .next("`rlm-ctl nodes`"),
            error @ RoleFail::Pending(_) => Failure::new(Exit::Deadline, "not done yet")
                .why(error)
                .next("it goes on by itself: `rlm-ctl status` shows when it is done"),
        }
    }
}

impl From<TokenFail> for Failure {
    fn from(error: TokenFail) -> Failure {
        match error {
            TokenFail::Propose(error) => error.into(),
            TokenFail::Text(error) => Failure::new(Exit::Usage, "no token was made").why(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_starts_on_a_full_disk_says_what_to_do() {
        let full = DiskError::Full {
            name: "raft/log".into(),
        };
        let starts = [
            NodeStartError::Raft(raft::StartError::Disk(full.clone())),
            NodeStartError::Home(HomeError::Disk(full)),
        ];
        for start in starts {
            let failure = Failure::from(start);
            assert_eq!(failure.next.as_deref(), Some("free some space"));
            let said = failure.to_string();
            let words = "no space left while writing `raft/log`";
            assert!(said.contains(words), "{said}");
        }
    }
}
