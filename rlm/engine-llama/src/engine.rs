//! `LlamaEngine`: opens a model (after checking the file and the memory), and turns the trait's
//! calls into commands for the supervisor. Holds no model itself; dropping it ends the child.

mod open;

use crate::clock::{Clock, millis};
use crate::frames::{CallId, FromWorker, ToWorker};
use crate::gguf::ModelFile;
use crate::supervisor::{Command, Status};
use base::{Finish, Time, Usage};
use engine::{
    CancellationToken, ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink, Timings,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

pub struct LlamaEngine {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    file: ModelFile,
    notes: Vec<String>,
    window: u32,
    slots: u32,
    next_call: AtomicU64,
    clock: Clock,
}

impl LlamaEngine {
    /// The file behind this engine.
    pub fn model(&self) -> &ModelFile {
        &self.file
    }

    /// What a user should know about how the model is used, such as a replaced chat template.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The child's process id; `None` while it is dead.
    pub fn worker_pid(&self) -> Option<u32> {
        self.status.borrow().pid
    }

    /// Children started after the first one.
    pub fn restarts(&self) -> u32 {
        self.status.borrow().restarts
    }

    /// Starts a call; events come until the last one. Dropping the call cancels it.
    fn start(
        &self,
        room: usize,
        message: impl FnOnce(CallId) -> ToWorker,
    ) -> Result<Call, EngineError> {
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::channel(room);
        let command = Command::Call {
            id,
            message: message(id),
            events: sender,
        };
        match self.commands.try_send(command) {
            Ok(()) => Ok(Call {
                id,
                events,
                commands: self.commands.clone(),
                over: false,
            }),
            Err(mpsc::error::TrySendError::Full(_)) => Err(EngineError::Busy {
                engine: NAME.into(),
                reason: "too many calls wait already".into(),
                retry_after_ms: None,
            }),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone("")),
        }
    }
}

/// A call under way, from the caller's side.
struct Call {
    id: CallId,
    events: mpsc::Receiver<FromWorker>,
    commands: mpsc::Sender<Command>,
    over: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            // When the queue is full, the supervisor sees the closed channel instead.
            self.commands.try_send(Command::Cancel { id: self.id }).ok();
        }
    }
}

/// What is known of a reply so far.
#[derive(Default)]
struct SoFar {
    text: String,
    usage: Usage,
    queue_ms: f64,
    admitted: Option<Time>,
    first: Option<Time>,
}

impl SoFar {
    /// The reply of a call that the caller stopped.
    fn cancelled(self, now: Time) -> Reply {
        let first = self.first.unwrap_or(now);
        let timings = Timings {
            queue_ms: self.queue_ms,
            prefill_ms: self.admitted.map_or(0.0, |at| millis(at, first)),
            decode_ms: millis(first, now),
        };
        Reply {
            text: self.text,
            finish: Finish::Cancelled,
            usage: self.usage,
            timings,
        }
    }

    /// Takes an event in; the result when it was the last one.
    fn take(
        &mut self,
        event: FromWorker,
        now: Time,
        sink: &mut dyn TextSink,
    ) -> Option<Result<Reply, EngineError>> {
        match event {
            FromWorker::Admitted {
                prompt_tokens,
                cached_tokens,
                queue_ms,
                ..
            } => {
                self.usage.prompt_tokens = prompt_tokens;
                self.usage.cached_tokens = cached_tokens;
                self.queue_ms = queue_ms;
                self.admitted = Some(now);
                None
            }
            FromWorker::Piece {
                text,
                completion_tokens,
                ..
            } => {
                self.first.get_or_insert(now);
                self.usage.completion_tokens = completion_tokens;
                self.text.push_str(&text);
                if sink.push(&text) {
                    None
                } else {
                    Some(Ok(std::mem::take(self).cancelled(now)))
                }
            }
            FromWorker::Done {
                finish,
                usage,
                timings,
                ..
            } => {
                let text = std::mem::take(&mut self.text);
                Some(Ok(Reply {
                    text,
                    finish,
                    usage,
                    timings,
                }))
            }
            FromWorker::Failed { error, .. } => Some(Err(error)),
            FromWorker::Loaded(_)
            | FromWorker::LoadFailed { .. }
            | FromWorker::Vectors { .. }
            | FromWorker::Counted { .. } => Some(Err(gone(&self.text))),
        }
    }
}

#[async_trait::async_trait]
impl Engine for LlamaEngine {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        let writes = !self.file.embeddings;
        Ok(ModelFacts {
            name: self.file.name.clone(),
            window: Some(self.window),
            family: Some(self.file.architecture.clone()),
            slots: self.slots,
            grammar: writes,
            embeddings: !writes,
            prefill: writes,
        })
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        let pieces = request.sampling.max_tokens.min(self.window) as usize;
        let mut call = self.start(pieces + OTHER_EVENTS, |id| ToWorker::Chat {
            id,
            request: Box::new(request.clone()),
            resume: String::new(),
        })?;
        let mut so_far = SoFar::default();
        let expiry = tokio::time::sleep(deadline);
        tokio::pin!(expiry);
        loop {
            let event = tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(so_far.cancelled(self.clock.now())),
                event = call.events.recv() => event,
                () = &mut expiry => {
                    return Err(EngineError::Deadline { partial: so_far.text });
                }
            };
            let Some(event) = event else {
                return Err(gone(&so_far.text));
            };
            call.over = matches!(event, FromWorker::Done { .. } | FromWorker::Failed { .. });
            if let Some(result) = so_far.take(event, self.clock.now(), sink) {
                return result;
            }
        }
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        if !self.file.embeddings {
            let what = format!(
                "`{}` writes text; vectors need an embedding model",
                self.file.name
            );
            return Err(EngineError::Unsupported {
                engine: NAME.into(),
                what,
            });
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for some in texts.chunks(TEXTS_PER_FRAME) {
            let message = |id| ToWorker::Embed {
                id,
                texts: some.to_vec(),
            };
            let mut call = self.start(OTHER_EVENTS, message)?;
            match call.events.recv().await {
                Some(FromWorker::Vectors { vectors: found, .. }) if found.len() == some.len() => {
                    vectors.extend(found);
                }
                Some(FromWorker::Failed { error, .. }) => return Err(error),
                _ => return Err(gone("")),
            }
            call.over = true;
        }
        Ok(vectors)
    }

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        let message = |id| ToWorker::Count {
            id,
            text: text.to_owned(),
        };
        let mut call = self.start(OTHER_EVENTS, message)?;
        let answer = call.events.recv().await;
        call.over = true;
        match answer {
            Some(FromWorker::Counted { tokens, .. }) => Ok(Some(tokens)),
            Some(FromWorker::Failed { error, .. }) => Err(error),
            _ => Err(gone("")),
        }
    }
}

fn gone(partial: &str) -> EngineError {
    let reason = "the model's supervisor is gone".to_owned();
    EngineError::Died {
        reason,
        partial: partial.to_owned(),
        asked_again: false,
    }
}

const NAME: &str = "llama.cpp";
/// Events of a call that are not pieces: two admissions, the end, and the rest of held-back text.
const OTHER_EVENTS: usize = 8;
/// Texts whose vectors travel in one frame: about 1 MB of JSON for 1,024 numbers each.
const TEXTS_PER_FRAME: usize = 64;
