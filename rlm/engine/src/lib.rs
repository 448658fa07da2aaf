//! How a language model is asked, whatever runs it. One trait; the engines behind it are
//! OpenAI-compatible servers, Ollama, recorded replies (all here) and llama.cpp (`engine-llama`).
//! Knows nothing of jobs, REPLs or prompts: it moves one request to one model and streams the text.

mod api;
mod clock;
mod estimate;
mod http;
mod lines;
mod name;
mod ollama;
mod openai;
mod preview;
mod protocol;
mod record;
mod recording;
mod replay;
mod retry;
mod retrying;
mod secret;
mod stop;
mod stream;
mod web;

pub use api::{
    ChatRequest, Engine, EngineError, ModelFacts, Reply, Sampling, TextSink, Timings, discard,
};
pub use estimate::{estimate_prompt, estimate_tokens};
pub use name::{ModelName, ModelNameError, OLLAMA_URL, server_url};
pub use ollama::{OllamaEngine, OllamaOptions};
pub use openai::{OpenAiEngine, OpenAiOptions, ServerKind};
pub use record::RecordingEngine;
pub use recording::{RECORDING_VERSION, RecordingError};
pub use replay::ReplayEngine;
pub use retry::RetryPolicy;
pub use retrying::Retrying;
pub use secret::Secret;
pub use tokio_util::sync::CancellationToken;
pub use web::{WebError, WebOptions, web_client, why_unreachable};

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod testing;
