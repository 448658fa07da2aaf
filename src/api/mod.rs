//! The node's API: HTTP over a unix socket that only its owner can open, and over TCP with TLS
//! where the configuration says so. A job is answered by a stream of JSON lines (its events, then
//! its report or why it could not start), everything else by one JSON document.

mod actors;
mod client;
mod door;
mod gate;
mod keys;
mod openapi;
mod routes;
mod server;

pub use actors::{Answering, Doors};
pub use client::{ClientError, connect, submit};
pub use door::{Door, Peer, TlsParts};
pub use gate::{Asker, Gate, guard};
pub use keys::{ApiKeyError, ApiKeys, KeyRecord};
pub use openapi::{document, written};
pub use routes::Routes;
pub use server::{ServeError, listen, router, serve};

use crate::codes::ErrorCode;
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
    /// Its code, as `docs/errors.md` lists them. A node of an earlier version does not say it.
    pub error: Option<String>,
    pub what: String,
    pub why: Option<String>,
    pub next: Option<String>,
}

impl From<Failure> for ErrorBody {
    fn from(failure: Failure) -> ErrorBody {
        let Failure {
            exit,
            code,
            what,
            why,
            next,
        } = failure;
        ErrorBody {
            exit,
            error: Some(code.to_string()),
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
            error,
            what,
            why,
            next,
        } = error;
        let code = error.as_deref().and_then(ErrorCode::parse);
        Failure {
            exit,
            // A later node may have a code that is not known here.
            code: code.unwrap_or_else(|| exit.into()),
            what,
            why,
            next,
        }
    }
}
