//! Serves the API. A client that goes away cancels its job.

use super::{API_VERSION, AnswerLine, ErrorBody, HealthReply, MAX_REQUEST_BYTES, Routes};
use crate::ctl::Failure;
use crate::exit::Exit;
use crate::job::{JobError, JobEvent, Observer, SubmitRequest};
use crate::node::Node;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use axum::{Json, Router};
use bytes::Bytes;
use engine::CancellationToken;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Lines that wait for a slow client. Past it, pieces of text are left out, never an outcome.
const LINE_QUEUE: usize = 1024;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("a node is already running here ({}); stop it first", socket.display())]
    AlreadyRunning { socket: PathBuf },
    #[error("the node cannot listen on {}: {source}", socket.display())]
    Listen {
        socket: PathBuf,
        source: std::io::Error,
    },
}

/// Everything that a node answers; `fleet` is a member's part.
pub fn router(node: Arc<Node>, fleet: Option<Routes>) -> Routes {
    let routes = Routes::new()
        .at("/v1/health", get(health))
        .at("/v1/openapi.json", get(openapi))
        .at("/v1/jobs", post(run_job))
        .around(|router| router.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)))
        .with_state(node);
    match fleet {
        Some(fleet) => routes.merge(fleet),
        None => routes,
    }
}

/// Answers requests until `stop`, and those under way to their ends.
pub async fn serve(
    listener: Arc<UnixListener>,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let served = axum::serve(Shared(listener), router);
    served.with_graceful_shutdown(stop.cancelled_owned()).await
}

/// A socket that others may serve after this one.
struct Shared(Arc<UnixListener>);

impl Listener for Shared {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok(guest) => return guest,
                Err(error) => {
                    // Out of file descriptors: some are free soon.
                    tracing::warn!(%error, "nobody can be let in");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A socket file that nobody answers behind is left over from a node that was killed.
pub async fn listen(socket: &Path) -> Result<UnixListener, ServeError> {
    let failed = |source| ServeError::Listen {
        socket: socket.to_owned(),
        source,
    };
    match UnixStream::connect(socket).await {
        Err(gone) if gone.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(socket).map_err(failed)?;
        }
        Err(none) if none.kind() == io::ErrorKind::NotFound => {}
        // A node whose door has no room at this moment is a node.
        Err(busy) if busy.kind() != io::ErrorKind::WouldBlock => return Err(failed(busy)),
        Ok(_) | Err(_) => {
            return Err(ServeError::AlreadyRunning {
                socket: socket.to_owned(),
            });
        }
    }
    let listener = UnixListener::bind(socket).map_err(failed)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

async fn health() -> Json<HealthReply> {
    Json(HealthReply {
        v: API_VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

async fn openapi() -> Json<serde_json::Value> {
    Json(super::document())
}

async fn run_job(
    State(node): State<Arc<Node>>,
    request: Result<Json<SubmitRequest>, JsonRejection>,
) -> Response {
    let request = match request {
        Ok(Json(request)) => request,
        Err(unread) => return refused(unread.status(), Failure::from(&unread)),
    };
    // A job's own failures come behind its events; what cannot be one is told by the status.
    if let Err(wrong) = request.check() {
        return refused(StatusCode::BAD_REQUEST, JobError::from(wrong).into());
    }
    let (lines, mut waiting) = mpsc::channel::<AnswerLine>(LINE_QUEUE);
    let cancel = CancellationToken::new();
    // Travels with the body: a body that is dropped early cancels the job.
    let guard = cancel.clone().drop_guard();
    tokio::spawn(async move {
        let observer = Arc::new(Forward {
            lines: lines.clone(),
        });
        let last = match node.run_job(request, observer, cancel).await {
            Ok(report) => AnswerLine::Report {
                report: Box::new(report),
            },
            Err(error) => AnswerLine::Error {
                error: ErrorBody::from(Failure::from(error)),
            },
        };
        // A client that went away does not want it.
        drop(lines.send(last).await);
    });
    let stream = futures::stream::poll_fn(move |context| {
        let _keep = &guard;
        waiting
            .poll_recv(context)
            .map(|line| line.map(|line| as_bytes(&line)))
    });
    (
        [(CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(stream),
    )
        .into_response()
}

fn refused(status: StatusCode, failure: Failure) -> Response {
    (status, Json(ErrorBody::from(failure))).into_response()
}

impl From<&JsonRejection> for Failure {
    fn from(unread: &JsonRejection) -> Failure {
        Failure::new(Exit::Usage, "the request is wrong")
            .why(unread.body_text())
            .next("send JSON as `/v1/openapi.json` describes it")
    }
}

fn as_bytes(line: &AnswerLine) -> Result<Bytes, serde_json::Error> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}

struct Forward {
    lines: mpsc::Sender<AnswerLine>,
}

impl Observer for Forward {
    fn see(&self, event: JobEvent) {
        // Full: the client reads slowly and misses a line of the display; the report waits.
        drop(self.lines.try_send(AnswerLine::Event { event }));
    }
}

#[cfg(test)]
mod tests;
