//! The node's API: HTTP over a unix socket that only its owner can open, and over TCP with TLS
//! where the configuration says so. A job is answered by a stream of JSON lines (its events, then
//! its report or why it could not start), everything else by one JSON document.

mod client;
mod door;
mod gate;
mod keys;
mod openapi;
mod routes;
mod server;

pub use client::{ClientError, connect, submit};
pub use door::{Door, Guest, Peer, TlsParts};
pub use gate::{Asker, Gate, guard};
pub use keys::{ApiKeyError, ApiKeys, KeyRecord};
pub use openapi::{document, written};
pub use routes::Routes;
pub use server::{ServeError, listen, router, serve};

use crate::ctl::Failure;
use crate::exit::Exit;
use crate::job::{JobEvent, JobReport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Grows when an older client would misread an answer.
pub const API_VERSION: u32 = 1;
/// Bytes of one request: standard input travels in it.
const MAX_REQUEST_BYTES: usize = 5 << 30;

/// `GET /v1/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthReply {
    pub v: u32,
    /// The program's version.
    pub program: String,
}

/// One line of the answer to `POST /v1/jobs`. The last one is a report or an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "line")]
pub enum AnswerLine {
    Event { event: JobEvent },
    Report { report: Box<JobReport> },
    Error { error: ErrorBody },
}

/// A failure as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
