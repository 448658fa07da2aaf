//! Engine (d), first half: wraps any engine and writes each exact question and answer to a file.
//! Invariant: recording never changes an answer; a file that cannot be written is told by
//! `write_error` and the log, and the call goes on.

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::recording::{Answer, Line, Question, RECORDING_VERSION};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An engine whose calls are written down.
#[derive(Debug)]
pub struct RecordingEngine<E> {
    inner: E,
    /// Calls end on several tasks at once and each writes one short line: a message to an owner
    /// would need a task that outlives the engine. Not held while anything is awaited.
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: File,
    error: Option<String>,
}

impl<E: Engine> RecordingEngine<E> {
    /// Appends to `path`, which is made if it is not there.
    pub fn new(inner: E, path: &Path) -> io::Result<RecordingEngine<E>> {
        let file = File::options().create(true).append(true).open(path)?;
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

    fn write(&self, question: Question, answer: Answer) {
        let line = Line {
            v: RECORDING_VERSION,
            hash: question.hash(),
            question,
            answer,
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_string(&line).map_err(io::Error::other);
        // One write per line, so that a crash leaves whole lines and at most one broken end.
        let written = text.and_then(|text| out.file.write_all(format!("{text}\n").as_bytes()));
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
impl<E: Engine> Engine for RecordingEngine<E> {
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
