//! The node's API: HTTP over a unix socket that only its owner can open. One request so far: a job,
//! answered by a stream of JSON lines (its events, then its report or why it could not start).

mod client;
mod server;

pub use client::{ClientError, submit};
pub use server::{ServeError, serve};

use crate::ctl::Failure;
use crate::exit::Exit;
use crate::job::{JobEvent, JobReport};
use serde::{Deserialize, Serialize};

/// Grows when an older client would misread an answer.
pub const API_VERSION: u32 = 1;
/// Bytes of one request: standard input travels in it.
const MAX_REQUEST_BYTES: usize = 5 << 30;

/// One line of the answer to `POST /v1/jobs`. The last one is a report or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "line")]
pub enum AnswerLine {
    Event { event: JobEvent },
    Report { report: Box<JobReport> },
    Error { error: ErrorBody },
}

/// A failure as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub exit: Exit,
    pub what: String,
    pub why: Option<String>,
    pub next: Option<String>,
}

impl From<Failure> for ErrorBody {
    fn from(failure: Failure) -> ErrorBody {
        let Failure {
            exit,
            what,
            why,
            next,
        } = failure;
        ErrorBody {
            exit,
            what,
            why,
            next,
        }
    }
}

impl From<ErrorBody> for Failure {
    fn from(error: ErrorBody) -> Failure {
        let ErrorBody {
            exit,
            what,
            why,
            next,
        } = error;
        Failure {
            exit,
            what,
            why,
            next,
        }
    }
}
