//! Engine (d), second half: answers from a recording, without a model. A question that was not
//! recorded is refused, with where it first differs from the nearest one that was. A question that
//! was recorded several times gets those answers in order, then the last one again.
//! Remembers the first question that it had to refuse: those after it follow from it.

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::recording::{Answer, Question, RecordingError, difference, read};
use base::Finish;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// An engine that only knows what was recorded.
#[derive(Debug)]
pub struct ReplayEngine {
    file: String,
    /// By the hash of the question.
    known: BTreeMap<String, Known>,
    missed: OnceLock<String>,
}

#[derive(Debug)]
struct Known {
    question: Question,
    answers: Vec<Answer>,
    given: AtomicUsize,
}

impl ReplayEngine {
    pub fn open(path: &Path) -> Result<ReplayEngine, RecordingError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| RecordingError::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        })?;
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        for line in read(&file, &bytes)? {
            let entry = known.entry(line.hash).or_insert_with(|| Known {
                question: line.question,
                answers: Vec::new(),
                given: AtomicUsize::new(0),
            });
            entry.answers.push(line.answer);
        }
        Ok(ReplayEngine {
            file,
            known,
            missed: OnceLock::new(),
        })
    }

    /// What was kept under the name `what`.
    pub fn kept(&self, what: &str) -> Result<String, EngineError> {
        let what = what.to_owned();
        match self.answer(&Question::Kept { what })? {
            Answer::Kept(text) => Ok(text.clone()),
            Answer::Facts(_) | Answer::Chat { .. } | Answer::Embed(_) | Answer::CountTokens(_) => {
                Err(self.mismatched())
            }
        }
    }

    /// The first question that was refused, if any was.
    pub fn missed(&self) -> Option<&str> {
        self.missed.get().map(String::as_str)
    }

    fn answer(&self, question: &Question) -> Result<&Answer, EngineError> {
        // The question is compared, too: a hash alone is no proof.
        let found = self
            .known
            .get(&question.hash())
            .filter(|known| known.question == *question);
        let answer = found.and_then(|known| {
            let next = known.given.fetch_add(1, Ordering::Relaxed);
            known.answers.get(next).or(known.answers.last())
        });
        answer.ok_or_else(|| self.miss(question))
    }

    fn miss(&self, question: &Question) -> EngineError {
        let same_kind = std::mem::discriminant(question);
        let recorded: Vec<&Question> = self
            .known
            .values()
            .map(|known| &known.question)
            .filter(|known| std::mem::discriminant(*known) == same_kind)
            .collect();
        let error = EngineError::NotRecorded {
            recording: self.file.clone(),
            request: question.hash().chars().take(SHOWN_HASH).collect(),
            difference: difference(question, &recorded),
        };
        // Refused when one is there already, which is the one to keep.
        drop(self.missed.set(error.to_string()));
        error
    }

    fn mismatched(&self) -> EngineError {
        EngineError::Garbled {
            engine: format!("the recording {}", self.file),
            reason: "a question's answer is of another kind".into(),
            partial: String::new(),
        }
    }
}

#[async_trait::async_trait]
impl Engine for ReplayEngine {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        match self.answer(&Question::Facts)? {
            Answer::Facts(facts) => facts.clone(),
            Answer::Chat { .. } | Answer::Embed(_) | Answer::CountTokens(_) | Answer::Kept(_) => {
                Err(self.mismatched())
            }
        }
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        _deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let question = Question::Chat {
            request: request.clone(),
        };
        let Answer::Chat { pieces, reply } = self.answer(&question)? else {
            return Err(self.mismatched());
        };
        let mut text = String::new();
        let mut open = true;
        for piece in pieces {
            if !open || cancel.is_cancelled() {
                break;
            }
            text.push_str(piece);
            open = sink.push(piece);
        }
        let mut reply = reply.clone()?;
        // Stopped earlier than when it was recorded: then the text so far, as any engine gives it.
        if text.len() < reply.text.len() {
            reply.text = text;
            reply.finish = Finish::Cancelled;
        }
        Ok(reply)
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let texts = texts.to_vec();
        match self.answer(&Question::Embed { texts })? {
            Answer::Embed(vectors) => vectors.clone(),
            Answer::Facts(_) | Answer::Chat { .. } | Answer::CountTokens(_) | Answer::Kept(_) => {
                Err(self.mismatched())
            }
        }
    }

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        let text = text.to_owned();
        match self.answer(&Question::CountTokens { text })? {
            Answer::CountTokens(count) => count.clone(),
            Answer::Facts(_) | Answer::Chat { .. } | Answer::Embed(_) | Answer::Kept(_) => {
                Err(self.mismatched())
            }
        }
    }
}

/// Characters of a request's hash that tell it from the others of its recording.
const SHOWN_HASH: usize = 12;

#[cfg(test)]
mod tests;
