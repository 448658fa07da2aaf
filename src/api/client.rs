//! Asks a running node over its socket.

use super::{AnswerLine, ErrorBody};
use crate::clock::Clock;
use crate::ctl::Failure;
use crate::job::{JobEvent, JobReport, Observer, Seen, SubmitRequest};
use base::{Ending, JobId, JobOutcome};
use bytes::Bytes;
use engine::CancellationToken;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixStream;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the node went away in the middle of the job: {reason}")]
    Lost {
        reason: String,
        /// What the job had written by then, if it had begun.
        trace: Option<PathBuf>,
    },
    #[error("the node's answer cannot be understood ({0}); is it of another version?")]
    Garbled(String),
    #[error("{0}")]
    Refused(Failure),
    /// Before the job had started.
    #[error("it was asked to stop before the first turn, while {during}")]
    Cancelled { during: String },
}

/// The node that listens at `socket`; `None`: run the job in this process.
pub async fn connect(socket: &Path) -> Option<UnixStream> {
    UnixStream::connect(socket).await.ok()
}

/// Runs a job on `node`; its events go to `observer`.
pub async fn submit(
    node: UnixStream,
    request: &SubmitRequest,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<JobReport, ClientError> {
    let clock = Clock::start();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(node))
        .await
        .map_err(lost)?;
    let driver = tokio::spawn(connection);
    let body = serde_json::to_vec(request).map_err(|e| ClientError::Garbled(e.to_string()))?;
    let asking = Request::post("/v1/jobs")
        .header("host", "node")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| ClientError::Garbled(error.to_string()))?;
    let response = tokio::select! {
        () = cancel.cancelled() => return Err(cancelled(&Seen::default())),
        response = sender.send_request(asking) => response.map_err(lost)?,
    };
    let status = response.status();
    let mut seen = Seen::default();
    let answer = if status.is_success() {
        read(response.into_body(), &mut seen, observer, cancel).await
    } else {
        Err(refusal(status, response.into_body()).await)
    };
    driver.abort();
    match (answer, seen.job) {
        (Err(ClientError::Cancelled { .. }), Some(job)) => {
            let seconds = clock.elapsed().as_secs_f64();
            let report = left(job, &seen, seconds, request);
            observer.see(JobEvent::Finished {
                outcome: report.outcome.clone(),
                seconds,
            });
            Ok(report)
        }
        (Err(ClientError::Lost { reason, .. }), _) => Err(ClientError::Lost {
            reason,
            trace: seen.trace,
        }),
        (answer, _) => answer,
    }
}

fn cancelled(seen: &Seen) -> ClientError {
    let during = seen.preparing.as_deref().unwrap_or("asking the node");
    ClientError::Cancelled {
        during: during.to_owned(),
    }
}

fn lost(reason: impl std::fmt::Display) -> ClientError {
    ClientError::Lost {
        reason: reason.to_string(),
        trace: None,
    }
}

/// Why the node takes no request, in its own words where they are known here.
async fn refusal(status: StatusCode, body: Incoming) -> ClientError {
    let read = Limited::new(body, MAX_REFUSAL_BYTES).collect().await;
    let said = read.map(|whole| serde_json::from_slice::<ErrorBody>(&whole.to_bytes()));
    match said {
        Ok(Ok(error)) => ClientError::Refused(error.into()),
        Ok(Err(_)) | Err(_) => ClientError::Garbled(format!("status {status}")),
    }
}

/// What is known of a job that its client leaves; the node ends it, and its trace has the rest.
fn left(job: JobId, seen: &Seen, seconds: f64, request: &SubmitRequest) -> JobReport {
    // A node of an earlier version does not say where the trace is.
    let trace = seen.trace.as_ref().or(request.trace.as_ref());
    JobReport {
        job,
        outcome: JobOutcome {
            ending: Ending::Cancelled,
            answer: None,
            tally: seen.tally(),
        },
        seconds,
        trace: trace.cloned(),
        trace_failure: None,
    }
}

async fn read(
    mut body: Incoming,
    seen: &mut Seen,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<JobReport, ClientError> {
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        let frame = tokio::select! {
            // Going away cancels the job at the node.
            () = cancel.cancelled() => return Err(cancelled(seen)),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else {
            return Err(lost("the answer has no end"));
        };
        let frame = frame.map_err(lost)?;
        waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line = serde_json::from_slice(&line)
                .map_err(|error| ClientError::Garbled(error.to_string()))?;
            match line {
                AnswerLine::Event { event } => {
                    seen.take(&event);
                    observer.see(event);
                }
                AnswerLine::Report { report } => return Ok(*report),
                AnswerLine::Error { error } => return Err(ClientError::Refused(error.into())),
            }
        }
    }
}

/// A refusal is some lines of text.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
