//! Ollama's own protocol as data: a request's body, the meaning of each line of its stream, and
//! what it tells about a model. Pure.

use crate::api::{ChatRequest, EngineError, Timings};
use crate::preview::cut;
use crate::stream::{Account, BadLine, Decoder, Step};
use base::{Finish, Usage};
use serde_json::{Value, json};

/// What `POST /api/show` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) window: Option<u32>,
    pub(super) family: Option<String>,
    pub(super) embeds: bool,
    /// Its template leaves the assistant's last turn open.
    pub(super) prefill: bool,
    /// A hash of what decides its replies: another one is another model.
    pub(super) version: String,
}

impl Model {
    pub(super) fn read(answer: &Value) -> Model {
        let info = &answer["model_info"];
        let family = info["general.architecture"]
            .as_str()
            .or(answer["details"]["family"].as_str());
        let window = family.and_then(|family| info[format!("{family}.context_length")].as_u64());
        let abilities = answer["capabilities"].as_array();
        let can = |what: &str| abilities.is_some_and(|all| all.iter().any(|a| a == what));
        let template = answer["template"].as_str().unwrap_or_default();
        Model {
            window: window.and_then(|window| u32::try_from(window).ok()),
            family: family.map(str::to_owned),
            // Older servers list no abilities and turn any model's state into vectors.
            embeds: abilities.is_none() || can("embedding"),
            prefill: template.contains("$last") || template.contains(".Response"),
            version: version(answer),
        }
    }
}

/// The Modelfile names the weights by their digest, and has the parameters that a call leaves out.
fn version(answer: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in ["modelfile", "template", "parameters", "model_info"] {
        hasher.update(answer[part].to_string().as_bytes());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex()[..VERSION_DIGITS].to_owned()
}

/// Enough to tell the versions of one model apart.
const VERSION_DIGITS: usize = 32;

/// What a request is sent with, beside itself.
#[derive(Clone, Debug)]
pub(super) struct Settings<'a> {
    pub(super) model: &'a str,
    pub(super) num_ctx: u32,
    pub(super) keep_alive: &'a str,
}

pub(super) fn body(request: &ChatRequest, settings: &Settings<'_>) -> Value {
    let mut messages: Vec<Value> = request
        .messages
        .iter()
        .map(|m| json!({ "role": m.role.as_str(), "content": m.content }))
        .collect();
    if let Some(prefill) = &request.prefill {
        messages.push(json!({ "role": "assistant", "content": prefill }));
    }
    let sampling = &request.sampling;
    json!({
        "model": settings.model,
        "messages": messages,
        "stream": true,
        "keep_alive": settings.keep_alive,
        // Without these a prompt that does not fit loses its beginning, and nobody is told.
        "truncate": false,
        "shift": false,
        "options": {
            "num_ctx": settings.num_ctx,
            "num_predict": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed & 0x7fff_ffff,
            "stop": sampling.stop,
        },
    })
}

/// Reads the lines of a stream.
#[derive(Debug)]
pub(crate) struct Answers {
    engine: String,
    account: Account,
    done: bool,
}

impl Answers {
    pub(super) fn new(engine: &str) -> Answers {
        Answers {
            engine: engine.to_owned(),
            account: Account::default(),
            done: false,
        }
    }
}

impl Decoder for Answers {
    fn line(&mut self, line: &str) -> Result<Step, BadLine> {
        if line.trim().is_empty() {
            return Ok(Step::Nothing);
        }
        let answer: Value = serde_json::from_str(line)
            .map_err(|_| BadLine::Garbled(format!("a line that is not JSON: {}", cut(line))))?;
        if let Some(why) = answer["error"].as_str() {
            return Err(BadLine::Failed(EngineError::Garbled {
                engine: self.engine.clone(),
                reason: format!("it failed while it wrote: {}", cut(why)),
                partial: String::new(),
            }));
        }
        if answer["done"] == true {
            self.done = true;
            self.account = read_account(&answer);
        }
        let text = answer["message"]["content"].as_str().unwrap_or_default();
        // The last line may carry text, too; the stream's end then ends the reply.
        Ok(match (text.is_empty(), self.done) {
            (false, _) => Step::Text(text.to_owned()),
            (true, true) => Step::Done,
            (true, false) => Step::Nothing,
        })
    }

    fn complete(&self) -> bool {
        self.done
    }

    fn account(&self) -> Account {
        self.account
    }
}

/// The last line's sizes and times. Ollama does not say how much of the prompt it had cached, nor
/// whether a stop string ended the turn.
fn read_account(answer: &Value) -> Account {
    let number = |key: &str| answer[key].as_u64().unwrap_or(0);
    let millis = |key: &str| answer[key].as_f64().unwrap_or(0.0) / 1e6;
    let (prefill_ms, decode_ms) = (millis("prompt_eval_duration"), millis("eval_duration"));
    Account {
        finish: Some(match answer["done_reason"].as_str() {
            Some("length") => Finish::Length,
            _ => Finish::End,
        }),
        usage: Some(Usage {
            prompt_tokens: number("prompt_eval_count"),
            cached_tokens: 0,
            completion_tokens: number("eval_count"),
        }),
        timings: Some(Timings {
            queue_ms: (millis("total_duration") - prefill_ms - decode_ms).max(0.0),
            prefill_ms,
            decode_ms,
        }),
    }
}
