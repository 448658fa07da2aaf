//! redis-server on loopback without persistence, asked in RESP over one connection.

use crate::process::{self, Process};
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Redis {
    _process: Process,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// None when it is not installed.
    pub(crate) async fn start(within: &Path) -> Result<Option<Redis>> {
        let Some(program) = process::find("redis-server") else {
            return Ok(None);
        };
        let folder = TempDir::with_prefix_in("redis-", within)?;
        let port = process::tcp_ports(1)?[0];
        let mut command = process::command(&program);
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(["--dir".as_ref(), folder.path().as_os_str()]);
        let log = folder.path().join("log");
        let redis = Redis {
            _process: Process::server(command, "redis-server", &log)?,
            port,
            _folder: folder,
        };
        process::until("redis answers", START, || async {
            let mut client = redis.client().await?;
            client.echo(b"ready", 5).await
        })
        .await?;
        Ok(Some(redis))
    }

    pub(crate) async fn client(&self) -> Result<RedisClient> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(RedisClient {
            stream,
            buffer: Vec::new(),
        })
    }
}

pub(crate) struct RedisClient {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl RedisClient {
    /// Sends that much and gets as much back.
    pub(crate) async fn echo(&mut self, payload: &[u8], back: usize) -> Result<()> {
        self.stream.write_all(&encode(&[b"ECHO", payload])).await?;
        self.reply(back).await
    }

    /// Sends that much and gets an acknowledgement.
    pub(crate) async fn set(&mut self, payload: &[u8]) -> Result<()> {
        self.stream
            .write_all(&encode(&[b"SET", b"k", payload]))
            .await?;
        self.reply(2).await
    }

    /// Keeps `in_flight` echoes under way until `count` have come back.
    pub(crate) async fn many(
        &mut self,
        payload: &[u8],
        in_flight: usize,
        count: usize,
    ) -> Result<()> {
        let one = encode(&[b"ECHO", payload]);
        self.stream
            .write_all(&one.repeat(in_flight.min(count)))
            .await?;
        let (mut sent, mut done) = (in_flight.min(count), 0);
        while done < count {
            let mut back = 0;
            while let Some((length, used)) = parse(&self.buffer)? {
                must_be(length, payload.len())?;
                self.buffer.drain(..used);
                back += 1;
            }
            done += back;
            let more = back.min(count - sent);
            if more > 0 {
                self.stream.write_all(&one.repeat(more)).await?;
                sent += more;
            }
            if done < count {
                self.fill().await?;
            }
        }
        Ok(())
    }

    async fn reply(&mut self, expected: usize) -> Result<()> {
        loop {
            if let Some((length, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return must_be(length, expected);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.reserve(1 << 16);
        let read = tokio::time::timeout(ANSWER, self.stream.read_buf(&mut self.buffer)).await??;
        if read == 0 {
            bail!("redis ended the connection");
        }
        Ok(())
    }
}

fn must_be(length: usize, expected: usize) -> Result<()> {
    if length != expected {
        bail!("redis answered {length} bytes, not {expected}");
    }
    Ok(())
}

/// A command as an array of bulk strings.
pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RespError {
    #[error("redis says: {0}")]
    Said(String),
    #[error("redis answered something that is neither a simple nor a bulk string")]
    Strange,
}

/// The first reply in the bytes: how long its text is, and how many bytes the reply took.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(usize, usize)>, RespError> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&bytes[1..end.max(1)]);
    match bytes[0] {
        b'+' => Ok(Some((end - 1, end + 2))),
        b'-' => Err(RespError::Said(line.into_owned())),
        b'$' => {
            let length: usize = line.parse().map_err(|_| RespError::Strange)?;
            let used = end + 2 + length + 2;
            Ok((bytes.len() >= used).then_some((length, used)))
        }
        _ => Err(RespError::Strange),
    }
}

const START: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        assert_eq!(
            encode(&[b"ECHO", b"ab\r\n"]),
            b"*2\r\n$4\r\nECHO\r\n$4\r\nab\r\n\r\n"
        );
    }

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        let two = b"$4\r\na\r\nb\r\n+OK\r\n";
        for cut in 0..10 {
            assert_eq!(parse(&two[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(parse(two), Ok(Some((4, 10))));
        assert_eq!(parse(&two[10..]), Ok(Some((2, 5))));
        assert_eq!(
            parse(b"-ERR no\r\n"),
            Err(RespError::Said("ERR no".to_owned()))
        );
        assert_eq!(parse(b":1\r\n"), Err(RespError::Strange));
        assert_eq!(parse(b"$-1\r\n"), Err(RespError::Strange));
        assert_eq!(parse(b"\r\n"), Err(RespError::Strange));
    }
}
