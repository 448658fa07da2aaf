//! The cluster's typed errors as a person sees them: what, why, the next step, and the exit code.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use crate::ctl::Failure;
use crate::exit::Exit;
use cluster::{EnterError, FailCode, FoundError, HomeError, NodeStartError, RoleFail, TokenFail};
use raft::ledger::Rejection;
use raft::{DiskError, ProposeError, ReadError};
use transport::{DialError, JoinError, Refusal};

/// A refusal of the cluster, by its typed code.
pub fn refusal(what: &str, refusal: &Refusal) -> Failure {
    let (exit, next) = match refusal {
        Refusal::Failed { code, .. } => match FailCode::of(*code) {
            FailCode::Token => (Exit::Refused, "make a new one: `rlm-ctl token create`"),
            FailCode::Signature => (
                Exit::Refused,
                "copy the token again; if it still fails, somebody may stand in between",
            ),
            FailCode::Version => (Exit::Version, "upgrade the older of the two"),
            FailCode::NoQuorum => (
                Exit::NoQuorum,
                "bring back a majority of the voters, then try again",
            ),
            FailCode::Unknown => (Exit::Unknown, "try again: the same request does no harm"),
            FailCode::NoIssuer => (Exit::Failed, "try again, or ask another voter"),
            FailCode::NoBlob => (Exit::NotFound, "see who has it: `rlm-ctl registry show`"),
            FailCode::NoRoom => (Exit::Failed, "free some space on that node"),
            FailCode::Refused | FailCode::Garbled | FailCode::Internal => (Exit::Failed, ""),
        },
        Refusal::NotLeader { .. } => (Exit::NoQuorum, "try again, or name a voter as the seed"),
        Refusal::Overloaded { .. } => (Exit::NotFound, "try again in a moment"),
        Refusal::Unauthorised(_) => (Exit::Refused, "see `rlm-ctl nodes` on a voter"),
        Refusal::Version { .. } | Refusal::Unsupported => {
            (Exit::Version, "upgrade the older of the two")
        }
        Refusal::Deadline => (Exit::Unknown, "try again: the same request does no harm"),
        Refusal::TooLarge { .. } => (Exit::Failed, ""),
    };
    let failure = Failure::new(exit, what).why(refusal);
    if next.is_empty() {
        failure
    } else {
        failure.next(next)
    }
}

impl From<EnterError> for Failure {
    fn from(error: EnterError) -> Failure {
        let what = "this machine did not join";
        match error {
            EnterError::Home(error) => error.into(),
            EnterError::Join(error) => join_failure(what, error),
            error @ (EnterError::Name(_) | EnterError::OtherNode(_) | EnterError::Reply(_)) => {
                Failure::new(Exit::Usage, what).why(error)
            }
        }
    }
}

fn join_failure(what: &str, error: JoinError) -> Failure {
    match &error {
        JoinError::Refused(refused) => refusal(what, refused),
        JoinError::NoAnswer { last, .. } => {
            let failure = Failure::new(Exit::Unreachable, what).why(&error);
            match last {
                DialError::Version { .. } => Failure {
                    exit: Exit::Version,
                    ..failure.next("upgrade the older of the two")
                },
                _ => failure.next(
                    "check that the node runs and that UDP reaches it (`rlm-node doctor` there); \
                     nothing was created here",
                ),
            }
        }
        JoinError::OtherCluster(_) => Failure::new(Exit::Refused, what)
            .why(&error)
            .next("the address in the token belongs to another cluster now: make a new token"),
        JoinError::Deadline => Failure::new(Exit::Unknown, what)
            .why(&error)
            .next("run the same command again: the token is used once at most"),
        JoinError::Seed(_) | JoinError::Reply(_) | JoinError::Socket(_) => {
            Failure::new(Exit::Failed, what).why(&error)
        }
    }
}

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
            NodeStartError::Raft(raft::StartError::Disk(DiskError::InUse { folder })) => {
                HomeError::Disk(DiskError::InUse { folder }).into()
            }
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
