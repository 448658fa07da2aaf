//! The cluster's typed errors as a person sees them: what, why, the next step, and the error code.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

mod join;

pub use join::refusal;

use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::exit::Exit;
use cluster::{FoundError, HomeError, NodeStartError, RoleFail, TokenFail};
use raft::ledger::Rejection;
use raft::{DiskError, ProposeError, ReadError};

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Failure {
        let what = "the node's folder cannot be used";
        let (code, next) = match &error {
            HomeError::Empty { .. } => (
                ErrorCode::NoCluster,
                "make a cluster with `rlm-node init`, or enter one with `rlm-node join`",
            ),
            HomeError::Taken { .. } => (
                ErrorCode::FolderTaken,
                "start it with `rlm-node run`, or name another folder with --data",
            ),
            HomeError::Disk(DiskError::InUse { .. }) => (
                ErrorCode::FolderTaken,
                "stop the process that runs there, or name another --data",
            ),
            HomeError::Disk(DiskError::Full { .. }) => (ErrorCode::DiskFull, "free some space"),
            HomeError::Disk(_) => (
                ErrorCode::Disk,
                "look at the disk and at the folder's owner",
            ),
            HomeError::Damaged { .. } | HomeError::Keys(_) | HomeError::Mixed { .. } => (
                ErrorCode::Damaged,
                "restore the folder from a backup, or remove the node and join again as a new one",
            ),
        };
        Failure::new(code, what).why(error).next(next)
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
            ) => Failure::new(ErrorCode::Damaged, what).why(error).next(
                "restore the folder from a backup; where other nodes run, remove this one there \
                 (`rlm-ctl remove NAME --dead`) and join again into an empty folder",
            ),
            NodeStartError::Raft(
                error @ (raft::StartError::Outgrown { .. } | raft::StartError::Version { .. }),
            ) => outgrown(error),
            error => Failure::new(Exit::Failed, what).why(error),
        }
    }
}

/// Of a program that is older than its cluster, or than what it finds on its disk.
pub fn outgrown(why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Version, "this program is too old for its node")
        .why(why)
        .next("upgrade rlm-node on this machine, then start it again: its folder is as it was")
}

impl From<ProposeError> for Failure {
    fn from(error: ProposeError) -> Failure {
        let what = "the cluster did not take the command";
        let (code, next) = match &error {
            ProposeError::NotLeader { .. } | ProposeError::NoQuorum => (
                ErrorCode::NoQuorum,
                "bring back a majority of the voters (`rlm-ctl status` names them)",
            ),
            ProposeError::Unknown => (
                ErrorCode::Unknown,
                "look with `rlm-ctl status`, then repeat the command",
            ),
            ProposeError::Overloaded => (ErrorCode::NoCapacity, "try again in a moment"),
            ProposeError::DiskFull => (ErrorCode::DiskFull, "free some space on the leader"),
            ProposeError::Rejected(
                Rejection::UnknownToken { .. }
                | Rejection::UnknownMember { .. }
                | Rejection::UnknownModel { .. }
                | Rejection::UnknownVersion { .. }
                | Rejection::UnknownSetting { .. }
                | Rejection::UnknownJob { .. },
            ) => (ErrorCode::NotFound, ""),
            ProposeError::Rejected(Rejection::Conflict { .. } | Rejection::Fenced { .. }) => {
                (ErrorCode::Conflict, "")
            }
            ProposeError::Rejected(Rejection::Version { .. } | Rejection::NotYet { .. }) => {
                (ErrorCode::Version, "upgrade the nodes that are behind")
            }
            ProposeError::Rejected(_) | ProposeError::TooLong { .. } => (ErrorCode::Rejected, ""),
            ProposeError::Forbidden => (ErrorCode::Refused, ""),
            ProposeError::Stopped(_) => (ErrorCode::Failed, "see the node's log"),
        };
        let failure = Failure::new(code, what).why(error);
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

    #[test]
    fn what_the_cluster_did_not_take_ends_with_the_code_of_its_kind() {
        let (theirs, ours) = (1, 2);
        for (error, exit) in [
            (ProposeError::NoQuorum, Exit::NoQuorum),
            (ProposeError::NotLeader { leader: None }, Exit::NoQuorum),
            (ProposeError::Unknown, Exit::Unknown),
            (Rejection::Version { theirs, ours }.into(), Exit::Version),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(failure.next.is_some(), "{failure}");
        }
    }

    #[test]
    fn a_program_that_is_too_old_says_so_however_it_finds_out() {
        let (cluster, ours) = (3, 2);
        let start = |error| Failure::from(NodeStartError::Raft(error));
        for failure in [
            start(raft::StartError::Outgrown { cluster, ours }),
            start(raft::StartError::Version { found: 2 }),
            outgrown(raft::Fault::Outgrown { cluster, ours }),
        ] {
            assert_eq!(failure.exit, Exit::Version, "{failure}");
            let said = failure.to_string();
            assert!(said.contains("upgrade rlm-node"), "{said}");
        }
    }
}
