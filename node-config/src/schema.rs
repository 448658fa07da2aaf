//! The typed configuration. It has no defaults and no documentation of its own: both are in
//! `table.rs`, and a test holds the two together key by key. Every folder in it is a real path.

mod cluster;

pub use cluster::{ApiPlace, Clustering, LinkBounds, Probing, RaftPace, Spreading};

use crate::ByteSize;
use crate::span::as_text;
use base::Budgets;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub models: ModelChoice,
    pub budgets: Budgeting,
    pub root: RootAsking,
    pub dispatch: Dispatching,
    pub cache: Caching,
    pub repl: ReplBounds,
    pub context: ContextStore,
    pub engine: Engines,
    pub providers: Providers,
    pub api: ApiPlace,
    pub cluster: Clustering,
    pub display: Displaying,
    pub trace: Tracing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    pub default: String,
    pub sub: String,
    #[serde(with = "none_or")]
    pub catalog: Option<PathBuf>,
    pub data_dir: PathBuf,
    #[serde(with = "none_or")]
    pub record: Option<PathBuf>,
    #[serde(with = "none_or")]
    pub replay: Option<PathBuf>,
}

impl ModelChoice {
    /// The model of sub-calls, `"same"` resolved.
    pub fn sub_model(&self) -> &str {
        if self.sub == "same" {
            &self.default
        } else {
            &self.sub
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgeting {
    pub turns: u32,
    pub sub_calls: u32,
    pub tokens: u64,
    #[serde(with = "as_text")]
    pub wall: Duration,
    pub depth: u32,
    pub consecutive_errors: u32,
}

impl Budgeting {
    pub fn budgets(&self) -> Budgets {
        Budgets {
            turns: self.turns,
            sub_calls: self.sub_calls,
            tokens: self.tokens,
            wall: self.wall,
            depth: self.depth,
            consecutive_errors: self.consecutive_errors,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootAsking {
    pub retries: u32,
    #[serde(with = "as_text")]
    pub retry_wait: Duration,
    pub reply_bytes: ByteSize,
    pub closing_percent: u32,
    #[serde(with = "as_text")]
    pub closing_most: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatching {
    pub max_concurrent: u32,
    pub waiting_per_job: u32,
    pub waiting_in_all: u32,
    #[serde(with = "as_text")]
    pub call_deadline: Duration,
    pub retries: u32,
    #[serde(with = "as_text")]
    pub retry_wait: Duration,
    #[serde(with = "as_text")]
    pub retry_wait_max: Duration,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caching {
    pub enabled: bool,
    pub memory_bytes: ByteSize,
    pub disk_bytes: ByteSize,
    pub dir: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplBounds {
    #[serde(with = "as_text")]
    pub block_time: Duration,
    pub memory_bytes: ByteSize,
    pub output_bytes: ByteSize,
    pub host_calls: u64,
    pub recursion: u32,
    /// 0 turns the guard off.
    pub bulk_items: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextStore {
    pub max_bytes: ByteSize,
    pub max_files: u32,
    pub index_cache: bool,
    pub respect_ignore: bool,
    pub ignore: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engines {
    pub llama: Llama,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llama {
    pub threads: Auto,
    pub window: u32,
    pub cells: Auto,
    pub sequences: u32,
    pub kv_type: KvType,
    pub flash_attention: Switch,
    pub batch: u32,
    pub physical_batch: u32,
    pub mmap: bool,
    pub extra_bufts: Switch,
}

/// A number, or the choice left to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Auto {
    Count(u32),
    Auto(AutoWord),
}

impl Auto {
    pub const AUTO: Auto = Auto::Auto(AutoWord::Auto);

    pub fn count(self) -> Option<u32> {
        match self {
            Auto::Count(count) => Some(count),
            Auto::Auto(AutoWord::Auto) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoWord {
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvType {
    F16,
    #[serde(rename = "q8_0")]
    Q8,
    #[serde(rename = "q4_0")]
    Q4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    Auto,
    On,
    Off,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    pub openai: OpenAi,
    pub ollama: Ollama,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAi {
    #[serde(with = "none_or")]
    pub key_env: Option<String>,
    #[serde(with = "none_or")]
    pub key_file: Option<PathBuf>,
    pub max_concurrent: u32,
    #[serde(with = "as_text")]
    pub connect_timeout: Duration,
    pub servers: Vec<OpenAiServer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAiServer {
    pub name: String,
    pub url: String,
    pub max_concurrent: u32,
    #[serde(with = "none_or")]
    pub key_env: Option<String>,
    #[serde(with = "none_or")]
    pub key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ollama {
    pub url: String,
    #[serde(with = "as_text")]
    pub keep_alive: Duration,
    pub max_concurrent: u32,
    #[serde(with = "as_text")]
    pub connect_timeout: Duration,
    pub servers: Vec<OllamaServer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OllamaServer {
    pub name: String,
    pub host: String,
    pub port: u16,
    pub models: Vec<String>,
    pub max_concurrent: u32,
    pub priority: u32,
}

impl OllamaServer {
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Displaying {
    pub live: Switch,
    #[serde(with = "as_text")]
    pub every: Duration,
    pub color: ColorWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    pub enabled: bool,
    pub dir: PathBuf,
    pub keep: u32,
}

mod none_or {
    //! TOML has no null: `"none"` stands for a field that is left out.
    use serde::de::{DeserializeOwned, IntoDeserializer};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(to),
            None => to.serialize_str("none"),
        }
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(from)?;
        if text == "none" {
            return Ok(None);
        }
        T::deserialize(text.into_deserializer()).map(Some)
    }
}
