//! What a user can turn: one table of fields with their defaults, the layers that may set them, and
//! the facts of the machine. Owns every read of a configuration file, of the environment and of a
//! key; refuses unknown keys, values without a unit, secrets by value, and fields that contradict
//! each other. A default lives in `table.rs` and nowhere else.

mod dirs;
mod environment;
pub mod hardware;
mod kind;
mod layer;
mod legacy;
mod load;
mod outside;
mod problem;
mod reference;
mod relations;
mod resolve;
mod schema;
mod secret;
mod size;
mod span;
mod table;
#[cfg(test)]
mod tests;

pub use dirs::{DirError, Dirs, ensure_private_dir, restrict_file};
pub use environment::{API_KEY, Environment};
pub use kind::{DirPlace, FieldKind};
pub use legacy::{Fate, LEGACY, LegacyKey, Unit};
pub use load::{LoadRequest, config_files, load, load_from};
pub use outside::{Outside, Proxies, ServiceWish};
pub use problem::{ConfigError, Problem, Warning};
pub use reference::{reference, sample};
pub use resolve::{Layer, Loaded, Origin, resolve};
pub use schema::{
    ApiPlace, Auto, AutoWord, Budgeting, Caching, Clustering, ColorWhen, Config, ContextStore,
    Dispatching, Displaying, Engines, KvType, LinkBounds, Llama, ModelChoice, Ollama, OllamaServer,
    OpenAi, OpenAiServer, Probing, Providers, RaftPace, ReplBounds, RootAsking, Spreading, Switch,
    Tracing,
};
pub use secret::{KeySource, SecretError, ServerKey, read_key};
pub use size::{ByteSize, ParseSizeError};
pub use span::{ParseSpanError, format_span, parse_span};
pub use table::{FIELDS, Field, OLLAMA_SERVER, OPENAI_SERVER, takes};
