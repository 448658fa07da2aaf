//! The trait that every engine implements, and the request and reply types.

use base::{Finish, Message, Usage};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Everything that determines a reply, apart from the model itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    pub messages: Vec<Message>,
    /// Text that the assistant's turn already begins with. Not part of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<String>,
    pub sampling: Sampling,
    /// A GBNF grammar that the reply must match. Engines without grammars answer `Unsupported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<String>,
    /// How many leading messages are shared with later requests (a prompt profile's fixed part);
    /// an engine may keep their state. 0 when nothing is known to repeat.
    #[serde(default)]
    pub shared_prefix: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    pub top_p: f32,
    pub seed: u64,
    pub max_tokens: u32,
    /// The reply ends before the first of these.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
            max_tokens: 1024,
            stop: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
    pub timings: Timings,
}

/// Where a call's time went, measured by us around each part; zero where an engine cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    pub queue_ms: f64,
    pub prefill_ms: f64,
    pub decode_ms: f64,
}

/// What is known about a model before it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    pub name: String,
    /// Tokens of prompt and reply together; `None` when the server does not say.
    pub window: Option<u32>,
    /// Architecture or family as the model file or server names it, such as `qwen2`.
    pub family: Option<String>,
    /// Calls that the engine works on at once.
    pub slots: u32,
    pub grammar: bool,
    pub embeddings: bool,
    pub prefill: bool,
}

/// Takes pieces of a reply as they come.
pub trait TextSink: Send {
    /// Takes `text`; `false` asks the engine to stop (the reply then finishes as `Cancelled`).
    fn push(&mut self, text: &str) -> bool;

    /// The call failed and is asked again: the pieces so far are void. `true` when the sink has
    /// forgotten them; a sink that cannot keeps the default, and the failure then stands.
    fn restart(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(&str) -> bool + Send> TextSink for F {
    fn push(&mut self, text: &str) -> bool {
        self(text)
    }
}

/// A sink for callers that only want the whole reply.
pub fn discard() -> impl TextSink {
    Discard
}

struct Discard;

impl TextSink for Discard {
    fn push(&mut self, _text: &str) -> bool {
        true
    }

    fn restart(&mut self) -> bool {
        true
    }
}

#[async_trait::async_trait]
pub trait Engine: Send + Sync {
    /// What is known about the model; may ask a server once.
    async fn facts(&self) -> Result<ModelFacts, EngineError>;

    /// Asks for one reply. Cancelling gives the text so far as `Finish::Cancelled`; passing
    /// `deadline` (from now) gives `EngineError::Deadline`. Dropping the future cancels, too.
    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError>;

    /// One vector per text, of unit length.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError>;

    /// Tokens of `text` under the model's own tokenizer; `None` when the engine cannot count.
    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError>;
}

/// Why a call gave no reply. `partial` is what had been written: it is never thrown away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum EngineError {
    /// Caller: the prompt does not fit. Nothing was computed; shorten it by `over` tokens.
    #[error(
        "the prompt has {tokens} tokens, {over} more than fit beside the reply in the model's \
         window of {window}"
    )]
    TooLong { tokens: u64, window: u64, over: u64 },
    /// Caller: asks for what this engine lacks (a grammar, embeddings).
    #[error("{engine} cannot do this: {what}")]
    Unsupported { engine: String, what: String },
    /// Caller: the request itself is wrong (an invalid grammar, an unknown model at a server).
    #[error("the request was refused: {reason}")]
    Refused { reason: String },
    /// Machine or server: cannot be reached or started. Retrying later may help.
    #[error("{engine} cannot be reached: {reason}")]
    Unreachable { engine: String, reason: String },
    /// Server: answered, but not in the protocol. Retrying once may help.
    #[error("{engine} answered what cannot be understood: {reason}")]
    Garbled {
        engine: String,
        reason: String,
        partial: String,
    },
    /// Server: too busy; retry after the given time.
    #[error("{engine} is busy: {reason}")]
    Busy {
        engine: String,
        reason: String,
        retry_after_ms: Option<u64>,
    },
    /// The engine's process or code died (a C++ assertion, out of memory). Asking once more may
    /// help, unless `asked_again`: then the engine asks again by itself and has given the call up,
    /// and asking above it would only cost more processes and the calls beside it.
    #[error("the engine died while it worked on the call: {reason}")]
    Died {
        reason: String,
        partial: String,
        /// Recordings from before it do not have it.
        #[serde(default)]
        asked_again: bool,
    },
    /// The caller's deadline passed.
    #[error("no reply within the deadline")]
    Deadline { partial: String },
    /// Caller: a replay was asked for what its recording does not hold; asking again cannot help.
    /// `difference` is to the nearest request that was recorded.
    #[error("{recording} does not hold the request {request}: {difference}")]
    NotRecorded {
        recording: String,
        request: String,
        difference: String,
    },
}

impl EngineError {
    /// What the model had written before the call failed, where anything can have been.
    pub fn partial(&self) -> Option<&str> {
        match self {
            EngineError::Garbled { partial, .. }
            | EngineError::Died { partial, .. }
            | EngineError::Deadline { partial } => Some(partial),
            EngineError::TooLong { .. }
            | EngineError::Unsupported { .. }
            | EngineError::Refused { .. }
            | EngineError::Unreachable { .. }
            | EngineError::Busy { .. }
            | EngineError::NotRecorded { .. } => None,
        }
    }

    /// Whether the same request may succeed if it is sent again.
    pub fn retryable(&self) -> bool {
        match self {
            EngineError::Unreachable { .. }
            | EngineError::Garbled { .. }
            | EngineError::Busy { .. } => true,
            EngineError::Died { asked_again, .. } => !asked_again,
            EngineError::TooLong { .. }
            | EngineError::Unsupported { .. }
            | EngineError::Refused { .. }
            | EngineError::Deadline { .. }
            | EngineError::NotRecorded { .. } => false,
        }
    }
}
