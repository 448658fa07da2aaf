//! nats-server on loopback, asked in its plain protocol. A request goes through the server to a
//! responder, which is a process of this program, and back the same way: two hops where the others
//! have one, since that is how NATS is used.

use crate::process::{self, Process, Talk};
use anyhow::{Result, bail};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Nats {
    _responder: Talk,
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl Nats {
    /// None when it is not installed.
    pub(crate) async fn start(within: &Path, me: &Path) -> Result<Option<Nats>> {
        let Some(program) = process::find("nats-server") else {
            return Ok(None);
        };
        let folder = TempDir::with_prefix_in("nats-", within)?;
        let port = process::tcp_ports(1)?[0];
        let mut command = process::command(&program);
        command.args(["-a", "127.0.0.1", "-p", &port.to_string()]);
        let server = Process::server(command, "nats-server", &folder.path().join("log"))?;
        process::until("nats-server answers", START, || Line::connect(port)).await?;
        let mut command = process::command(me);
        command.args(["nats-echo", &port.to_string()]);
        let log = folder.path().join("responder");
        let mut responder = Talk::start(command, "the NATS responder", &log)?;
        responder.line(START).await?;
        Ok(Some(Nats {
            _responder: responder,
            _process: server,
            port,
            _folder: folder,
        }))
    }

    pub(crate) async fn client(&self) -> Result<NatsClient> {
        let mut line = Line::connect(self.port).await?;
        line.send(b"SUB inbox 1\r\n").await?;
        Ok(NatsClient { line })
    }
}

pub(crate) struct NatsClient {
    line: Line,
}

impl NatsClient {
    pub(crate) async fn request(&mut self, payload: &[u8], back: usize) -> Result<()> {
        self.line.send(&publish("echo", "inbox", payload)).await?;
        self.reply(back).await
    }

    /// Keeps `in_flight` requests under way until `count` have come back.
    pub(crate) async fn many(
        &mut self,
        payload: &[u8],
        in_flight: usize,
        count: usize,
    ) -> Result<()> {
        let one = publish("echo", "inbox", payload);
        self.line.send(&one.repeat(in_flight.min(count))).await?;
        let (mut sent, mut done) = (in_flight.min(count), 0);
        while done < count {
            self.reply(payload.len()).await?;
            let mut back = 1;
            // What came along is answered along.
            while self.line.has_message()? {
                self.reply(payload.len()).await?;
                back += 1;
            }
            done += back;
            let more = back.min(count - sent);
            if more > 0 {
                self.line.send(&one.repeat(more)).await?;
                sent += more;
            }
        }
        Ok(())
    }

    async fn reply(&mut self, expected: usize) -> Result<()> {
        let length = self.line.message().await?.payload.len();
        if length != expected {
            bail!("NATS answered {length} bytes, not {expected}");
        }
        Ok(())
    }
}

/// Answers requests until its input ends: with the payload itself, or with its first bytes.
pub(crate) async fn respond(port: u16, ready: impl FnOnce()) -> Result<()> {
    let mut line = Line::connect(port).await?;
    line.send(b"SUB echo 1\r\nPING\r\n").await?;
    line.pong().await?;
    ready();
    loop {
        let mut answers = Vec::new();
        loop {
            let message = line.message().await?;
            let back = crate::role::echo::answer(&message.payload);
            answers.extend(publish(&message.reply, "", back));
            if !line.has_message()? {
                break;
            }
        }
        line.send(&answers).await?;
    }
}

struct Message {
    reply: String,
    payload: Vec<u8>,
}

struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    async fn connect(port: u16) -> Result<Line> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut line = Line {
            stream,
            buffer: Vec::new(),
        };
        line.send(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")
            .await?;
        line.pong().await?;
        Ok(line)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    async fn pong(&mut self) -> Result<()> {
        loop {
            let (op, used) = self.op().await?;
            self.buffer.drain(..used);
            match op {
                Op::Pong => return Ok(()),
                Op::Ping | Op::Other => {}
                Op::Msg { .. } => bail!("NATS sent a message before it was ready"),
            }
        }
    }

    /// The next message; the server's own pings are answered on the way.
    async fn message(&mut self) -> Result<Message> {
        loop {
            let (op, used) = self.op().await?;
            let message = match op {
                Op::Msg { reply, payload } => Some(Message {
                    reply,
                    payload: self.buffer[payload].to_vec(),
                }),
                Op::Ping => {
                    self.send(b"PONG\r\n").await?;
                    None
                }
                Op::Pong | Op::Other => None,
            };
            self.buffer.drain(..used);
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// Whether a message is there already.
    fn has_message(&self) -> Result<bool, NatsError> {
        Ok(matches!(parse(&self.buffer)?, Some((Op::Msg { .. }, _))))
    }

    async fn op(&mut self) -> Result<(Op, usize)> {
        loop {
            if let Some(found) = parse(&self.buffer)? {
                return Ok(found);
            }
            self.buffer.reserve(1 << 16);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("nats-server ended the connection");
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Msg {
        /// Empty when none is asked for.
        reply: String,
        /// Where the payload lies in the bytes.
        payload: Range<usize>,
    },
    Ping,
    Pong,
    /// `INFO` and `+OK`.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NatsError {
    #[error("nats-server says: {0}")]
    Said(String),
    #[error("nats-server sent a message line without a length: {0}")]
    Line(String),
}

/// The first operation in the bytes, and how many of them it took.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Op, usize)>, NatsError> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&bytes[..end]);
    let after = end + 2;
    let mut words = line.split_whitespace();
    match words.next() {
        Some("PING") => Ok(Some((Op::Ping, after))),
        Some("PONG") => Ok(Some((Op::Pong, after))),
        Some("-ERR") => Err(NatsError::Said(line.into_owned())),
        Some("MSG") => {
            // MSG subject sid [reply] length
            let words: Vec<&str> = words.collect();
            let (reply, length) = match words[..] {
                [_, _, length] => ("", length),
                [_, _, reply, length] => (reply, length),
                _ => return Err(NatsError::Line(line.into_owned())),
            };
            let length: usize = length
                .parse()
                .map_err(|_| NatsError::Line(line.clone().into_owned()))?;
            let payload = after..after + length;
            let used = payload.end + 2;
            let reply = reply.to_owned();
            Ok((bytes.len() >= used).then_some((Op::Msg { reply, payload }, used)))
        }
        Some(_) | None => Ok(Some((Op::Other, after))),
    }
}

pub(crate) fn publish(subject: &str, reply: &str, payload: &[u8]) -> Vec<u8> {
    let gap = if reply.is_empty() { "" } else { " " };
    let mut bytes = format!("PUB {subject}{gap}{reply} {}\r\n", payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

const START: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_whole_or_not_at_all() {
        let bytes = b"MSG echo 1 inbox 4\r\na\r\nb\r\nPING\r\n";
        let one = bytes.len() - 6;
        for cut in 0..one {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        let Ok(Some((Op::Msg { reply, payload }, used))) = parse(bytes) else {
            panic!("a message");
        };
        assert_eq!((reply.as_str(), &bytes[payload]), ("inbox", &b"a\r\nb"[..]));
        assert_eq!(used, one);
        assert_eq!(parse(&bytes[used..]), Ok(Some((Op::Ping, 6))));
        let plain = parse(b"MSG inbox 1 0\r\n\r\n").unwrap().unwrap();
        assert!(matches!(plain.0, Op::Msg { reply, .. } if reply.is_empty()));
    }

    #[test]
    fn errors_and_odd_lines_are_told() {
        assert_eq!(parse(b"INFO {\"a\":1}\r\n"), Ok(Some((Op::Other, 14))));
        assert_eq!(parse(b"+OK\r\n"), Ok(Some((Op::Other, 5))));
        let said = parse(b"-ERR 'Unknown'\r\n");
        assert!(matches!(said, Err(NatsError::Said(_))), "{said:?}");
        for odd in [&b"MSG a b c\r\n"[..], b"MSG a\r\n", b"MSG a b c d e\r\n"] {
            assert!(matches!(parse(odd), Err(NatsError::Line(_))), "{odd:?}");
        }
    }

    #[test]
    fn what_is_published_has_its_length() {
        assert_eq!(
            publish("echo", "inbox", b"ab"),
            b"PUB echo inbox 2\r\nab\r\n"
        );
        assert_eq!(publish("echo", "", b""), b"PUB echo 0\r\n\r\n");
    }
}
