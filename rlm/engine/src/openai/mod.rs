//! Engine (b): any OpenAI-compatible server, over chat completions with server-sent events. Owns
//! the talk with one model at one server; refuses what the server is not known to do (prefill,
//! grammars) instead of sending it and hoping. The server's kind is found out once, from its list
//! of models. Invariant: text that arrived is never lost, it is in the reply or in the error.

mod refusal;
mod server;
mod wire;

use crate::api::{ChatRequest, Engine, EngineError, ModelFacts, Reply, TextSink};
use crate::estimate::estimate_prompt;
use crate::http::{Server, retry_after_ms, unit_vectors};
use crate::protocol::{self, Protocol};
use crate::secret::Secret;
use crate::stream::{BadLine, End, Writing};
use refusal::{Answer, Refusal};
use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use server::Listing;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use wire::{Dialect, Events, Field};

pub use server::ServerKind;

/// What is known about the server before it is asked.
#[derive(Clone, Debug)]
pub struct OpenAiOptions {
    /// Sent as a bearer token.
    pub key: Option<Secret>,
    /// Set when the kind is known; otherwise it is found out.
    pub kind: Option<ServerKind>,
    /// The model's window in tokens, for servers that do not tell.
    pub window: Option<u32>,
    /// How many calls the server works on at once.
    pub slots: u32,
    /// How long a question about the server (its models, its sizes) may take.
    pub probe_deadline: Duration,
    /// How long one batch of embeddings may take.
    pub embed_deadline: Duration,
}

impl Default for OpenAiOptions {
    fn default() -> OpenAiOptions {
        OpenAiOptions {
            key: None,
            kind: None,
            window: None,
            slots: SLOTS,
            probe_deadline: PROBE_DEADLINE,
            embed_deadline: EMBED_DEADLINE,
        }
    }
}

/// One model at an OpenAI-compatible server.
#[derive(Debug)]
pub struct OpenAiEngine {
    server: Server,
    model: String,
    options: OpenAiOptions,
    listing: OnceCell<Listing>,
    /// The fields that this server refused so far, as `Dialect` bits.
    dialect: AtomicU8,
}

impl OpenAiEngine {
    /// `url` as official clients take it, mostly ending in `/v1`. Nothing is sent yet.
    pub fn new(
        client: reqwest::Client,
        url: &str,
        model: &str,
        options: OpenAiOptions,
    ) -> OpenAiEngine {
        let engine = format!("openai:{model}@{}", url.trim_end_matches('/'));
        OpenAiEngine {
            server: Server::new(client, engine, url, options.key.clone(), "start the server"),
            model: model.to_owned(),
            options,
            listing: OnceCell::new(),
            dialect: AtomicU8::new(0),
        }
    }

    /// What the server tells about itself; asked once, again after a failure.
    async fn listing(&self) -> Result<&Listing, EngineError> {
        self.listing
            .get_or_try_init(|| async {
                let probe = tokio::time::timeout(self.options.probe_deadline, self.probe());
                let mut listing = match probe.await {
                    Ok(listing) => listing?,
                    Err(_) => {
                        return Err(EngineError::Unreachable {
                            engine: self.server.engine.clone(),
                            reason: "it takes the connection but does not list its models".into(),
                        });
                    }
                };
                if let Some(kind) = self.options.kind {
                    listing.kind = kind;
                }
                Ok(listing)
            })
            .await
    }

    async fn probe(&self) -> Result<Listing, EngineError> {
        let host = self.server.host();
        let silent = Listing::silent(server::kind_of(None, &host));
        let response = self.server.get(&self.server.at("/models")).await?;
        if !response.status().is_success() {
            // Not every server lists its models; whether the key or the address is wrong, the call
            // itself will tell.
            return Ok(silent);
        }
        let Ok(answer) = self.server.json(response).await else {
            return Ok(silent);
        };
        let mut listing = Listing::read(&answer, &self.model, &host);
        if listing.kind == ServerKind::LlamaCpp && listing.window.is_none() {
            listing.window = self.llama_window().await;
        }
        Ok(listing)
    }

    /// llama.cpp's server tells its window beside the protocol.
    async fn llama_window(&self) -> Option<u32> {
        let url = format!("{}/props", self.server.root());
        let response = self.server.get(&url).await.ok()?;
        let props = self.server.json(response).await.ok()?;
        u32::try_from(props["default_generation_settings"]["n_ctx"].as_u64()?).ok()
    }

    /// Sends the request, leaving out the fields that the server turns out to refuse.
    async fn open(&self, request: &ChatRequest) -> Result<Response, EngineError> {
        let listing = self.listing().await?;
        self.check_uncut(request, listing)?;
        for _ in 0..=Field::ALL.len() {
            let dialect = Dialect(self.dialect.load(Ordering::Relaxed));
            let body = wire::body(request, &self.model, listing.kind, dialect)?;
            let url = self.server.at("/chat/completions");
            let response = self.server.post(&url, &body).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let answer = self.answer(response).await;
            match refusal::read(&answer, &self.server.engine, Some(request), dialect) {
                Refusal::LeaveOut(field) => {
                    tracing::warn!(
                        engine = self.server.engine,
                        field = field.name(),
                        "left out"
                    );
                    self.dialect
                        .fetch_or(dialect.without(field).0, Ordering::Relaxed);
                }
                Refusal::UnknownModel(why) => return Err(self.unknown_model(&why, listing)),
                Refusal::Error(error) => return Err(error),
            }
        }
        Err(self
            .server
            .garbled("it refuses every form of the request".into()))
    }

    /// Over this protocol Ollama cuts what is beyond its window without a word, neither tells how
    /// long that is nor can be asked for another: what might be cut is not sent.
    fn check_uncut(&self, request: &ChatRequest, listing: &Listing) -> Result<(), EngineError> {
        let window = self.options.window.or(listing.window);
        let window = u64::from(window.unwrap_or(OLLAMA_WINDOW));
        let tokens = estimate_prompt(request) + u64::from(request.sampling.max_tokens);
        if listing.kind != ServerKind::Ollama || tokens <= window {
            return Ok(());
        }
        let (model, url) = (&self.model, self.server.root());
        Err(EngineError::Unsupported {
            engine: self.server.engine.clone(),
            what: format!(
                "take up to {tokens} tokens of prompt and reply; asked this way, Ollama may cut \
                 what is beyond {window} without telling; name the model `ollama:{model}@{url}`"
            ),
        })
    }

    async fn answer(&self, response: Response) -> Answer {
        Answer {
            status: response.status().as_u16(),
            retry_after_ms: retry_after_ms(response.headers()),
            body: self.server.error_body(response).await,
        }
    }

    fn unknown_model(&self, why: &str, listing: &Listing) -> EngineError {
        let has = match listing.models.len() {
            0 => "; the server does not list its models".to_owned(),
            n if n > MAX_LISTED => {
                format!(
                    "; it has {} and {} more",
                    listing.models[..MAX_LISTED].join(", "),
                    n - MAX_LISTED
                )
            }
            _ => format!("; it has {}", listing.models.join(", ")),
        };
        EngineError::Refused {
            reason: format!("{} is not there: {why}{has}", self.server.engine),
        }
    }
}

#[async_trait::async_trait]
impl Protocol for OpenAiEngine {
    type Lines = Events;

    fn engine(&self) -> &str {
        &self.server.engine
    }

    fn lines(&self) -> Events {
        Events::new(&self.server.engine)
    }

    async fn talk(
        &self,
        request: &ChatRequest,
        lines: &mut Events,
        writing: &mut Writing<'_>,
    ) -> Result<End, EngineError> {
        let mut response = self.open(request).await?;
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return writing.read(&mut response, lines).await;
        }
        // A server that does not stream answers whole; anything but JSON is no server of ours.
        let answer = self.server.json(response).await?;
        match lines.whole(&answer) {
            Ok(text) => writing.whole(&text),
            Err(bad) => Err(match bad {
                BadLine::Garbled(reason) => self.server.garbled(reason),
                BadLine::Failed(error) => error,
            }),
        }
    }

    async fn embed_batch(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        let response = self
            .server
            .post(&self.server.at("/embeddings"), &body)
            .await?;
        if matches!(
            response.status(),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        ) {
            return Err(EngineError::Unsupported {
                engine: self.server.engine.clone(),
                what: "turn texts into vectors (embeddings)".into(),
            });
        }
        if !response.status().is_success() {
            let answer = self.answer(response).await;
            return Err(
                match refusal::read(&answer, &self.server.engine, None, Dialect(u8::MAX)) {
                    Refusal::Error(error) => error,
                    Refusal::UnknownModel(reason) => EngineError::Refused { reason },
                    Refusal::LeaveOut(field) => EngineError::Refused {
                        reason: format!("{} is not taken", field.name()),
                    },
                },
            );
        }
        let answer = self.server.json(response).await?;
        read_vectors(&answer, texts.len()).ok_or_else(|| {
            self.server.garbled(format!(
                "no {} vectors in {}",
                texts.len(),
                wire::preview(&answer)
            ))
        })
    }
}

#[async_trait::async_trait]
impl Engine for OpenAiEngine {
    async fn facts(&self) -> Result<ModelFacts, EngineError> {
        let listing = self.listing().await?;
        Ok(ModelFacts {
            name: self.model.clone(),
            window: self.options.window.or(listing.window),
            family: None,
            slots: self.options.slots,
            grammar: listing.kind.takes_grammar(),
            embeddings: true,
            prefill: listing.kind.prefill().is_some(),
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

    async fn count_tokens(&self, text: &str) -> Result<Option<u64>, EngineError> {
        let body = match self.listing().await?.kind {
            ServerKind::Vllm | ServerKind::Sglang => {
                json!({ "model": self.model, "prompt": text, "add_special_tokens": false })
            }
            ServerKind::LlamaCpp => json!({ "content": text, "add_special": false }),
            ServerKind::OpenAi | ServerKind::Ollama | ServerKind::Unknown => return Ok(None),
        };
        let url = format!("{}/tokenize", self.server.root());
        let call = tokio::time::timeout(self.options.probe_deadline, async {
            let response = self.server.post(&url, &body).await?;
            if !response.status().is_success() {
                return Ok(None);
            }
            let answer = self.server.json(response).await?;
            let listed = answer["tokens"]
                .as_array()
                .map(|tokens| tokens.len() as u64);
            Ok(answer["count"].as_u64().or(listed))
        });
        let partial = String::new();
        call.await.map_err(|_| EngineError::Deadline { partial })?
    }
}

fn read_vectors(answer: &Value, count: usize) -> Option<Vec<Vec<f32>>> {
    let mut rows = Vec::new();
    for (place, entry) in answer["data"].as_array()?.iter().enumerate() {
        let index = entry["index"].as_u64().unwrap_or(place as u64);
        let vector: Vec<f32> = serde_json::from_value(entry["embedding"].clone()).ok()?;
        rows.push((index, vector));
    }
    rows.sort_by_key(|(index, _)| *index);
    unit_vectors(rows.into_iter().map(|(_, vector)| vector).collect(), count)
}

/// What a hosted server or a vLLM on one GPU takes at once without queueing for long.
const SLOTS: u32 = 16;

/// A list of models is small; a server that needs longer hangs.
const PROBE_DEADLINE: Duration = Duration::from_secs(15);

/// The window that Ollama gives a model unless it is set up otherwise.
const OLLAMA_WINDOW: u32 = 4096;

/// A batch of embeddings on a loaded server without a GPU.
const EMBED_DEADLINE: Duration = Duration::from_secs(120);

/// Names in an error; a gateway lists hundreds.
const MAX_LISTED: usize = 10;

#[cfg(test)]
mod tests;
