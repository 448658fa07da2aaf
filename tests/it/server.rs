//! A model server for tests: speaks the OpenAI chat protocol on loopback, and answers as the test
//! says. Whatever a scripted root needs to know stands in the request's messages.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// What the server does with a chat request.
pub(crate) enum Answer {
    Text(String),
    /// Takes the request and never answers; ends when the client goes away.
    Hang,
    /// Sends this and closes, in the middle of the stream.
    Cut(String),
    /// Something that is not the protocol.
    Garbage,
    Status(u16),
    /// Refuses a prompt of so many tokens: no reply fits beside it into a window of so many.
    TooLong {
        tokens: u64,
        window: u64,
    },
}

pub(crate) struct Server {
    address: String,
    stop: Arc<AtomicBool>,
    pub(crate) chats: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// `answer` is given the request's messages.
    pub(crate) fn start(answer: impl Fn(&[Value]) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("an address").to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let chats = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(answer);
        let (stopping, counted) = (Arc::clone(&stop), Arc::clone(&chats));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, counted) = (Arc::clone(&answer), Arc::clone(&counted));
                if let Ok(stream) = stream {
                    std::thread::spawn(move || talk(stream, answer.as_ref(), &counted));
                }
            }
        });
        Server {
            address,
            stop,
            chats,
            accepting: Some(accepting),
        }
    }

    pub(crate) fn model(&self) -> String {
        format!("openai:scripted@http://{}/v1", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it shall end.
        drop(TcpStream::connect(&self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn talk(mut stream: TcpStream, answer: &dyn Fn(&[Value]) -> Answer, chats: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    while let Some((line, body)) = request(&mut reader) {
        let sent = if line.starts_with("GET") {
            let list = json!({"object": "list", "data": [{"id": "scripted", "object": "model"}]});
            respond(&mut stream, 200, "application/json", &list.to_string())
        } else {
            chats.fetch_add(1, Ordering::SeqCst);
            let request: Value = serde_json::from_str(&body).unwrap_or_default();
            let messages = request["messages"].as_array().cloned().unwrap_or_default();
            match answer(&messages) {
                Answer::Text(text) => {
                    respond(&mut stream, 200, "text/event-stream", &events(&text, true))
                }
                Answer::Garbage => respond(&mut stream, 200, "text/html", "<html>sorry</html>"),
                Answer::Status(status) => respond(
                    &mut stream,
                    status,
                    "application/json",
                    "{\"error\": \"scripted\"}",
                ),
                Answer::TooLong { tokens, window } => {
                    let sizes = json!({"error": {"n_prompt_tokens": tokens, "n_ctx": window}});
                    respond(&mut stream, 400, "application/json", &sizes.to_string())
                }
                Answer::Cut(text) => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                                content-length: 100000\r\n\r\n";
                    drop(stream.write_all(format!("{head}{}", events(&text, false)).as_bytes()));
                    false
                }
                Answer::Hang => {
                    let mut rest = Vec::new();
                    drop(reader.read_to_end(&mut rest));
                    false
                }
            }
        };
        if !sent {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, String::from_utf8(body).ok()?))
}

fn respond(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> bool {
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
}

/// The reply in pieces of a few characters, as a server streams it.
fn events(text: &str, whole: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for piece in chars.chunks(7) {
        let piece: String = piece.iter().collect();
        let chunk = json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
        out.push_str(&format!("data: {chunk}\n\n"));
    }
    if whole {
        let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 9}});
        out.push_str(&format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n"));
    }
    out
}
