//! What a server means that answers with an error. Pure: status, headers and body in, one of our
//! errors (or the field to leave out) out.

use super::wire::{Dialect, Field};
use crate::api::{ChatRequest, EngineError};
use crate::preview::{cut, describe};
use serde_json::Value;

/// An answer that is not a reply.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) body: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// Ask again without this field.
    LeaveOut(Field),
    /// The server has no such model; the caller adds which it has.
    UnknownModel(String),
    Error(EngineError),
}

/// Reads an error answer. `sent` is the dialect in which the request was written.
pub(super) fn read(
    answer: &Answer,
    engine: &str,
    asked: Option<&ChatRequest>,
    sent: Dialect,
) -> Refusal {
    let json: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    let why = message(&json).unwrap_or_else(|| describe(&answer.body));
    let engine = engine.to_owned();
    let refused = |reason: String| Refusal::Error(EngineError::Refused { reason });
    match answer.status {
        400 | 404 | 413 | 422 if too_long(&json, &why, asked).is_some() => {
            too_long(&json, &why, asked).map_or_else(|| refused(why), Refusal::Error)
        }
        400 | 404 | 422 if is_unknown_model(&json, &why) => Refusal::UnknownModel(why),
        400 | 422 => match refused_field(&json, &why, sent) {
            Some(field) => Refusal::LeaveOut(field),
            None => refused(format!("{engine}: {why}")),
        },
        401 | 403 => refused(format!(
            "{engine} does not accept the key ({why}); give the right one in a file or a variable"
        )),
        404 | 405 => refused(format!(
            "{engine} has nothing at this address ({why}); the URL mostly ends in /v1"
        )),
        429 if json["error"]["code"] == "insufficient_quota" => refused(format!("{engine}: {why}")),
        429 | 503 | 529 => Refusal::Error(EngineError::Busy {
            engine,
            reason: why,
            retry_after_ms: answer.retry_after_ms,
        }),
        status @ (408 | 500..=599) => Refusal::Error(EngineError::Unreachable {
            engine,
            reason: format!("HTTP {status}: {why}"),
        }),
        status @ 400..=499 => refused(format!("{engine}: HTTP {status}: {why}")),
        status => Refusal::Error(EngineError::Garbled {
            engine,
            reason: format!("HTTP {status}: {why}"),
            partial: String::new(),
        }),
    }
}

fn message(json: &Value) -> Option<String> {
    let error = &json["error"];
    let detail = &json["detail"];
    [
        &error["message"],
        error,
        &json["message"],
        detail,
        &detail[0]["msg"],
    ]
    .into_iter()
    .find_map(Value::as_str)
    .map(cut)
}

fn is_unknown_model(json: &Value, why: &str) -> bool {
    let code = &json["error"]["code"];
    let text = why.to_ascii_lowercase();
    let missing = [
        "does not exist",
        "not found",
        "not exist",
        "unknown model",
        "no such model",
    ];
    code == "model_not_found"
        || (text.contains("model") && missing.iter().any(|words| text.contains(words)))
}

fn refused_field(json: &Value, why: &str, sent: Dialect) -> Option<Field> {
    let param = json["error"]["param"].as_str();
    let place = json["detail"][0]["loc"]
        .as_array()
        .and_then(|loc| loc.last())
        .and_then(Value::as_str);
    Field::ALL
        .into_iter()
        .filter(|field| !sent.refuses(*field))
        .find(|field| {
            let name = field.name();
            let quoted = ['\'', '"', '`']
                .iter()
                .any(|q| why.contains(&format!("{q}{name}{q}")));
            param == Some(name) || place == Some(name) || (quoted && why.contains("upported"))
        })
}

/// The sizes that a server names when a prompt does not fit.
fn too_long(json: &Value, why: &str, asked: Option<&ChatRequest>) -> Option<EngineError> {
    let error = &json["error"];
    let reply = asked.map_or(0, |request| u64::from(request.sampling.max_tokens));
    if let (Some(tokens), Some(window)) =
        (error["n_prompt_tokens"].as_u64(), error["n_ctx"].as_u64())
    {
        return Some(sizes(tokens, window, reply));
    }
    let window = number_after(why, "maximum context length is")
        .or_else(|| number_after(why, "maximum context length of"))?;
    let prompt = number_before(why, "in the messages")
        .or_else(|| number_before(why, "input tokens"))
        .or_else(|| number_after(why, "resulted in"))
        .or_else(|| Some(number_after(why, "requested")?.saturating_sub(reply)))?;
    Some(sizes(prompt, window, reply))
}

fn sizes(tokens: u64, window: u64, reply: u64) -> EngineError {
    EngineError::TooLong {
        tokens,
        window,
        over: (tokens + reply).saturating_sub(window).max(1),
    }
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, after) = text.split_once(words)?;
    let digits: String = after
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

fn number_before(text: &str, words: &str) -> Option<u64> {
    let (before, _) = text.split_once(words)?;
    let before = before.trim_end();
    let start = before
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    before.get(start..)?.parse().ok()
}

#[cfg(test)]
mod tests;
