//! A small HTTP server on loopback for tests: it answers each request as a script says, and can
//! break in every way that a server breaks. Remembers what it was asked.

use crate::web::{WebOptions, web_client};
use crate::{CancellationToken, ChatRequest, Engine, EngineError, Reply, Sampling, discard};
use base::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with this status, these extra headers and this body, then closes.
    Answer {
        status: u16,
        headers: String,
        body: String,
    },
    /// Announces a stream, writes this much of it, and drops the connection.
    Cut { kind: &'static str, body: String },
    /// As `Cut`, but then says nothing more and keeps the connection.
    Hang { kind: &'static str, body: String },
    /// Takes the request and never answers.
    Silence,
    /// Answers with bytes that are not HTTP.
    Noise,
}

impl Act {
    pub(crate) fn json(body: &Value) -> Act {
        Act::Answer {
            status: 200,
            headers: "Content-Type: application/json\r\n".into(),
            body: body.to_string(),
        }
    }

    pub(crate) fn error(status: u16, body: &str) -> Act {
        Act::Answer {
            status,
            headers: String::new(),
            body: body.into(),
        }
    }

    pub(crate) fn events(body: &str) -> Act {
        Act::Answer {
            status: 200,
            headers: "Content-Type: text/event-stream; charset=utf-8\r\n".into(),
            body: body.into(),
        }
    }

    pub(crate) fn ndjson(body: &str) -> Act {
        Act::Answer {
            status: 200,
            headers: "Content-Type: application/x-ndjson\r\n".into(),
            body: body.into(),
        }
    }
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: Value,
}

/// The server; ends when it is dropped.
pub(crate) struct TestServer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Told each time the server has begun to hang.
    pub(crate) hangs: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl TestServer {
    /// `script` gives the act for a request's method and path, and how often it was asked before.
    pub(crate) async fn start(script: impl Fn(&str, usize) -> Act + Send + 'static) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let hangs = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let (log, bell) = (seen.clone(), hangs.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let Some(request) = read(&mut stream).await else {
                    continue;
                };
                let path = request.line.rsplit_once(' ').unwrap().0.to_owned();
                let before = |s: &&Seen| s.line.starts_with(&path);
                let act = script(&path, log.lock().unwrap().iter().filter(before).count());
                log.lock().unwrap().push(request);
                connections.spawn(perform(stream.into_inner(), act, bell.clone()));
            }
        });
        TestServer {
            url,
            seen,
            hangs,
            _tasks: tasks,
        }
    }

    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|s| s.line.contains(path))
            .cloned()
            .collect()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(n) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        headers.push_str(&header.to_ascii_lowercase());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line: line.trim().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

async fn perform(mut stream: TcpStream, act: Act, bell: Arc<Notify>) {
    let hang = matches!(act, Act::Hang { .. } | Act::Silence);
    let text = match act {
        Act::Answer {
            status,
            headers,
            body,
        } => format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        ),
        Act::Cut { kind, body } | Act::Hang { kind, body } => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{body}\r\n",
            body.len()
        ),
        Act::Silence => String::new(),
        Act::Noise => "\0\x01\x02 what?\r\n\r\n".to_owned(),
    };
    // The client may be gone already; that is a case of its own in some tests.
    if stream.write_all(text.as_bytes()).await.is_ok() && hang {
        bell.notify_one();
        std::future::pending::<()>().await;
    }
}

/// A request of one user message.
pub(crate) fn ask(text: &str) -> ChatRequest {
    ChatRequest {
        messages: vec![Message::system("Be brief."), Message::user(text)],
        prefill: None,
        sampling: Sampling {
            max_tokens: 64,
            ..Sampling::default()
        },
        grammar: None,
        shared_prefix: 0,
    }
}

/// Asks without a sink and without an end to the waiting.
pub(crate) async fn chat(engine: &dyn Engine, request: &ChatRequest) -> Result<Reply, EngineError> {
    engine
        .chat(request, &mut discard(), LONG, &CancellationToken::new())
        .await
}

pub(crate) fn client() -> reqwest::Client {
    web_client(&WebOptions::default()).unwrap()
}

/// An address at which nothing listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Long enough that only a test that steps time reaches it.
pub(crate) const LONG: std::time::Duration = std::time::Duration::from_secs(3600);
