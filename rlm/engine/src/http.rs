//! One server over HTTP: sends JSON, reads bounded bodies, and says why a connection failed. Shared
//! by the HTTP engines. The key goes into one header of each request and nowhere else.

use crate::api::EngineError;
use crate::preview::describe;
use crate::secret::Secret;
use crate::web::{chain, why_unreachable};
use reqwest::{RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;

/// A server, as the engines talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    client: reqwest::Client,
    /// How errors name the engine, such as `openai:gpt@https://…`.
    pub(crate) engine: String,
    /// Without a slash at its end.
    url: String,
    key: Option<Secret>,
    /// How this kind of server is started, as an error's next step.
    start: &'static str,
}

impl Server {
    pub(crate) fn new(
        client: reqwest::Client,
        engine: String,
        url: &str,
        key: Option<Secret>,
        start: &'static str,
    ) -> Server {
        Server {
            client,
            engine,
            url: url.trim_end_matches('/').to_owned(),
            key,
            start,
        }
    }

    pub(crate) fn host(&self) -> String {
        let url = reqwest::Url::parse(&self.url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The address without `/v1`, where servers keep what is not of the protocol.
    pub(crate) fn root(&self) -> &str {
        self.url.strip_suffix("/v1").unwrap_or(&self.url)
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Response, EngineError> {
        self.send(self.client.get(url)).await
    }

    pub(crate) async fn post(&self, url: &str, body: &Value) -> Result<Response, EngineError> {
        self.send(self.client.post(url).json(body)).await
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, EngineError> {
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        request.send().await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() || error.is_timeout() {
                EngineError::Unreachable {
                    engine: self.engine.clone(),
                    reason: why_unreachable(&self.url, &error, self.start),
                }
            } else if error.is_builder() {
                EngineError::Refused {
                    reason: format!("{}: {}", self.engine, chain(&error)),
                }
            } else {
                self.garbled(chain(&error))
            }
        })
    }

    /// The whole body as JSON, if it is that.
    pub(crate) async fn json(&self, response: Response) -> Result<Value, EngineError> {
        let body = self.body(response, MAX_BODY_BYTES).await?;
        serde_json::from_str(&body)
            .map_err(|_| self.garbled(format!("not JSON: {}", describe(&body))))
    }

    /// The body as text, up to `max` bytes; more is an error, not a cut.
    pub(crate) async fn body(&self, response: Response, max: usize) -> Result<String, EngineError> {
        let (bytes, whole) = self.read(response, max).await?;
        if !whole {
            return Err(self.garbled(format!("an answer of more than {max} bytes")));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The beginning of an error's body. A connection that breaks here changes nothing.
    pub(crate) async fn error_body(&self, response: Response) -> String {
        match self.read(response, MAX_ERROR_BYTES).await {
            Ok((bytes, _)) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => error.to_string(),
        }
    }

    async fn read(
        &self,
        mut response: Response,
        max: usize,
    ) -> Result<(Vec<u8>, bool), EngineError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.garbled(chain(&error.without_url())))?
        {
            let room = max - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok((bytes, false));
            }
        }
        Ok((bytes, true))
    }

    pub(crate) fn garbled(&self, reason: String) -> EngineError {
        EngineError::Garbled {
            engine: self.engine.clone(),
            reason,
            partial: String::new(),
        }
    }
}

/// `Retry-After` in seconds or OpenAI's own header in milliseconds. A date is not read: it would
/// need the time of day, and the retry policy has a wait of its own.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(ms) = text("retry-after-ms").and_then(|t| t.trim().parse().ok()) {
        return Some(ms);
    }
    let seconds: f64 = text("retry-after")?.trim().parse().ok()?;
    let ms = (seconds * 1000.0).ceil();
    // Beyond a day nobody waits; the cap also makes the cast exact.
    (0.0..=86_400_000.0).contains(&ms).then_some(ms as u64)
}

/// Scales vectors to unit length; `None` when there are not `count` of them, of one length each.
pub(crate) fn unit_vectors(mut vectors: Vec<Vec<f32>>, count: usize) -> Option<Vec<Vec<f32>>> {
    let size = vectors.first().map_or(0, Vec::len);
    if vectors.len() != count || vectors.iter().any(|v| v.len() != size || v.is_empty()) {
        return None;
    }
    for vector in &mut vectors {
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if !norm.is_finite() || norm == 0.0 {
            return None;
        }
        vector.iter_mut().for_each(|x| *x /= norm);
    }
    Some(vectors)
}

/// Above any list of models or batch of vectors that we ask for (256 × 4096 numbers as text).
const MAX_BODY_BYTES: usize = 64 << 20;

/// As much of an error page as can hold a message.
const MAX_ERROR_BYTES: usize = 64 << 10;
