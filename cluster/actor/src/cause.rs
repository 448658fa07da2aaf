//! Why an actor ended, for code to branch on. What a person wants to read goes to the log.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why an actor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its loop returned without an error and without being asked to stop.
    Finished,
    /// It was asked to stop, and did in time.
    Stopped,
    /// It was asked to stop, did not in time, and was cut off at an await.
    Killed,
    Panic,
    /// Its loop returned this code; the meaning is the actor's own.
    Failed(u16),
    /// It never became ready.
    Startup(StartFault),
    /// A supervisor whose children failed more often than it may restart them.
    Escalated,
}

/// Why an actor did not become ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartFault {
    Panic,
    Failed(u16),
    /// It ended without an error before it was ready.
    Ended,
    /// It was not ready within its time.
    Late,
    /// The tree was told to stop meanwhile.
    Interrupted,
    /// Its inbox was still in use.
    NoInbox,
}

impl Cause {
    /// Whether a [`Restart::Transient`](crate::Restart::Transient) actor is started again.
    pub fn is_abnormal(self) -> bool {
        match self {
            Cause::Finished | Cause::Stopped => false,
            Cause::Killed
            | Cause::Panic
            | Cause::Failed(_)
            | Cause::Startup(_)
            | Cause::Escalated => true,
        }
    }

    /// The same end, when it came before the actor was ready.
    pub(crate) fn while_starting(self) -> StartFault {
        match self {
            Cause::Panic => StartFault::Panic,
            Cause::Failed(code) => StartFault::Failed(code),
            Cause::Startup(fault) => fault,
            Cause::Finished | Cause::Stopped | Cause::Killed | Cause::Escalated => {
                StartFault::Ended
            }
        }
    }

    /// One number, so that a life's end can be published without a lock. Zero means none.
    pub(crate) fn pack(self) -> u32 {
        let (tag, code) = match self {
            Cause::Finished => (1, 0),
            Cause::Stopped => (2, 0),
            Cause::Killed => (3, 0),
            Cause::Panic => (4, 0),
            Cause::Failed(code) => (5, code),
            Cause::Escalated => (6, 0),
            Cause::Startup(StartFault::Panic) => (7, 0),
            Cause::Startup(StartFault::Failed(code)) => (8, code),
            Cause::Startup(StartFault::Ended) => (9, 0),
            Cause::Startup(StartFault::Late) => (10, 0),
            Cause::Startup(StartFault::Interrupted) => (11, 0),
            Cause::Startup(StartFault::NoInbox) => (12, 0),
        };
        (tag << 16) | u32::from(code)
    }

    pub(crate) fn unpack(packed: u32) -> Option<Cause> {
        let code = u16::try_from(packed & 0xffff).unwrap_or(0);
        Some(match packed >> 16 {
            1 => Cause::Finished,
            2 => Cause::Stopped,
            3 => Cause::Killed,
            4 => Cause::Panic,
            5 => Cause::Failed(code),
            6 => Cause::Escalated,
            7 => Cause::Startup(StartFault::Panic),
            8 => Cause::Startup(StartFault::Failed(code)),
            9 => Cause::Startup(StartFault::Ended),
            10 => Cause::Startup(StartFault::Late),
            11 => Cause::Startup(StartFault::Interrupted),
            12 => Cause::Startup(StartFault::NoInbox),
            _ => return None,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Finished => f.write_str("finished"),
            Cause::Stopped => f.write_str("stopped"),
            Cause::Killed => f.write_str("killed: it did not stop in time"),
            Cause::Panic => f.write_str("panic"),
            Cause::Failed(code) => write!(f, "failed with code {code}"),
            Cause::Startup(fault) => write!(f, "not ready: {fault:?}"),
            Cause::Escalated => f.write_str("too many failures below"),
        }
    }
}

/// How a loop says that it failed: a code to branch on, and words for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (code {code})")]
pub struct ActorFailure {
    pub code: u16,
    pub detail: String,
}

impl ActorFailure {
    pub fn new(code: u16, detail: impl fmt::Display) -> ActorFailure {
        ActorFailure {
            code,
            detail: detail.to_string(),
        }
    }
}

/// What ractor is given as an actor's error.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Ended(pub(crate) Cause);
