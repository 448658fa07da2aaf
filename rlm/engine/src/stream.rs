//! Reads a streamed reply: bytes to lines to text, under the caller's deadline and cancellation.
//! Shared by the HTTP engines; what a line means is their decoder's business. Invariant: whatever
//! ends the stream, the text so far is in the reply or in the error.

use crate::api::{EngineError, Reply, TextSink, Timings};
use crate::clock::Stopwatch;
use crate::lines::Lines;
use crate::stop::StopScan;
use crate::web::chain;
use base::{Finish, Usage};
use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Turns one line of a server's stream into what it says.
pub(crate) trait Decoder: Send {
    fn line(&mut self, line: &str) -> Result<Step, BadLine>;
    /// Whether the reply is whole, should the stream end now.
    fn complete(&self) -> bool;
    /// Takes the server's own account of the finished reply; `None` where it gave none.
    fn account(&self) -> Account;
}

#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Nothing,
    Text(String),
    Done,
}

/// A line that ends the call.
#[derive(Debug, PartialEq)]
pub(crate) enum BadLine {
    /// Not in the protocol.
    Garbled(String),
    /// The server reports that it failed.
    Failed(EngineError),
}

/// What the server said about the reply, apart from its text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) finish: Option<Finish>,
    pub(crate) usage: Option<Usage>,
    pub(crate) timings: Option<Timings>,
}

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    StopString,
    SinkClosed,
}

/// A reply while it is being written.
pub(crate) struct Writing<'a> {
    engine: &'a str,
    pub(crate) text: String,
    pieces: u64,
    scan: StopScan<'a>,
    sink: &'a mut dyn TextSink,
    watch: Stopwatch,
    first_ms: Option<f64>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(engine: &'a str, stops: &'a [String], sink: &'a mut dyn TextSink) -> Self {
        Writing {
            engine,
            text: String::new(),
            pieces: 0,
            scan: StopScan::new(stops),
            sink,
            watch: Stopwatch::start(),
            first_ms: None,
        }
    }

    /// Reads `response` to its end, or until a stop string or the sink ends it.
    pub(crate) async fn read(
        &mut self,
        response: &mut reqwest::Response,
        decoder: &mut dyn Decoder,
    ) -> Result<End, EngineError> {
        let mut lines = Lines::new(MAX_LINE_BYTES);
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(_) if decoder.complete() => return self.close(End::Done),
                Err(error) => return Err(self.garbled(chain(&error))),
            };
            lines.push(&bytes);
            while let Some(line) = lines.next().map_err(|e| self.garbled(e.to_string()))? {
                if let Some(end) = self.take(&line, decoder)? {
                    return self.close(end);
                }
            }
        }
        if let Some(line) = lines.rest().map_err(|e| self.garbled(e.to_string()))?
            && let Some(end) = self.take(&line, decoder)?
        {
            return self.close(end);
        }
        if decoder.complete() {
            return self.close(End::Done);
        }
        Err(self.garbled("the stream ended before the reply was whole".into()))
    }

    /// Takes a reply that came in one piece.
    pub(crate) fn whole(&mut self, text: &str) -> Result<End, EngineError> {
        let end = self.push(text)?.unwrap_or(End::Done);
        self.close(end)
    }

    fn take(&mut self, line: &str, decoder: &mut dyn Decoder) -> Result<Option<End>, EngineError> {
        match decoder.line(line) {
            Ok(Step::Nothing) => Ok(None),
            Ok(Step::Text(text)) => self.push(&text),
            Ok(Step::Done) => Ok(Some(End::Done)),
            Err(BadLine::Garbled(reason)) => Err(self.garbled(reason)),
            Err(BadLine::Failed(EngineError::Garbled { engine, reason, .. })) => {
                Err(EngineError::Garbled {
                    engine,
                    reason,
                    partial: self.text.clone(),
                })
            }
            Err(BadLine::Failed(error)) => Err(error),
        }
    }

    fn push(&mut self, piece: &str) -> Result<Option<End>, EngineError> {
        self.pieces += 1;
        self.first_ms.get_or_insert(self.watch.millis());
        let scanned = self.scan.push(piece);
        let open = self.give(&scanned.text)?;
        Ok(match (scanned.stopped, open) {
            (true, _) => Some(End::StopString),
            (false, false) => Some(End::SinkClosed),
            (false, true) => None,
        })
    }

    fn give(&mut self, text: &str) -> Result<bool, EngineError> {
        if text.is_empty() {
            return Ok(true);
        }
        if self.text.len() + text.len() > MAX_REPLY_BYTES {
            return Err(self.garbled(format!("a reply of more than {MAX_REPLY_BYTES} bytes")));
        }
        self.text.push_str(text);
        Ok(self.sink.push(text))
    }

    /// Gives out what was held back as the possible beginning of a stop string.
    fn close(&mut self, end: End) -> Result<End, EngineError> {
        if end != End::Done {
            return Ok(end);
        }
        let held = self.scan.finish();
        let open = self.give(&held)?;
        Ok(if open { End::Done } else { End::SinkClosed })
    }

    fn garbled(&self, reason: String) -> EngineError {
        EngineError::Garbled {
            engine: self.engine.to_owned(),
            reason,
            partial: self.text.clone(),
        }
    }

    /// The reply. Where the server gave no usage (it was cut off, or never does), the pieces count
    /// as the tokens written and `prompt_guess` as those read: near the truth, never zero.
    pub(crate) fn reply(self, finish: Finish, account: Account, prompt_guess: u64) -> Reply {
        let whole = self.watch.millis();
        let first = self.first_ms.unwrap_or(whole);
        Reply {
            text: self.text,
            finish,
            usage: account.usage.unwrap_or(Usage {
                prompt_tokens: prompt_guess,
                cached_tokens: 0,
                completion_tokens: self.pieces,
            }),
            timings: account.timings.unwrap_or(Timings {
                queue_ms: 0.0,
                prefill_ms: first,
                decode_ms: whole - first,
            }),
        }
    }
}

/// What became of a call that had a deadline and could be cancelled.
pub(crate) enum Bounded<T> {
    Ended(T),
    Deadline,
    Cancelled,
}

/// Runs `call` until it ends, the deadline passes or the caller cancels; the rest is dropped.
pub(crate) async fn bounded<T>(
    call: impl Future<Output = T>,
    deadline: Duration,
    cancel: &CancellationToken,
) -> Bounded<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Bounded::Cancelled,
        ended = call => Bounded::Ended(ended),
        () = tokio::time::sleep(deadline) => Bounded::Deadline,
    }
}

/// Far above any event of a chat stream (a few hundred bytes); a bound on memory, not a format.
const MAX_LINE_BYTES: usize = 4 << 20;

/// Far above what a model's window can hold as text; stops a server that never ends.
const MAX_REPLY_BYTES: usize = 16 << 20;
