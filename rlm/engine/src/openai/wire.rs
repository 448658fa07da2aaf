//! The chat-completions protocol as data: a request's body, and the meaning of each event of its
//! stream. Pure.

use super::server::{PrefillForm, ServerKind};
use crate::api::{ChatRequest, EngineError};
use crate::lines::event_data;
use crate::preview::cut;
use crate::stream::{Account, BadLine, Decoder, Step};
use base::{Finish, Usage};
use serde_json::{Map, Value, json};

/// A field that some servers refuse; left out (or renamed) from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    MaxTokens,
    Temperature,
    TopP,
    Seed,
    Stop,
    StreamOptions,
}

impl Field {
    pub(super) const ALL: [Field; 6] = [
        Field::MaxTokens,
        Field::Temperature,
        Field::TopP,
        Field::Seed,
        Field::Stop,
        Field::StreamOptions,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Field::MaxTokens => "max_tokens",
            Field::Temperature => "temperature",
            Field::TopP => "top_p",
            Field::Seed => "seed",
            Field::Stop => "stop",
            Field::StreamOptions => "stream_options",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Field::MaxTokens => 1,
            Field::Temperature => 1 << 1,
            Field::TopP => 1 << 2,
            Field::Seed => 1 << 3,
            Field::Stop => 1 << 4,
            Field::StreamOptions => 1 << 5,
        }
    }
}

/// Which fields a server refused so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialect(pub(super) u8);

impl Dialect {
    pub(super) fn refuses(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    pub(super) fn without(self, field: Field) -> Dialect {
        Dialect(self.0 | field.bit())
    }
}

/// The body of a request, or why this server cannot be asked that.
pub(super) fn body(
    request: &ChatRequest,
    model: &str,
    kind: ServerKind,
    dialect: Dialect,
) -> Result<Value, EngineError> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
    put("model", model.into());
    put("messages", messages(request));
    put("stream", true.into());
    let sampling = &request.sampling;
    let limit = if dialect.refuses(Field::MaxTokens) || kind == ServerKind::OpenAi {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    put(limit, sampling.max_tokens.into());
    // Servers differ in how wide a seed may be; 31 bits fit all.
    let seed = sampling.seed & 0x7fff_ffff;
    let stops: Vec<&String> = sampling.stop.iter().take(MAX_STOPS).collect();
    let optional = [
        (Field::Temperature, json!(sampling.temperature)),
        (Field::TopP, json!(sampling.top_p)),
        (Field::Seed, json!(seed)),
        (Field::Stop, json!(stops)),
        (Field::StreamOptions, json!({ "include_usage": true })),
    ];
    for (field, value) in optional {
        let empty = field == Field::Stop && stops.is_empty();
        if !empty && !dialect.refuses(field) {
            put(field.name(), value);
        }
    }
    let unsupported = |what: &str| EngineError::Unsupported {
        engine: format!("the server of openai:{model}"),
        what: what.to_owned(),
    };
    if request.prefill.is_some() {
        match kind.prefill() {
            Some(PrefillForm::Trailing) => {}
            Some(PrefillForm::ContinueFinal) => {
                put("continue_final_message", true.into());
                put("add_generation_prompt", false.into());
            }
            None => return Err(unsupported("begin the assistant's turn (prefill)")),
        }
    }
    if let Some(grammar) = &request.grammar {
        if !kind.takes_grammar() {
            return Err(unsupported("hold a reply to a GBNF grammar"));
        }
        for (key, value) in kind.grammar_fields(grammar) {
            put(key, value);
        }
    }
    Ok(Value::Object(body))
}

fn messages(request: &ChatRequest) -> Value {
    let mut messages: Vec<Value> = request
        .messages
        .iter()
        .map(|m| json!({ "role": m.role.as_str(), "content": m.content }))
        .collect();
    if let Some(prefill) = &request.prefill {
        messages.push(json!({ "role": "assistant", "content": prefill }));
    }
    Value::Array(messages)
}

/// Reads the events of a stream.
#[derive(Debug)]
pub(crate) struct Events {
    engine: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
    done: bool,
}

impl Events {
    pub(super) fn new(engine: &str) -> Events {
        Events {
            engine: engine.to_owned(),
            finish: None,
            usage: None,
            done: false,
        }
    }

    /// Reads a reply that came whole, from a server that does not stream; gives its text.
    pub(super) fn whole(&mut self, answer: &Value) -> Result<String, BadLine> {
        if let Some(failure) = self.failure(answer) {
            return Err(failure);
        }
        let text = self.choice(answer, "message");
        if self.finish.is_none() && text.is_none() {
            return Err(BadLine::Garbled(format!(
                "no choices in {}",
                preview(answer)
            )));
        }
        self.done = true;
        Ok(text.unwrap_or_default())
    }

    fn choice(&mut self, event: &Value, part: &str) -> Option<String> {
        if let Some(usage) = read_usage(&event["usage"]) {
            self.usage = Some(usage);
        }
        let choice = &event["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish = Some(finish(reason, &choice["stop_reason"]));
        }
        choice[part]["content"].as_str().map(str::to_owned)
    }

    fn failure(&self, event: &Value) -> Option<BadLine> {
        let error = event.get("error").filter(|error| !error.is_null())?;
        let reason = error["message"].as_str().or(error.as_str());
        Some(BadLine::Failed(EngineError::Garbled {
            engine: self.engine.clone(),
            reason: format!(
                "it failed while it wrote: {}",
                reason.map_or_else(|| preview(error), str::to_owned)
            ),
            partial: String::new(),
        }))
    }
}

impl Decoder for Events {
    fn line(&mut self, line: &str) -> Result<Step, BadLine> {
        let Some(data) = event_data(line) else {
            // Comments keep the connection alive, `event:` and `id:` add nothing here. Bare JSON is
            // how some servers report an error in mid-stream.
            return match line.starts_with('{').then(|| serde_json::from_str(line)) {
                Some(Ok(event)) => self.failure(&event).map_or(Ok(Step::Nothing), Err),
                Some(Err(_)) | None => Ok(Step::Nothing),
            };
        };
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(Step::Done);
        }
        let event: Value = serde_json::from_str(data)
            .map_err(|_| BadLine::Garbled(format!("an event that is not JSON: {}", cut(data))))?;
        if let Some(failure) = self.failure(&event) {
            return Err(failure);
        }
        Ok(match self.choice(&event, "delta") {
            Some(text) if !text.is_empty() => Step::Text(text),
            Some(_) | None => Step::Nothing,
        })
    }

    fn complete(&self) -> bool {
        self.done || self.finish.is_some()
    }

    fn account(&self) -> Account {
        Account {
            finish: self.finish,
            usage: self.usage,
            timings: None,
        }
    }
}

/// A server says `stop` both for a turn that ended and for a stop string; only vLLM and SGLang tell
/// them apart, by naming the string. Elsewhere it counts as the end of the turn.
fn finish(reason: &str, stop_reason: &Value) -> Finish {
    match reason {
        "length" => Finish::Length,
        _ if stop_reason.is_string() => Finish::Stop,
        _ => Finish::End,
    }
}

fn read_usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        prompt_tokens: usage["prompt_tokens"].as_u64()?,
        cached_tokens: usage["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap_or(0),
        completion_tokens: usage["completion_tokens"].as_u64()?,
    })
}

pub(super) fn preview(value: &Value) -> String {
    cut(&value.to_string())
}

/// The protocol's own limit; the rest is watched for here.
const MAX_STOPS: usize = 4;
