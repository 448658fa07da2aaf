//! Asks a node's API over its socket: one request, one JSON document.

use crate::api::ErrorBody;
use crate::ctl::Failure;
use crate::exit::Exit;
use bytes::{Bytes, BytesMut};
use futures::stream::try_unfold;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Body, Frame};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Sends `body` (none for a plain look) and reads the answer.
pub async fn ask<Q: Serialize, A: DeserializeOwned>(
    socket: &Path,
    (method, path): (Method, &str),
    body: Option<&Q>,
    wait: Duration,
) -> Result<A, Failure> {
    let answer = timeout(wait, exchange(socket, (method, path), body)).await;
    answer.unwrap_or_else(|_| {
        Err(Failure::new(Exit::Unknown, "the node does not answer")
            .why(format!("no answer within {} s", wait.as_secs()))
            .next("look at it with `rlm-ctl status`, then repeat the command"))
    })
}

/// A look: nothing is sent but the path.
pub async fn look<A: DeserializeOwned>(socket: &Path, path: &str) -> Result<A, Failure> {
    ask::<(), A>(socket, (Method::GET, path), None, LOOK).await
}

/// Sends a file's bytes, however many, and reads the answer.
pub async fn upload<A: DeserializeOwned>(
    socket: &Path,
    path: &str,
    file: &Path,
) -> Result<A, Failure> {
    let open = File::open(file).await.map_err(|error| {
        Failure::new(Exit::Usage, "the file cannot be read")
            .why(format!("{}: {error}", file.display()))
    })?;
    let pieces = try_unfold(open, |mut open| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = open.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (Frame::data(piece.freeze()), open)))
    });
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "node")
        .header("content-type", "application/octet-stream")
        .body(StreamBody::new(pieces))
        .map_err(garbled)?;
    converse(socket, request).await
}

async fn exchange<Q: Serialize, A: DeserializeOwned>(
    socket: &Path,
    (method, path): (Method, &str),
    body: Option<&Q>,
) -> Result<A, Failure> {
    let bytes = match body {
        Some(body) => serde_json::to_vec(body).map_err(garbled)?,
        None => Vec::new(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "node")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(bytes)))
        .map_err(garbled)?;
    converse(socket, request).await
}

async fn converse<B, A>(socket: &Path, request: Request<B>) -> Result<A, Failure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    A: DeserializeOwned,
{
    let stream = UnixStream::connect(socket).await.map_err(|error| {
        Failure::new(Exit::Unreachable, "no node answers here")
            .why(format!("{}: {error}", socket.display()))
            .next("start it with `rlm-node run`, or name its folder with --data")
    })?;
    let lost = |error: hyper::Error| {
        Failure::new(Exit::Unknown, "the node went away")
            .why(error)
            .next("repeat the command")
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(lost)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(lost)?;
    let status = response.status();
    let read = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await;
    driver.abort();
    let bytes = read.map_err(garbled)?.to_bytes();
    if status.is_success() {
        return serde_json::from_slice(&bytes).map_err(garbled);
    }
    match serde_json::from_slice::<ErrorBody>(&bytes) {
        Ok(error) => Err(error.into()),
        Err(_) => Err(garbled(format!("status {status}"))),
    }
}

fn garbled(why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Version, "the node's answer cannot be understood")
        .why(why)
        .next("is it of another version?")
}

/// A look is local.
const LOOK: Duration = Duration::from_secs(10);
/// Bytes of one answer: a status of a thousand nodes.
const MAX_ANSWER: usize = 16 << 20;
/// Bytes of a file that are read at a time.
const PIECE: usize = 256 << 10;
