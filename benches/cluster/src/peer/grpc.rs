//! One unary gRPC call at a time over a connection of its own: HTTP/2 frames written and read by
//! hand, so that etcd is asked in its own language without a stack of new dependencies. Headers go
//! out unindexed; those that come back are skipped, since a call that brought a message succeeded
//! and one that did not failed. Refuses nothing that a server of ours and etcd would not send.

use anyhow::{Result, bail};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Grpc {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of the next call; a client's are odd.
    next: u32,
}

impl Grpc {
    pub(crate) async fn connect(port: u16) -> Result<Grpc> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, &[]));
        // All that will ever come back fits, so the window is opened once.
        hello.extend(frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes()));
        stream.write_all(&hello).await?;
        Ok(Grpc {
            stream,
            buffer: Vec::new(),
            next: 1,
        })
    }

    /// Calls `path` with an encoded message.
    pub(crate) async fn call(&mut self, path: &str, message: &[u8]) -> Result<()> {
        let stream = self.next;
        self.next += 2;
        let mut bytes = frame(HEADERS, END_HEADERS, stream, &headers(path));
        // Not compressed, and so long.
        let mut body = vec![0];
        body.extend(u32::try_from(message.len())?.to_be_bytes());
        body.extend_from_slice(message);
        bytes.extend(frame(DATA, END_STREAM, stream, &body));
        self.stream.write_all(&bytes).await?;
        let mut answered = false;
        loop {
            let (head, payload) = self.frame().await?;
            match head.kind {
                SETTINGS if head.flags & ACK == 0 => {
                    self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?;
                }
                PING if head.flags & ACK == 0 => {
                    self.stream
                        .write_all(&frame(PING, ACK, 0, &payload))
                        .await?;
                }
                GOAWAY => bail!("{path}: the server ended the connection"),
                RESET if head.stream == stream => bail!("{path}: the server broke the call off"),
                DATA if head.stream == stream => answered = answered || !payload.is_empty(),
                _ => {}
            }
            let ends = matches!(head.kind, DATA | HEADERS) && head.flags & END_STREAM != 0;
            if ends && head.stream == stream {
                if answered {
                    return Ok(());
                }
                bail!("{path}: the call failed: {}", readable(&payload));
            }
        }
    }

    async fn frame(&mut self) -> Result<(FrameHead, Vec<u8>)> {
        loop {
            if let Some((head, end)) = parse(&self.buffer) {
                let payload = self.buffer[FRAME_HEAD..end].to_vec();
                self.buffer.drain(..end);
                return Ok((head, payload));
            }
            let read = self.stream.read_buf(&mut self.buffer);
            if tokio::time::timeout(ANSWER, read).await?? == 0 {
                bail!("the server ended the connection");
            }
        }
    }
}

/// `etcdserverpb.PutRequest`: the key is field 1, the value field 2.
pub(crate) fn put_message(key: &str, value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, text) in [(0x0a, key), (0x12, value)] {
        bytes.push(tag);
        bytes.push(short(text));
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

fn headers(path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        // A literal without indexing, its name and value as plain octets (RFC 7541, 6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(short(text));
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The length of a text that needs one byte for it, in protobuf as in HPACK.
fn short(text: &str) -> u8 {
    assert!(text.len() < 127, "only short texts are sent");
    text.len() as u8
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameHead {
    kind: u8,
    flags: u8,
    stream: u32,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The first frame's head, and where it ends; none when more must come.
fn parse(bytes: &[u8]) -> Option<(FrameHead, usize)> {
    let head: &[u8; FRAME_HEAD] = bytes.first_chunk()?;
    let [a, b, c, kind, flags, s0, s1, s2, s3] = *head;
    let end = FRAME_HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
    let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
    let head = FrameHead {
        kind,
        flags,
        stream,
    };
    (bytes.len() >= end).then_some((head, end))
}

/// What of the trailers a person can read.
fn readable(block: &[u8]) -> String {
    let text = block.iter().map(|byte| char::from(*byte));
    text.filter(|c| c.is_ascii_graphic() || *c == ' ').collect()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const FRAME_HEAD: usize = 9;
const WINDOW: u32 = 1 << 30;
const ANSWER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_frame_is_read_back() {
        let bytes = frame(PING, ACK, 7, b"12345678");
        let head = FrameHead {
            kind: PING,
            flags: ACK,
            stream: 7,
        };
        assert_eq!(parse(&bytes), Some((head, bytes.len())));
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_put_is_two_fields() {
        assert_eq!(put_message("k", "vv"), b"\x0a\x01k\x12\x02vv");
    }

    /// A server that answers each call with what `reply` makes of its stream.
    async fn against(reply: fn(u32) -> Vec<u8>) -> Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            let call = |seen: &[u8]| seen.windows(4).any(|w| w == b"ping");
            while !call(&seen) {
                assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
            }
            stream.write_all(&reply(1)).await.unwrap();
            stream
        });
        let mut grpc = Grpc::connect(port).await?;
        let called = grpc.call("/a.B/C", b"ping").await;
        drop(server.await);
        called
    }

    #[tokio::test]
    async fn a_call_ends_with_its_stream_and_needs_a_message() {
        let good = |stream| {
            let mut bytes = frame(SETTINGS, 0, 0, &[]);
            bytes.extend(frame(HEADERS, END_HEADERS, stream, b"x"));
            bytes.extend(frame(DATA, 0, stream, b"\0\0\0\0\0"));
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, b"y"));
            bytes
        };
        assert!(against(good).await.is_ok());
        let empty = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, b"grpc-status 14");
        let error = against(empty).await.unwrap_err().to_string();
        assert!(error.contains("grpc-status 14"), "{error}");
        let broken = |stream| frame(RESET, 0, stream, &[0; 4]);
        assert!(against(broken).await.is_err());
    }
}
