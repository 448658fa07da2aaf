//! What kinds of OpenAI-compatible servers there are, how they give themselves away in their list
//! of models, and which extensions each is known to take. Pure tables.

use serde_json::Value;

/// The software behind an OpenAI-compatible address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    OpenAi,
    Vllm,
    Sglang,
    LlamaCpp,
    Ollama,
    /// Anything else: only the plain protocol is used.
    Unknown,
}

/// How a server is told that the assistant's turn has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrefillForm {
    /// A trailing assistant message with `continue_final_message` and no generation prompt.
    ContinueFinal,
    /// A trailing assistant message is continued without being asked.
    Trailing,
}

impl ServerKind {
    pub(super) fn prefill(self) -> Option<PrefillForm> {
        match self {
            ServerKind::Vllm | ServerKind::Sglang => Some(PrefillForm::ContinueFinal),
            ServerKind::LlamaCpp | ServerKind::Ollama => Some(PrefillForm::Trailing),
            ServerKind::OpenAi | ServerKind::Unknown => None,
        }
    }

    /// The fields that carry a GBNF grammar. vLLM renamed its own; both names are sent because it
    /// ignores the one that it does not know.
    pub(super) fn grammar_fields(self, grammar: &str) -> Vec<(&'static str, Value)> {
        match self {
            ServerKind::Vllm => vec![
                (
                    "structured_outputs",
                    serde_json::json!({ "grammar": grammar }),
                ),
                ("guided_grammar", grammar.into()),
            ],
            ServerKind::Sglang => vec![("ebnf", grammar.into())],
            ServerKind::LlamaCpp => vec![("grammar", grammar.into())],
            ServerKind::OpenAi | ServerKind::Ollama | ServerKind::Unknown => Vec::new(),
        }
    }

    pub(super) fn takes_grammar(self) -> bool {
        matches!(
            self,
            ServerKind::Vllm | ServerKind::Sglang | ServerKind::LlamaCpp
        )
    }
}

/// What a server's list of models tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) kind: ServerKind,
    pub(super) models: Vec<String>,
    pub(super) window: Option<u32>,
}

impl Listing {
    /// A server that lists nothing.
    pub(super) fn silent(kind: ServerKind) -> Listing {
        Listing {
            kind,
            models: Vec::new(),
            window: None,
        }
    }

    /// Reads the answer of `GET /models`; anything unexpected in it is just not there.
    pub(super) fn read(answer: &Value, model: &str, host: &str) -> Listing {
        let empty = Vec::new();
        let entries = answer["data"].as_array().unwrap_or(&empty);
        let id = |entry: &Value| entry["id"].as_str().map(str::to_owned);
        let ours = entries.iter().find(|entry| entry["id"] == model);
        // Ollama tells a model's maker here: its own name for itself stands at some models only.
        let library = entries.iter().find(|entry| entry["owned_by"] == "library");
        let owner = library.or(ours).or(entries.first());
        let owner = owner.map(|entry| &entry["owned_by"]);
        let window = ours
            .or(entries.first().filter(|_| entries.len() == 1))
            .and_then(|entry| {
                let size = entry["max_model_len"].as_u64();
                u32::try_from(size.or(entry["meta"]["n_ctx"].as_u64())?).ok()
            });
        Listing {
            kind: kind_of(owner.and_then(Value::as_str), host),
            models: entries.iter().filter_map(id).collect(),
            window,
        }
    }
}

pub(super) fn kind_of(owner: Option<&str>, host: &str) -> ServerKind {
    if host == "api.openai.com" {
        return ServerKind::OpenAi;
    }
    match owner {
        Some("vllm") => ServerKind::Vllm,
        Some("sglang") => ServerKind::Sglang,
        Some("llamacpp") => ServerKind::LlamaCpp,
        Some("library") => ServerKind::Ollama,
        _ => ServerKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn servers_are_told_apart_by_their_list() {
        let list = json!({"data": [
            {"id": "a", "owned_by": "vllm", "max_model_len": 4096},
            {"id": "b", "owned_by": "vllm", "max_model_len": 8192},
        ]});
        let listing = Listing::read(&list, "b", "box");
        assert_eq!(listing.kind, ServerKind::Vllm);
        assert_eq!(listing.window, Some(8192));
        assert_eq!(listing.models, ["a", "b"]);
        assert_eq!(Listing::read(&list, "c", "box").window, None);

        let ollama = json!({"data": [
            {"id": "hf.co/maker/a:Q4", "owned_by": "maker"},
            {"id": "b:1b", "owned_by": "library"},
        ]});
        let listing = Listing::read(&ollama, "hf.co/maker/a:Q4", "box");
        assert_eq!((listing.kind, listing.window), (ServerKind::Ollama, None));

        let one = json!({"data": [{"id": "x.gguf", "owned_by": "llamacpp"}]});
        let listing = Listing::read(&one, "anything", "box");
        assert_eq!(listing.kind, ServerKind::LlamaCpp);
        assert_eq!(
            Listing::read(&json!({"data": []}), "gpt", "api.openai.com").kind,
            ServerKind::OpenAi
        );
        let nonsense = Listing::read(&json!("<html>"), "m", "box");
        assert_eq!(nonsense, Listing::silent(ServerKind::Unknown));
    }
}
