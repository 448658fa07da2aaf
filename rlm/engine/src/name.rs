//! How a model is named, the same way in flags, files and the REPL's `model=`. Owns the grammar of
//! that name and nothing else: whether the model exists is for the catalog, the file system or the
//! server to say. Invariant: `name.to_string().parse() == Ok(name)`.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where Ollama listens when nobody says otherwise.
pub const OLLAMA_URL: &str = "http://127.0.0.1:11434";

/// A model, as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModelName {
    /// A name of the catalog, such as `qwen2.5-coder-1.5b`.
    Catalog(String),
    /// A model file on this machine; ends in `.gguf`.
    Gguf(PathBuf),
    /// `ollama:NAME[@URL]`; without a URL the server on this machine.
    Ollama { name: String, url: Option<String> },
    /// `openai:NAME@URL`; the URL as official clients take it, mostly ending in `/v1`.
    OpenAi { name: String, url: String },
}

/// A text that names no model. The message says what is wrong and shows a right form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelNameError {
    #[error("a model's name is missing: give {EXAMPLES}")]
    Empty,
    #[error("`{text}` names no model: give {EXAMPLES}")]
    Malformed { text: String },
    #[error("`{text}` looks like an Ollama model; write `ollama:{text}`")]
    LooksLikeOllama { text: String },
    #[error(
        "`{text}` is a place to download from, not a model to ask; \
         run `rlm-ctl model pull {text}` and then use the name that it prints"
    )]
    LooksLikeSource { text: String },
    #[error("`{text}` is a path, but a model file's name ends in `.gguf`")]
    NotGguf { text: String },
    #[error(
        "`{text}` lacks the server's address: write `openai:NAME@URL`, \
         for example `openai:my-model@http://127.0.0.1:8000/v1`"
    )]
    NoUrl { text: String },
    #[error("`{text}` lacks the model's name before `@`: write `{kind}:NAME@URL`")]
    NoName { text: String, kind: &'static str },
    #[error("`{url}` is not an http or https address: {reason}")]
    BadUrl { url: String, reason: String },
    #[error("`{url}` has no path; OpenAI-compatible servers are mostly at `{url}/v1`")]
    NoPath { url: String },
}

impl ModelName {
    /// The last part of the name, short enough for a progress line.
    pub fn short(&self) -> String {
        match self {
            ModelName::Catalog(name) => name.clone(),
            ModelName::Gguf(path) => path.file_stem().map_or_else(
                || path.display().to_string(),
                |s| s.to_string_lossy().into(),
            ),
            ModelName::Ollama { name, .. } | ModelName::OpenAi { name, .. } => name.clone(),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelName::Catalog(name) => f.write_str(name),
            ModelName::Gguf(path) => write!(f, "{}", path.display()),
            ModelName::Ollama { name, url: None } => write!(f, "ollama:{name}"),
            ModelName::Ollama {
                name,
                url: Some(url),
            } => write!(f, "ollama:{name}@{url}"),
            ModelName::OpenAi { name, url } => write!(f, "openai:{name}@{url}"),
        }
    }
}

impl FromStr for ModelName {
    type Err = ModelNameError;

    fn from_str(text: &str) -> Result<ModelName, ModelNameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ModelNameError::Empty);
        }
        if let Some(rest) = text.strip_prefix("ollama:") {
            return parse_ollama(text, rest);
        }
        if let Some(rest) = text.strip_prefix("openai:") {
            return parse_openai(text, rest);
        }
        let owned = || text.to_owned();
        if ["hf:", "http://", "https://"]
            .iter()
            .any(|p| text.starts_with(p))
        {
            return Err(ModelNameError::LooksLikeSource { text: owned() });
        }
        if text.to_ascii_lowercase().ends_with(".gguf") {
            return Ok(ModelName::Gguf(PathBuf::from(text)));
        }
        if text.starts_with(['/', '.', '~']) || text.contains('/') {
            return Err(ModelNameError::NotGguf { text: owned() });
        }
        if is_catalog_name(text) {
            return Ok(ModelName::Catalog(owned()));
        }
        match text.split_once(':') {
            Some((name, tag)) if is_catalog_name(name) && is_catalog_name(tag) => {
                Err(ModelNameError::LooksLikeOllama { text: owned() })
            }
            _ => Err(ModelNameError::Malformed { text: owned() }),
        }
    }
}

impl TryFrom<String> for ModelName {
    type Error = ModelNameError;

    fn try_from(text: String) -> Result<ModelName, ModelNameError> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> String {
        name.to_string()
    }
}

fn parse_ollama(text: &str, rest: &str) -> Result<ModelName, ModelNameError> {
    let (name, url) = match split_url(rest) {
        Some((name, url)) => (name, Some(server_url(url)?)),
        None => (rest, None),
    };
    Ok(ModelName::Ollama {
        name: server_model(text, name, "ollama")?,
        url,
    })
}

fn parse_openai(text: &str, rest: &str) -> Result<ModelName, ModelNameError> {
    let Some((name, url)) = split_url(rest) else {
        return Err(ModelNameError::NoUrl { text: text.into() });
    };
    let url = server_url(url)?;
    // `http://box:8000` answers HTML or 404 on every server that we know; say it now.
    if url
        .split("://")
        .nth(1)
        .is_some_and(|tail| !tail.contains('/'))
    {
        return Err(ModelNameError::NoPath { url });
    }
    Ok(ModelName::OpenAi {
        name: server_model(text, name, "openai")?,
        url,
    })
}

/// Splits at the `@` before the address; names of models may contain other `@` and `:`.
fn split_url(rest: &str) -> Option<(&str, &str)> {
    let at = ["@http://", "@https://"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min();
    match at {
        Some(at) => Some((&rest[..at], &rest[at + 1..])),
        None => rest.rsplit_once('@').filter(|(_, url)| !url.is_empty()),
    }
}

fn server_model(text: &str, name: &str, kind: &'static str) -> Result<String, ModelNameError> {
    let text = || text.to_owned();
    if name.is_empty() {
        return Err(ModelNameError::NoName { text: text(), kind });
    }
    // The `@` would come out on the other side at the next reading.
    if name.ends_with('@') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ModelNameError::Malformed { text: text() });
    }
    Ok(name.to_owned())
}

/// Checks an address and gives it as it is shown and compared: without the slashes at its end, the
/// scheme's own port, and capitals in the host.
pub fn server_url(text: &str) -> Result<String, ModelNameError> {
    let bad = |reason: String| ModelNameError::BadUrl {
        url: text.to_owned(),
        reason,
    };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(format!("it begins with `{}:`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // The secret must not reach the error's text, a log or a process list.
        return Err(ModelNameError::BadUrl {
            url: format!(
                "{}://…@{}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            ),
            reason: "a key or password does not belong into an address; \
                     give it in a file or the environment"
                .into(),
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("leave out what follows `?` or `#`".into()));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_catalog_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

const EXAMPLES: &str = "a catalog name (`qwen2.5-coder-1.5b`), a file (`/models/my.gguf`), \
                        `ollama:NAME[@URL]`, or `openai:NAME@URL`";

#[cfg(test)]
mod tests;
