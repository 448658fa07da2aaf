//! Why a command was refused. Deterministic like all else, and nothing was changed.

use crate::ledger::{Revocation, TokenRef};
use base::{ClusterId, Epoch, JobId, NodeId};
use serde::{Deserialize, Serialize};

/// Each variant says what the proposer can do about it by what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    #[error("{what} has {chars} characters, {max} are allowed")]
    TooLong { what: String, chars: u64, max: u64 },
    #[error("{what} is empty")]
    Empty { what: String },
    #[error("there are {max} {what} already")]
    TooMany { what: String, max: u64 },
    /// The cluster runs a mixed set of versions: raise its version first.
    #[error("the cluster still runs at version {version}, which does not know this command")]
    NotYet { version: u16 },

    #[error("this group is cluster {cluster} already")]
    Founded { cluster: ClusterId },
    #[error("there is no token {}", hex(id))]
    UnknownToken { id: TokenRef },
    #[error("a token {} exists already", hex(id))]
    TokenExists { id: TokenRef },
    #[error("the token has expired")]
    TokenExpired,
    #[error("the token was revoked")]
    TokenRevoked,
    #[error("the token's uses are used up")]
    TokenUsedUp,
    #[error("the token is for `{expected}`, not for `{found}`")]
    TokenBound { expected: String, found: String },
    #[error("the cluster admits nobody now: `admission.open` is off")]
    Closed,
    #[error("a token lives at most {days} days")]
    TokenTooLong { days: u64 },

    #[error("there is no member {node}")]
    UnknownMember { node: NodeId },
    #[error("{node} is a member already")]
    KnownMember { node: NodeId },
    /// A node that lost its disk is a new node: join again, which makes a new id.
    #[error("{node} was removed, and no id is used twice")]
    Retired { node: NodeId },
    #[error("the name `{name}` belongs to {node}")]
    NameTaken { name: String, node: NodeId },
    #[error("{node} still votes: demote it first")]
    StillVoter { node: NodeId },
    /// Older than the cluster it would not know all commands; two newer, nobody would know its own.
    #[error("the cluster runs at version {ours}, which does not go with a node's {theirs}")]
    Version { theirs: u16, ours: u16 },
    #[error("{node} still runs version {version}")]
    Behind { node: NodeId, version: u16 },
    #[error("the cluster runs at version {version} already")]
    Lowered { version: u16 },
    #[error("{what} is revoked already")]
    Revoked { what: Revocation },

    #[error("there is no setting `{name}`")]
    UnknownSetting { name: String },
    #[error("`{value}` does not fit the setting `{name}`: it takes {expected}")]
    BadSetting {
        name: String,
        value: String,
        expected: String,
    },

    #[error("there is no job {job}")]
    UnknownJob { job: JobId },
    #[error("the idempotency key belongs to job {job}, which has another body")]
    Conflict { job: JobId },
    #[error("job id {job} is taken")]
    JobIdTaken { job: JobId },
    /// Somebody with a newer epoch has the job; what the proposer did does not count.
    #[error("job {job} is at epoch {epoch}: an older one has no say")]
    Fenced { job: JobId, epoch: Epoch },
    #[error("job {job} is held by {holder:?}")]
    NotHolder { job: JobId, holder: Option<NodeId> },
    #[error("job {job} has ended: {phase}")]
    Ended { job: JobId, phase: String },
    #[error("job {job} has not ended")]
    NotEnded { job: JobId },

    /// Copy the bytes to another member, then propose again.
    #[error("{have} members hold the bytes, {need} must")]
    FewHolders { have: u64, need: u64 },
    #[error("there is no model `{name}`")]
    UnknownModel { name: String },
    #[error("`{name}` has no version {version}")]
    UnknownVersion { name: String, version: u32 },
    #[error("`{name}` has no earlier version to go back to")]
    NothingBefore { name: String },
    #[error("another snapshot at entry {index} was committed before")]
    OtherSnapshot { index: u64 },
}

/// That a text is there and not too long.
pub(super) fn text(what: &str, text: &str, max: usize) -> Result<(), Rejection> {
    let chars = text.chars().count();
    let what = || what.to_owned();
    match chars {
        0 => Err(Rejection::Empty { what: what() }),
        _ if chars > max => Err(Rejection::TooLong {
            what: what(),
            chars: chars as u64,
            max: max as u64,
        }),
        _ => Ok(()),
    }
}

/// That one more fits.
pub(super) fn room(what: &str, count: usize, max: usize) -> Result<(), Rejection> {
    if count < max {
        return Ok(());
    }
    let (what, max) = (what.to_owned(), max as u64);
    Err(Rejection::TooMany { what, max })
}

fn hex(id: &TokenRef) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
