//! As much of HTTP/1.1 as a measurement needs: one request at a time over a connection that stays,
//! to a server that we started ourselves. The same code asks etcd's gateway and our own API.

use anyhow::{Context, Result, bail};
use std::path::Path;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

pub(crate) trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

pub(crate) struct Http {
    pipe: Box<dyn Pipe>,
    buffer: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) async fn tcp(port: u16) -> Result<Http> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Http::over(Box::new(stream)))
    }

    pub(crate) async fn unix(socket: &Path) -> Result<Http> {
        let stream = UnixStream::connect(socket)
            .await
            .with_context(|| format!("nobody listens at {}", socket.display()))?;
        Ok(Http::over(Box::new(stream)))
    }

    fn over(pipe: Box<dyn Pipe>) -> Http {
        Http {
            pipe,
            buffer: Vec::new(),
        }
    }

    /// Sends a request and reads its whole answer; any status but 200 is an error.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.pipe.write_all(request.as_bytes()).await?;
        loop {
            if let Some((answer, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                if answer.status == 200 {
                    return Ok(answer.body);
                }
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                bail!("{method} {path}: status {}, {said}", answer.status);
            }
            if self.buffer.len() > LONGEST {
                bail!("{method} {path}: an answer above {LONGEST} bytes");
            }
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                bail!("{method} {path}: the connection ended");
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("this is no HTTP/1.1 answer")]
    NotHttp,
    #[error("an answer whose end nobody can know")]
    NoLength,
    #[error("a chunk without a length")]
    Chunk,
}

/// The first answer in the bytes, and how many of them it took; none when more must come.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, HttpError> {
    let Some(head) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| HttpError::NotHttp)?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or(HttpError::NotHttp)?;
    let header = |name: &str| {
        lines.clone().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let rest = head + 4;
    if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| HttpError::NoLength)?;
        let end = rest.checked_add(length).ok_or(HttpError::NoLength)?;
        return Ok(bytes.get(rest..end).map(|body| {
            let body = body.to_vec();
            (Answer { status, body }, end)
        }));
    }
    if !header("transfer-encoding").is_some_and(|how| how.eq_ignore_ascii_case("chunked")) {
        return Err(HttpError::NoLength);
    }
    let chunks = chunks(&bytes[rest..])?;
    Ok(chunks.map(|(body, used)| (Answer { status, body }, rest + used)))
}

/// The body that the chunks make up, without trailers.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, HttpError> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(&bytes[at..at + line]).map_err(|_| HttpError::Chunk)?;
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(|_| HttpError::Chunk)?;
        let start = at + line + 2;
        let end = start.checked_add(length).ok_or(HttpError::Chunk)?;
        let Some(chunk) = bytes.get(start..end) else {
            return Ok(None);
        };
        if bytes.len() < end + 2 {
            return Ok(None);
        }
        body.extend_from_slice(chunk);
        at = end + 2;
        if length == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Above any answer that is asked for here.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhelloHTTP/1.1";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\n\r\n";

    #[test]
    fn an_answer_ends_where_it_says() {
        let (answer, used) = parse(PLAIN).unwrap().unwrap();
        assert_eq!((answer.status, answer.body), (200, b"hello".to_vec()));
        assert_eq!(used, PLAIN.len() - 8);
        let (answer, used) = parse(CHUNKED).unwrap().unwrap();
        assert_eq!((answer.status, answer.body), (404, b"hello!".to_vec()));
        assert_eq!(used, CHUNKED.len());
    }

    #[test]
    fn a_part_of_an_answer_is_not_taken_for_one() {
        for cut in 0..PLAIN.len() - 8 {
            assert_eq!(parse(&PLAIN[..cut]), Ok(None), "{cut}");
        }
        for cut in 0..CHUNKED.len() {
            assert_eq!(parse(&CHUNKED[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused() {
        let endless = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n";
        assert_eq!(parse(endless), Err(HttpError::NoLength));
        assert_eq!(parse(b"SSH-2.0\r\n\r\n"), Err(HttpError::NotHttp));
        let odd = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
        assert_eq!(parse(odd), Err(HttpError::Chunk));
    }
}
