//! Asks a node's API, over its socket or over TCP with TLS: one request, one JSON document.

use crate::api::ErrorBody;
use crate::codes::ErrorCode;
use crate::ctl::Failure;
use crate::exit::Exit;
use bytes::{Bytes, BytesMut};
use futures::stream::try_unfold;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Body, Frame};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use node_config::ServerKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use transport::{HttpsClient, https_name};

/// How a node is reached.
#[derive(Clone)]
pub enum Reach {
    Socket(PathBuf),
    Https(HttpsReach),
}

/// A node somewhere else. Its certificate must lead to the root that the client pins.
#[derive(Clone)]
pub struct HttpsReach {
    /// `HOST:PORT`.
    pub host: String,
    pub tls: Arc<HttpsClient>,
    /// None where a certificate of the client's own does.
    pub key: Option<ServerKey>,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Socket(socket) => socket.display().fmt(f),
            Reach::Https(https) => write!(f, "https://{}", https.host),
        }
    }
}

/// Sends `body` (none for a plain look) and reads the answer.
pub async fn ask<Q: Serialize, A: DeserializeOwned>(
    reach: &Reach,
    (method, path): (Method, &str),
    body: Option<&Q>,
    wait: Duration,
) -> Result<A, Failure> {
    let bytes = match body {
        Some(body) => serde_json::to_vec(body).map_err(garbled)?,
        None => Vec::new(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(bytes)))
        .map_err(garbled)?;
    let answer = timeout(wait, converse(reach, request)).await;
    answer.unwrap_or_else(|_| {
        Err(Failure::new(Exit::Unknown, "the node does not answer")
            .why(format!("no answer within {} s", wait.as_secs()))
            .next("look at it with `rlm-ctl status`, then repeat the command"))
    })
}

/// A look: nothing is sent but the path.
pub async fn look<A: DeserializeOwned>(reach: &Reach, path: &str) -> Result<A, Failure> {
    ask::<(), A>(reach, (Method::GET, path), None, LOOK).await
}

/// Sends a file's bytes, however many, and reads the answer.
pub async fn upload<A: DeserializeOwned>(
    reach: &Reach,
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
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(StreamBody::new(pieces))
        .map_err(garbled)?;
    converse(reach, request).await
}

/// Connects, says who is asked and who asks, and reads the answer.
async fn converse<B, A>(reach: &Reach, mut request: Request<B>) -> Result<A, Failure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    A: DeserializeOwned,
{
    let headers = request.headers_mut();
    let bytes = match reach {
        Reach::Socket(socket) => {
            headers.insert(HOST, HeaderValue::from_static("node"));
            let stream = UnixStream::connect(socket).await;
            over(stream.map_err(|e| unreachable(reach, &e))?, request).await?
        }
        Reach::Https(https) => {
            let host = HeaderValue::from_str(&https.host);
            headers.insert(HOST, host.map_err(garbled)?);
            if let Some(key) = &https.key {
                let bearer = HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
                headers.insert(AUTHORIZATION, bearer.map_err(garbled)?);
            }
            let stream = TcpStream::connect(&https.host).await;
            let stream = stream.map_err(|e| unreachable(reach, &e))?;
            let connector = TlsConnector::from(https.tls.clone());
            let stream = connector.connect(https_name(), stream).await;
            over(stream.map_err(|e| not_proved(reach, &e))?, request).await?
        }
    };
    serde_json::from_slice(&bytes).map_err(garbled)
}

/// The body of a good answer; of another one, the failure that it tells.
async fn over<S, B>(stream: S, request: Request<B>) -> Result<Bytes, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
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
        return Ok(bytes);
    }
    match serde_json::from_slice::<ErrorBody>(&bytes) {
        Ok(error) => Err(error.into()),
        Err(_) => Err(garbled(format!("status {status}"))),
    }
}

fn unreachable(reach: &Reach, error: &std::io::Error) -> Failure {
    let failure =
        Failure::new(Exit::Unreachable, "no node answers here").why(format!("{reach}: {error}"));
    failure.next(match reach {
        Reach::Socket(_) => "start it with `rlm-node run`, or name its folder with --data",
        Reach::Https(_) => "does it run, and is `api.listen` set in its configuration?",
    })
}

/// Nothing but the handshake was sent: the key is still a secret.
fn not_proved(reach: &Reach, error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorCode::NotProved,
        "there is no secure connection to the node",
    )
    .why(format!("{reach}: {error}"))
    .next("compare --pin or --ca with what `rlm-ctl key create` printed on the node")
}

fn lost(error: hyper::Error) -> Failure {
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        why.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Failure::new(Exit::Unknown, "the node went away")
        .why(why)
        .next("repeat the command")
}

fn garbled(why: impl fmt::Display) -> Failure {
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
