//! Why a machine did not get in, as a person sees it. Each has its next step: whoever joins sits in
//! front of a machine that does not work yet.

use crate::codes::ErrorCode;
use crate::ctl::Failure;
use cluster::{EnterError, FailCode};
use transport::{CertificateRefusal, Denial, DialError, JoinError, Refusal};

/// A refusal of the cluster, by its typed code.
pub fn refusal(what: &str, refusal: &Refusal) -> Failure {
    let (code, next) = match refusal {
        Refusal::Failed { code, .. } => failed(FailCode::of(*code)),
        Refusal::NotLeader { .. } => (
            ErrorCode::NoQuorum,
            "try again, or name a voter as the seed",
        ),
        Refusal::Overloaded { .. } => (ErrorCode::NoCapacity, "try again in a moment"),
        Refusal::Unauthorised(Denial::Expired | Denial::NotYetValid) => (ErrorCode::Clock, CLOCK),
        Refusal::Unauthorised(_) => (ErrorCode::Refused, "see `rlm-ctl nodes` on a voter"),
        Refusal::Version { .. } | Refusal::Unsupported => (ErrorCode::Version, UPGRADE),
        Refusal::Deadline => (
            ErrorCode::Unknown,
            "try again: the same request does no harm",
        ),
        Refusal::TooLarge { .. } => (ErrorCode::Failed, UPGRADE),
    };
    let failure = Failure::new(code, what).why(refusal);
    if next.is_empty() {
        failure
    } else {
        failure.next(next)
    }
}

fn failed(code: FailCode) -> (ErrorCode, &'static str) {
    match code {
        FailCode::Token => (ErrorCode::Token, "make a new one: `rlm-ctl token create`"),
        FailCode::TokenBound => (
            ErrorCode::TokenBound,
            "give the --name or the --pool that it is for, or make another: `rlm-ctl token create`",
        ),
        FailCode::NameTaken => (
            ErrorCode::NameTaken,
            "was it this machine before its disk was wiped? then `rlm-ctl remove NAME --dead` on \
             a node first; else join with another --name",
        ),
        FailCode::Retired => (
            ErrorCode::Retired,
            "join with a new token and into an empty folder (--data DIR): it becomes a new node",
        ),
        FailCode::Closed => (
            ErrorCode::Closed,
            "an administrator opens it: `rlm-ctl settings admission.open=on`",
        ),
        FailCode::Signature => (
            ErrorCode::NotProved,
            "copy the token again; if it still fails, somebody may stand in between",
        ),
        FailCode::Version => (ErrorCode::Version, UPGRADE),
        FailCode::NoQuorum => (
            ErrorCode::NoQuorum,
            "bring back a majority of the voters, then try again",
        ),
        FailCode::Unknown => (
            ErrorCode::Unknown,
            "try again: the same request does no harm",
        ),
        FailCode::NoIssuer => (ErrorCode::Failed, "try again, or ask another voter"),
        FailCode::NoBlob => (
            ErrorCode::NotFound,
            "see who has it: `rlm-ctl registry show`",
        ),
        FailCode::NoRoom => (ErrorCode::DiskFull, "free some space on that node"),
        FailCode::Refused => (ErrorCode::Rejected, ""),
        FailCode::Garbled => (ErrorCode::Failed, UPGRADE),
        FailCode::Internal => (ErrorCode::Failed, "see the log of the node that was asked"),
    }
}

impl From<EnterError> for Failure {
    fn from(error: EnterError) -> Failure {
        let what = "this machine did not join";
        let (code, next) = match error {
            EnterError::Home(error) => return error.into(),
            EnterError::Join(error) => return join_failure(what, error),
            EnterError::Name(_) => (ErrorCode::Usage, "give another name: --name NAME"),
            EnterError::Reply(_) => (
                ErrorCode::NotProved,
                "make a new token on another node of the cluster; if it fails again, upgrade the \
                 older of the two",
            ),
            EnterError::OtherNode(_) => (
                ErrorCode::Failed,
                "join again with a new token and into an empty folder (--data DIR)",
            ),
        };
        Failure::new(code, what).why(error).next(next)
    }
}

fn join_failure(what: &str, error: JoinError) -> Failure {
    let (code, next) = match &error {
        JoinError::Refused(refused) => return refusal(what, refused),
        JoinError::NoAnswer { last, .. } => unanswered(last),
        JoinError::OtherCluster(_) => (
            ErrorCode::NotProved,
            "the address in the token belongs to another cluster now: make a new token",
        ),
        JoinError::Deadline => (
            ErrorCode::Unknown,
            "run the same command again: the token is used once at most",
        ),
        JoinError::Seed(_) => (
            ErrorCode::Unreachable,
            "mend this machine's name service (DNS), then run the same command again",
        ),
        JoinError::Reply(_) => (
            ErrorCode::Unknown,
            "run the same command again: the token is used once at most; if it fails again, \
             upgrade the older of the two",
        ),
        JoinError::Socket(_) => (
            ErrorCode::Address,
            "let this machine open UDP sockets, or name an address of it with --listen ADDR",
        ),
    };
    Failure::new(code, what).why(error).next(next)
}

fn unanswered(last: &DialError) -> (ErrorCode, &'static str) {
    match last {
        DialError::Version { .. } => (ErrorCode::Version, UPGRADE),
        DialError::TheirCertificate(CertificateRefusal::Expired)
        | DialError::OurCertificate(CertificateRefusal::Expired) => (ErrorCode::Clock, CLOCK),
        _ => (
            ErrorCode::Seeds,
            "check that the node runs and that UDP reaches it, in datagrams of 1200 bytes \
             (`rlm-node doctor` there); nothing was created here",
        ),
    }
}

const CLOCK: &str = "set this machine's clock (chrony, systemd-timesyncd), then join again";
const UPGRADE: &str = "upgrade the older of the two";

#[cfg(test)]
mod tests;
