//! Cuts a byte stream into lines and into the events of a server-sent event stream. Pure. Refuses
//! lines beyond a limit, so that a server cannot fill the memory, and bytes that are not UTF-8.

/// Collects bytes and gives whole lines, without their ends.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Start of what has not been given out, and how far it was searched for a line's end.
    start: usize,
    searched: usize,
    max_line: usize,
}

/// Why a stream cannot be cut into lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a line of more than {max} bytes")]
    TooLong { max: usize },
    #[error("bytes that are not UTF-8")]
    NotUtf8,
}

impl Lines {
    pub(crate) fn new(max_line: usize) -> Lines {
        Lines {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            max_line,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line; `None` until more bytes come.
    pub(crate) fn next(&mut self) -> Result<Option<String>, LineError> {
        let Some(at) = self.buffer[self.searched..]
            .iter()
            .position(|b| *b == b'\n')
        else {
            self.searched = self.buffer.len();
            if self.searched - self.start > self.max_line {
                return Err(LineError::TooLong { max: self.max_line });
            }
            return Ok(None);
        };
        let end = self.searched + at;
        let line = to_line(&self.buffer[self.start..end])?;
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(line))
    }

    /// What stands after the last line's end when the stream is over.
    pub(crate) fn rest(&mut self) -> Result<Option<String>, LineError> {
        let line = to_line(&self.buffer[self.start..])?;
        self.start = self.buffer.len();
        self.searched = self.start;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

fn to_line(bytes: &[u8]) -> Result<String, LineError> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(LineError::NotUtf8),
    }
}

/// What one line of an event stream holds. Each event of the servers that we know is one `data`
/// line, so the lines are not gathered further.
pub(crate) fn event_data(line: &str) -> Option<&str> {
    let data = line.strip_prefix("data:")?;
    Some(data.strip_prefix(' ').unwrap_or(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_the_same_however_the_bytes_are_cut() {
        let bytes = "data: é\r\n\n: note\ndata:x\nrest".as_bytes();
        for cut in 1..bytes.len() {
            let mut lines = Lines::new(100);
            let mut got = Vec::new();
            for piece in bytes.chunks(cut) {
                lines.push(piece);
                while let Some(line) = lines.next().unwrap() {
                    got.push(line);
                }
            }
            assert_eq!(got, ["data: é", "", ": note", "data:x"]);
            assert_eq!(lines.rest().unwrap().as_deref(), Some("rest"));
            assert_eq!(lines.rest().unwrap(), None);
        }
    }

    #[test]
    fn a_line_without_end_and_bytes_that_are_no_text_are_refused() {
        let mut lines = Lines::new(4);
        lines.push(b"12345");
        assert_eq!(lines.next(), Err(LineError::TooLong { max: 4 }));
        let mut lines = Lines::new(4);
        lines.push(b"\xff\n");
        assert_eq!(lines.next(), Err(LineError::NotUtf8));
    }

    #[test]
    fn an_event_is_its_data() {
        assert_eq!(event_data("data: {}"), Some("{}"));
        assert_eq!(event_data("data:[DONE]"), Some("[DONE]"));
        assert_eq!(event_data(": keep-alive"), None);
        assert_eq!(event_data("event: x"), None);
    }
}
