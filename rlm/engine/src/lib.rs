//! How a language model is asked, whatever runs it. One trait; the engines behind it are
//! OpenAI-compatible servers, Ollama, recorded replies (all here) and llama.cpp (`engine-llama`).
//! Knows nothing of jobs, REPLs or prompts: it moves one request to one model and streams the text.

mod api;

pub use api::{
    ChatRequest, Engine, EngineError, ModelFacts, Reply, Sampling, TextSink, Timings, discard,
};
pub use tokio_util::sync::CancellationToken;
