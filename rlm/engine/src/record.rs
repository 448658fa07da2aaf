//! Engine (d), first half: wraps any engine and writes each exact question and answer to a file.
//! Refuses a file that holds a recording already, or that another process writes: answers are given
//! again in the order of one run.
//! Invariant: recording never changes an answer; a file that cannot be written any more is told by
//! `write_error` and the log, and the call goes on.

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::recording::{Answer, Line, Question, RECORDING_VERSION, RecordingError};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An engine whose calls are written down.
pub struct RecordingEngine {
    inner: Arc<dyn Engine>,
    /// Calls end on several tasks at once and each writes one short line: a message to an owner
    /// would need a task that outlives the engine. Not held while anything is awaited.
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: File,
    error: Option<String>,
}

impl RecordingEngine {
    /// Writes to `path`, which is made if it is not there, for its owner's eyes only: contexts and
    /// replies stand in it. A file with content is refused and left as it is.
    pub fn new(inner: Arc<dyn Engine>, path: &Path) -> Result<RecordingEngine, RecordingError> {
        let name = || path.display().to_string();
        let unwritable = |error: io::Error| RecordingError::Unwritable {
            file: name(),
            reason: error.to_string(),
        };
        let mut options = File::options();
        options.create(true).append(true).mode(MODE);
        let file = options.open(path).map_err(unwritable)?;
        // A file system without locks is taken at its word that nobody else is there.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(RecordingError::InUse { file: name() });
        }
        if file.metadata().map_err(unwritable)?.len() > 0 {
            return Err(RecordingError::Taken { place: name() });
        }
        Ok(RecordingEngine {
            inner,
            out: Mutex::new(Out { file, error: None }),
        })
    }

    /// Why the recording is not complete, if it is not.
    pub fn write_error(&self) -> Option<String> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.error.clone()
    }

    /// Keeps facts that were asked for before the recording began, so that a replay has them.
    pub fn keep_facts(&self, facts: &ModelFacts) {
        self.write(Question::Facts, Answer::Facts(Ok(facts.clone())));
    }

    /// Keeps `text` beside the calls, to be read again under the name `what`.
    pub fn keep(&self, what: &str, text: &str) {
        let what = what.to_owned();
        self.write(Question::Kept { what }, Answer::Kept(text.to_owned()));
    }

    fn write(&self, question: Question, answer: Answer) {
        let line = Line {
            v: RECORDING_VERSION,
            hash: question.hash(),
            question,
            answer,
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let text = line.written().map_err(io::Error::other);
        // One write per line, so that a crash leaves whole lines and at most one broken end.
        let written = text.and_then(|text| out.file.write_all(text.as_bytes()));
        if let Err(error) = written {
            tracing::error!(%error, "a call could not be recorded");
            out.error.get_or_insert_with(|| error.to_string());
        }
    }
}

/// Passes pieces on and keeps them.
struct Keeping<'a> {
    sink: &'a mut dyn TextSink,
    pieces: Vec<String>,
}

impl TextSink for Keeping<'_> {
    fn push(&mut self, text: &str) -> bool {
        self.pieces.push(text.to_owned());
        self.sink.push(text)
    }

    fn restart(&mut self) -> bool {
        let restarted = self.sink.restart();
        if restarted {
            self.pieces.clear();
        }
        restarted
    }
}

#[async_trait::async_trait]
impl Engine for RecordingEngine {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        let facts = self.inner.facts().await;
        self.write(Question::Facts, Answer::Facts(facts.clone()));
        facts
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let mut keeping = Keeping {
            sink,
            pieces: Vec::new(),
        };
        let reply = self
            .inner
            .chat(request, &mut keeping, deadline, cancel)
            .await;
        let question = Question::Chat {
            request: request.clone(),
        };
        let pieces = keeping.pieces;
        let answer = Answer::Chat {
            pieces,
            reply: reply.clone(),
        };
        self.write(question, answer);
        reply
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let vectors = self.inner.embed(texts).await;
        let texts = texts.to_vec();
        self.write(Question::Embed { texts }, Answer::Embed(vectors.clone()));
        vectors
    }

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        let count = self.inner.count_tokens(text).await;
        let text = text.to_owned();
        self.write(
            Question::CountTokens { text },
            Answer::CountTokens(count.clone()),
        );
        count
    }
}

/// Of a file that is made.
const MODE: u32 = 0o600;
