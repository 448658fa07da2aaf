//! Why a machine did not get in, as a person sees it. Each has its next step: whoever joins sits in
//! front of a machine that does not work yet.

use crate::ctl::Failure;
use crate::exit::Exit;
use cluster::{EnterError, FailCode};
use transport::{CertificateRefusal, Denial, DialError, JoinError, Refusal};

/// A refusal of the cluster, by its typed code.
pub fn refusal(what: &str, refusal: &Refusal) -> Failure {
    let (exit, next) = match refusal {
        Refusal::Failed { code, .. } => failed(FailCode::of(*code)),
        Refusal::NotLeader { .. } => (Exit::NoQuorum, "try again, or name a voter as the seed"),
        Refusal::Overloaded { .. } => (Exit::NotFound, "try again in a moment"),
        Refusal::Unauthorised(Denial::Expired | Denial::NotYetValid) => (Exit::Refused, CLOCK),
        Refusal::Unauthorised(_) => (Exit::Refused, "see `rlm-ctl nodes` on a voter"),
        Refusal::Version { .. } | Refusal::Unsupported => (Exit::Version, UPGRADE),
        Refusal::Deadline => (Exit::Unknown, "try again: the same request does no harm"),
        Refusal::TooLarge { .. } => (Exit::Failed, UPGRADE),
    };
    let failure = Failure::new(exit, what).why(refusal);
    if next.is_empty() {
        failure
    } else {
        failure.next(next)
    }
}

fn failed(code: FailCode) -> (Exit, &'static str) {
    match code {
        FailCode::Token => (Exit::Refused, "make a new one: `rlm-ctl token create`"),
        FailCode::TokenBound => (
            Exit::Refused,
            "give the --name or the --pool that it is for, or make another: `rlm-ctl token create`",
        ),
        FailCode::NameTaken => (
            Exit::Conflict,
            "was it this machine before its disk was wiped? then `rlm-ctl remove NAME --dead` on \
             a node first; else join with another --name",
        ),
        FailCode::Retired => (
            Exit::Conflict,
            "join with a new token and into an empty folder (--data DIR): it becomes a new node",
        ),
        FailCode::Closed => (
            Exit::Refused,
            "an administrator opens it: `rlm-ctl settings admission.open=on`",
        ),
        FailCode::Signature => (
            Exit::Refused,
            "copy the token again; if it still fails, somebody may stand in between",
        ),
        FailCode::Version => (Exit::Version, UPGRADE),
        FailCode::NoQuorum => (
            Exit::NoQuorum,
            "bring back a majority of the voters, then try again",
        ),
        FailCode::Unknown => (Exit::Unknown, "try again: the same request does no harm"),
        FailCode::NoIssuer => (Exit::Failed, "try again, or ask another voter"),
        FailCode::NoBlob => (Exit::NotFound, "see who has it: `rlm-ctl registry show`"),
        FailCode::NoRoom => (Exit::Failed, "free some space on that node"),
        FailCode::Refused => (Exit::Failed, ""),
        FailCode::Garbled => (Exit::Failed, UPGRADE),
        FailCode::Internal => (Exit::Failed, "see the log of the node that was asked"),
    }
}

impl From<EnterError> for Failure {
    fn from(error: EnterError) -> Failure {
        let what = "this machine did not join";
        let (exit, next) = match error {
            EnterError::Home(error) => return error.into(),
            EnterError::Join(error) => return join_failure(what, error),
            EnterError::Name(_) => (Exit::Usage, "give another name: --name NAME"),
            EnterError::Reply(_) => (
                Exit::Refused,
                "make a new token on another node of the cluster; if it fails again, upgrade the \
                 older of the two",
            ),
            EnterError::OtherNode(_) => (
                Exit::Failed,
                "join again with a new token and into an empty folder (--data DIR)",
            ),
        };
        Failure::new(exit, what).why(error).next(next)
    }
}

fn join_failure(what: &str, error: JoinError) -> Failure {
    let (exit, next) = match &error {
        JoinError::Refused(refused) => return refusal(what, refused),
        JoinError::NoAnswer { last, .. } => unanswered(last),
        JoinError::OtherCluster(_) => (
            Exit::Refused,
            "the address in the token belongs to another cluster now: make a new token",
        ),
        JoinError::Deadline => (
            Exit::Unknown,
            "run the same command again: the token is used once at most",
        ),
        JoinError::Seed(_) => (
            Exit::Unreachable,
            "mend this machine's name service (DNS), then run the same command again",
        ),
        JoinError::Reply(_) => (
            Exit::Unknown,
            "run the same command again: the token is used once at most; if it fails again, \
             upgrade the older of the two",
        ),
        JoinError::Socket(_) => (
            Exit::Failed,
            "let this machine open UDP sockets, or name an address of it with --listen ADDR",
        ),
    };
    Failure::new(exit, what).why(error).next(next)
}

fn unanswered(last: &DialError) -> (Exit, &'static str) {
    match last {
        DialError::Version { .. } => (Exit::Version, UPGRADE),
        DialError::TheirCertificate(CertificateRefusal::Expired)
        | DialError::OurCertificate(CertificateRefusal::Expired) => (Exit::Refused, CLOCK),
        _ => (
            Exit::Unreachable,
            "check that the node runs and that UDP reaches it (`rlm-node doctor` there); nothing \
             was created here",
        ),
    }
}

const CLOCK: &str = "set this machine's clock (chrony, systemd-timesyncd), then join again";
const UPGRADE: &str = "upgrade the older of the two";

#[cfg(test)]
mod tests;
