//! Turns the bytes of tokens into text that may be shown: whole characters only, nothing of a stop
//! string, and nothing held back that cannot become one. Pure.

/// The text of one reply as it grows.
#[derive(Debug, Default)]
pub(crate) struct ReplyText {
    stops: Vec<String>,
    /// Bytes of an unfinished character.
    bytes: Vec<u8>,
    /// Text that could be the beginning of a stop string.
    held: String,
    stopped: bool,
}

impl ReplyText {
    pub(crate) fn new(stops: &[String]) -> ReplyText {
        let stops = stops.iter().filter(|s| !s.is_empty()).cloned().collect();
        ReplyText {
            stops,
            ..ReplyText::default()
        }
    }

    /// Adds a token's bytes and gives the text that may be shown now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.bytes.extend_from_slice(bytes);
        let text = self.whole_characters();
        self.held.push_str(&text);
        self.release()
    }

    /// Whether a stop string appeared.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// No more tokens come: the rest of the text. A broken character becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        if self.stopped {
            return String::new();
        }
        self.held
            .push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.bytes)));
        let mut text = self.release();
        text.push_str(&std::mem::take(&mut self.held));
        text
    }

    fn release(&mut self) -> String {
        let first = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = first {
            self.stopped = true;
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            return text;
        }
        let keep = self
            .stops
            .iter()
            .map(|stop| suffix_that_begins(&self.held, stop))
            .max();
        let rest = self.held.split_off(self.held.len() - keep.unwrap_or(0));
        std::mem::replace(&mut self.held, rest)
    }

    /// Takes everything that cannot change any more; invalid bytes become U+FFFD.
    fn whole_characters(&mut self) -> String {
        let mut text = String::new();
        let mut rest = self.bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(length) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        self.bytes = rest.to_vec();
        text
    }
}

/// The length of the longest end of `text` with which `stop` begins.
fn suffix_that_begins(text: &str, stop: &str) -> usize {
    (1..stop.len())
        .rev()
        .filter(|&n| stop.is_char_boundary(n))
        .find(|&n| text.ends_with(&stop[..n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
