//! Engine (c): Ollama over its own API, which unlike its OpenAI-compatible one sets the window,
//! keeps the model loaded and measures its times. Refuses grammars (Ollama has none). Invariant: a
//! prompt is never cut silently; it fits the window that is asked for, or the call fails and says
//! so.

mod window;
mod wire;

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::estimate::estimate_prompt;
use crate::http::{Server, retry_after_ms, unit_vectors};
use crate::preview::{cut, describe};
use crate::protocol::{self, Protocol};
use crate::stream::{End, Writing};
use reqwest::Response;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use wire::{Answers, Model, Settings};

/// How a model at an Ollama server is used.
#[derive(Clone, Debug)]
pub struct OllamaOptions {
    /// How long the server keeps the model loaded after a call, in Ollama's own notation.
    pub keep_alive: String,
    /// How many calls the server works on at once (its `OLLAMA_NUM_PARALLEL`).
    pub slots: u32,
    /// How long a question about the model may take.
    pub probe_deadline: Duration,
    /// How long one batch of embeddings may take.
    pub embed_deadline: Duration,
}

impl Default for OllamaOptions {
    fn default() -> OllamaOptions {
        OllamaOptions {
            keep_alive: KEEP_ALIVE.to_owned(),
            slots: SLOTS,
            probe_deadline: PROBE_DEADLINE,
            embed_deadline: EMBED_DEADLINE,
        }
    }
}

/// One model at an Ollama server.
#[derive(Debug)]
pub struct OllamaEngine {
    server: Server,
    model: String,
    options: OllamaOptions,
    shown: OnceCell<Model>,
    /// The largest window asked for so far: a smaller one would load the model again.
    num_ctx: AtomicU32,
}

impl OllamaEngine {
    /// `url` without a path, such as `OLLAMA_URL`. Nothing is sent yet.
    pub fn new(
        client: reqwest::Client,
        url: &str,
        model: &str,
        options: OllamaOptions,
    ) -> OllamaEngine {
        let engine = format!("ollama:{model}@{}", url.trim_end_matches('/'));
        let start = "start Ollama there with `ollama serve`";
        OllamaEngine {
            server: Server::new(client, engine, url, None, start),
            model: model.to_owned(),
            options,
            shown: OnceCell::new(),
            num_ctx: AtomicU32::new(0),
        }
    }

    /// Tells the model that the server has under this name now from one that it had before: a hash
    /// of its weights' digest, its template and its parameters.
    pub async fn version(&self) -> Result<String, EngineError> {
        Ok(self.shown().await?.version.clone())
    }

    /// What the server tells about the model; asked once, again after a failure.
    async fn shown(&self) -> Result<&Model, EngineError> {
        self.shown
            .get_or_try_init(|| async {
                let probe = tokio::time::timeout(self.options.probe_deadline, async {
                    let body = json!({ "model": self.model });
                    let response = self.post("/api/show", &body).await?;
                    Ok(Model::read(&self.server.json(response).await?))
                });
                probe.await.map_err(|_| EngineError::Unreachable {
                    engine: self.server.engine.clone(),
                    reason: "it takes the connection but does not tell about the model".into(),
                })?
            })
            .await
    }

    /// Sends, and turns an answer that is an error into ours.
    async fn post(&self, path: &str, body: &Value) -> Result<Response, EngineError> {
        let response = self.server.post(&self.server.at(path), body).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after_ms = retry_after_ms(response.headers());
        let body = self.server.error_body(response).await;
        Err(self.refusal(status, retry_after_ms, &body))
    }

    fn refusal(&self, status: u16, retry_after_ms: Option<u64>, body: &str) -> EngineError {
        let engine = self.server.engine.clone();
        let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let why = json["error"].as_str().map_or_else(|| describe(body), cut);
        match status {
            404 if why.contains("not found") && why.contains("model") => EngineError::Refused {
                reason: format!("{engine} is not there; run `ollama pull {}`", self.model),
            },
            404 | 405 => EngineError::Refused {
                reason: format!("{engine}: no Ollama answers at this address ({why})"),
            },
            429 | 503 => EngineError::Busy {
                engine,
                reason: why,
                retry_after_ms,
            },
            500..=599 if why.contains("does not support") => {
                EngineError::Unsupported { engine, what: why }
            }
            408 | 500..=599 => EngineError::Unreachable {
                engine,
                reason: format!("HTTP {status}: {why}"),
            },
            400 if why.contains("does not support") => {
                EngineError::Unsupported { engine, what: why }
            }
            _ => EngineError::Refused {
                reason: format!("{engine}: HTTP {status}: {why}"),
            },
        }
    }

    fn check(&self, request: &ChatRequest, model: &Model) -> Result<(), EngineError> {
        let what = if request.grammar.is_some() {
            "hold a reply to a GBNF grammar"
        } else if request.prefill.is_some() && !model.prefill {
            "begin the assistant's turn (prefill): the model's template closes it"
        } else {
            return Ok(());
        };
        Err(EngineError::Unsupported {
            engine: self.server.engine.clone(),
            what: what.to_owned(),
        })
    }
}

#[async_trait::async_trait]
impl Protocol for OllamaEngine {
    type Lines = Answers;

    fn engine(&self) -> &str {
        &self.server.engine
    }

    fn lines(&self) -> Answers {
        Answers::new(&self.server.engine)
    }

    async fn talk(
        &self,
        request: &ChatRequest,
        lines: &mut Answers,
        writing: &mut Writing<'_>,
    ) -> Result<End, EngineError> {
        let model = self.shown().await?;
        self.check(request, model)?;
        let largest_yet = self.num_ctx.load(Ordering::Relaxed);
        let reply = request.sampling.max_tokens;
        let prompt = estimate_prompt(request);
        let num_ctx = window::num_ctx(prompt, reply, largest_yet, model.window)?;
        self.num_ctx.fetch_max(num_ctx, Ordering::Relaxed);
        let settings = Settings {
            model: &self.model,
            num_ctx,
            keep_alive: &self.options.keep_alive,
        };
        let mut response = self
            .post("/api/chat", &wire::body(request, &settings))
            .await?;
        writing.read(&mut response, lines).await
    }

    async fn embed_batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let keep_alive = &self.options.keep_alive;
        let body = json!({ "model": self.model, "input": texts, "keep_alive": keep_alive,
            "truncate": false });
        let response = self.post("/api/embed", &body).await?;
        let answer = self.server.json(response).await?;
        serde_json::from_value(answer["embeddings"].clone())
            .ok()
            .and_then(|vectors| unit_vectors(vectors, texts.len()))
            .ok_or_else(|| self.server.garbled(format!("no {} vectors", texts.len())))
    }
}

#[async_trait::async_trait]
impl Engine for OllamaEngine {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        let model = self.shown().await?;
        Ok(ModelFacts {
            name: self.model.clone(),
            window: model.window,
            family: model.family.clone(),
            slots: self.options.slots,
            grammar: false,
            embeddings: model.embeds,
            prefill: model.prefill,
        })
    }

    async fn chat(
        &self,
        request: &ChatRequest,
        sink: &mut dyn TextSink,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<Reply, EngineError> {
        protocol::chat(self, request, sink, deadline, cancel).await
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        protocol::embed(self, texts, self.options.embed_deadline).await
    }

    /// Ollama has no call that counts tokens.
    async fn count_tokens(&self, _text: &str) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }
}

/// A job's pauses (a person reads, a REPL computes) do not unload the model.
const KEEP_ALIVE: &str = "30m";

/// Ollama works on few calls at once unless it is told otherwise; more wait in its queue.
const SLOTS: u32 = 4;

/// Ollama answers about a model without loading it.
const PROBE_DEADLINE: Duration = Duration::from_secs(15);

/// The first call loads the model.
const EMBED_DEADLINE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
