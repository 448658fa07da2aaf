//! Asks a running node over its socket.

use super::AnswerLine;
use crate::ctl::Failure;
use crate::job::{JobReport, Observer, SubmitRequest};
use bytes::Bytes;
use engine::CancellationToken;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens: run the job in this process.
    #[error("no node is running on this machine")]
    NoNode,
    #[error("the node went away in the middle of the job: {0}")]
    Lost(String),
    #[error("the node's answer cannot be understood ({0}); is it of another version?")]
    Garbled(String),
    #[error("{0}")]
    Refused(Failure),
    #[error("cancelled")]
    Cancelled,
}

/// Runs a job on the node behind `socket`; its events go to `observer`.
pub async fn submit(
    socket: &Path,
    request: &SubmitRequest,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<JobReport, ClientError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|_| ClientError::NoNode)?;
    let lost = |error: hyper::Error| ClientError::Lost(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    let driver = tokio::spawn(connection);
    let body = serde_json::to_vec(request).map_err(|e| ClientError::Garbled(e.to_string()))?;
    let request = Request::post("/v1/jobs")
        .header("host", "node")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| ClientError::Garbled(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(lost)?;
    let status = response.status();
    let answer = if status.is_success() {
        read(response.into_body(), observer, cancel).await
    } else {
        Err(ClientError::Garbled(format!("status {status}")))
    };
    driver.abort();
    answer
}

async fn read(
    mut body: Incoming,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<JobReport, ClientError> {
    let mut waiting: Vec<u8> = Vec::new();
    loop {
        let frame = tokio::select! {
            // Going away cancels the job at the node.
            () = cancel.cancelled() => return Err(ClientError::Cancelled),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else {
            return Err(ClientError::Lost("the answer has no end".to_owned()));
        };
        let frame = frame.map_err(|error| ClientError::Lost(error.to_string()))?;
        waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line = serde_json::from_slice(&line)
                .map_err(|error| ClientError::Garbled(error.to_string()))?;
            match line {
                AnswerLine::Event { event } => observer.see(event),
                AnswerLine::Report { report } => return Ok(*report),
                AnswerLine::Error { error } => return Err(ClientError::Refused(error.into())),
            }
        }
    }
}
