//! From a model's name to a running engine. Opens each model once per process, however many jobs
//! name it, and says which prompts suit it.

mod recording;

use crate::settings::Settings;
use engine::{
    Engine, EngineError, ModelFacts, ModelName, OllamaEngine, OllamaOptions, OpenAiEngine,
    OpenAiOptions, RecordingError, WebError,
};
use engine_llama::{InspectError, LlamaEngine, LlamaOptions, OpenError};
use models::{Catalog, Store};
use node_config::{Environment, KeySource, SecretError};
use recording::Tape;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, OnceCell};

pub use recording::TapeFault;

/// Models up to this many billions of parameters get the short prompts.
const SMALL_BILLIONS: f64 = 4.0;

/// One model that can be asked.
pub struct OpenedModel {
    /// Everything that tells this model's replies from another's: part of a cached reply's key.
    pub identity: String,
    pub engine: Arc<dyn Engine>,
    pub facts: ModelFacts,
    /// The prompt profile that suits it, by name.
    pub profile: String,
    /// What its user should know, such as a chat template that is not its own.
    pub notes: Vec<String>,
    tape: Tape,
}

/// Why a model cannot be asked. Nothing was asked.
#[derive(Debug, thiserror::Error)]
pub enum OpenModelError {
    #[error("{0}")]
    Store(#[from] models::StoreError),
    #[error("{0}")]
    Catalog(#[from] models::CatalogError),
    #[error("{}: {error}", path.display())]
    CatalogFile {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{0}")]
    Dispatch(#[from] dispatch::AddModelError),
    #[error("{0}")]
    Inspect(#[from] InspectError),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{0}")]
    Server(#[from] EngineError),
    #[error("{0}")]
    Web(#[from] WebError),
    #[error("{0}")]
    Key(#[from] SecretError),
    #[error("this program's own path is not known, so it cannot start the model's process: {0}")]
    Program(std::io::Error),
    /// The recording, to be written or read, is damaged, cut off or out of reach.
    #[error("{0}")]
    Recording(#[from] RecordingError),
    #[error("`{model}` was not recorded: there is no {}", file.display())]
    NotRecorded { model: String, file: PathBuf },
}

/// The engines of one process.
pub struct EngineSet {
    settings: Settings,
    store: Store,
    catalog: Catalog,
    // Held while a model loads, so that two jobs that name the same one load it once.
    open: Mutex<BTreeMap<String, Arc<OpenedModel>>>,
    /// Set once the folder of this process's recording is its own.
    begun: OnceCell<()>,
    /// Why the first model that a replay could not open has no replies.
    unplayed: OnceLock<String>,
}

impl EngineSet {
    pub fn new(settings: Settings) -> Result<EngineSet, OpenModelError> {
        let store = Store::new(&settings.config.models.data_dir);
        let catalog = catalog(&settings)?;
        Ok(EngineSet {
            settings,
            store,
            catalog,
            open: Mutex::new(BTreeMap::new()),
            begun: OnceCell::new(),
            unplayed: OnceLock::new(),
        })
    }

    /// The engine for `name`, opened at the first call.
    pub async fn open(&self, name: &ModelName) -> Result<Arc<OpenedModel>, OpenModelError> {
        let mut open = self.open.lock().await;
        let key = name.to_string();
        if let Some(opened) = open.get(&key) {
            return Ok(Arc::clone(opened));
        }
        let models = &self.settings.config.models;
        let opened = match (&models.replay, &models.record) {
            (Some(folder), _) => {
                let replayed = recording::replayed(folder, name).await;
                // A job may go on without a sub-model, and is then another one than was recorded.
                replayed.inspect_err(|error| drop(self.unplayed.set(error.to_string())))?
            }
            (None, Some(folder)) => {
                let begin = || async { recording::begin(folder) };
                self.begun.get_or_try_init(begin).await?;
                recording::recorded(folder, name, self.start(name).await?)?
            }
            (None, None) => self.start(name).await?,
        };
        let opened = Arc::new(opened);
        open.insert(key, Arc::clone(&opened));
        Ok(opened)
    }

    /// What is wrong with the recording that is written or replayed, if anything is.
    pub(crate) async fn recording_fault(&self) -> Option<TapeFault> {
        let open = self.open.lock().await;
        let unplayed = || self.unplayed.get().cloned().map(TapeFault::Missed);
        let fault = open.values().find_map(|opened| opened.tape.fault());
        fault.or_else(unplayed)
    }

    async fn start(&self, name: &ModelName) -> Result<OpenedModel, OpenModelError> {
        match name {
            ModelName::Catalog(entry) => {
                let path = self.store.path_of(&self.catalog, entry)?;
                let shown = self.store.show(&self.catalog, entry)?;
                let identity = match shown.sha256 {
                    Some(hash) => format!("sha256:{hash}"),
                    None => file_identity(&path),
                };
                let profile = shown.profile.map(|profile| profile.as_str().to_owned());
                self.llama(&path, identity, profile).await
            }
            ModelName::Gguf(path) => self.llama(path, file_identity(path), None).await,
            ModelName::Ollama { name, url } => self.ollama(name, url.as_deref()).await,
            ModelName::OpenAi { name: model, url } => self.openai(name, model, url).await,
        }
    }

    async fn llama(
        &self,
        path: &Path,
        identity: String,
        profile: Option<String>,
    ) -> Result<OpenedModel, OpenModelError> {
        let program = std::env::current_exe().map_err(OpenModelError::Program)?;
        let file = engine_llama::inspect(path)?;
        let options = self.llama_options(path.to_owned(), program);
        let identity = format!("{identity} {}", options.reply_settings());
        let engine = LlamaEngine::open(options).await?;
        let facts = engine.facts().await?;
        let profile = profile.unwrap_or_else(|| profile_for(file.parameters as f64 / 1e9));
        let notes = engine.notes().to_vec();
        for note in &notes {
            tracing::warn!(path = %path.display(), "{note}");
        }
        Ok(OpenedModel {
            identity,
            engine: Arc::new(engine),
            facts,
            profile,
            notes,
            tape: Tape::Off,
        })
    }

    fn llama_options(&self, model: PathBuf, program: PathBuf) -> LlamaOptions {
        let config = &self.settings.config.engine.llama;
        let hardware = node_config::hardware::read();
        let args = vec!["engine-worker".to_owned()];
        let mut options = LlamaOptions::new(model, program, args, hardware.cores);
        // A machine that does not tell its memory has no total either.
        options.memory = (hardware.memory_total > 0).then_some(hardware.memory_available);
        if let Some(threads) = config.threads.count() {
            options.threads = threads;
        }
        options.window = config.window;
        options.slots = config.sequences;
        if let Some(cells) = config.cells.count() {
            options.cells = cells;
        }
        options.cells = options.cells.max(options.window);
        options.chunk = config.batch;
        options.at_once = config.physical_batch;
        options.kv = match config.kv_type {
            node_config::KvType::F16 => engine_llama::KvType::F16,
            node_config::KvType::Q8 => engine_llama::KvType::Q8_0,
            node_config::KvType::Q4 => engine_llama::KvType::Q4_0,
        };
        options.flash_attention = match config.flash_attention {
            node_config::Switch::On => true,
            node_config::Switch::Off => false,
            node_config::Switch::Auto => options.kv != engine_llama::KvType::F16,
        };
        options.mmap = config.mmap;
        options.extra_bufts = match config.extra_bufts {
            node_config::Switch::On => Some(true),
            node_config::Switch::Off => Some(false),
            node_config::Switch::Auto => None,
        };
        options.prefix_store = Some(self.settings.prefix_cache());
        options
    }

    async fn ollama(&self, model: &str, url: Option<&str>) -> Result<OpenedModel, OpenModelError> {
        let config = &self.settings.config.providers.ollama;
        let client = engine::web_client(&self.settings.web(config.connect_timeout))?;
        let (url, slots) = ollama_server(config, model, url);
        let options = OllamaOptions {
            keep_alive: node_config::format_span(config.keep_alive),
            slots,
            ..OllamaOptions::default()
        };
        let engine = OllamaEngine::new(client, &url, model, options);
        let version = engine.version().await?;
        let identity = format!("ollama:{model}@{} {version}", address(&url));
        self.server(identity, model, Arc::new(engine)).await
    }

    async fn openai(
        &self,
        name: &ModelName,
        model: &str,
        url: &str,
    ) -> Result<OpenedModel, OpenModelError> {
        let config = &self.settings.config.providers.openai;
        let client = engine::web_client(&self.settings.web(config.connect_timeout))?;
        let mut listed = config.servers.iter();
        let server = listed.find(|server| same_server(&server.url, url));
        let source = server.map_or_else(|| KeySource::from(config), KeySource::from);
        let key = node_config::read_key(&source, &Environment::capture())?;
        let options = OpenAiOptions {
            key: key.map(|key| engine::Secret::new(key.reveal())),
            slots: server.map_or(config.max_concurrent, |server| server.max_concurrent),
            ..OpenAiOptions::default()
        };
        let engine = OpenAiEngine::new(client, url, model, options);
        self.server(name.to_string(), model, Arc::new(engine)).await
    }

    async fn server(
        &self,
        identity: String,
        model: &str,
        engine: Arc<dyn Engine>,
    ) -> Result<OpenedModel, OpenModelError> {
        let facts = engine.facts().await?;
        let profile = profile_for(billions(model).unwrap_or(f64::INFINITY));
        Ok(OpenedModel {
            identity,
            engine,
            facts,
            profile,
            notes: Vec::new(),
            tape: Tape::Off,
        })
    }
}

/// The catalog that comes with the program, with the user's own entries.
pub fn catalog(settings: &Settings) -> Result<Catalog, OpenModelError> {
    let mut catalog = Catalog::built_in()?;
    if let Some(path) = &settings.config.models.catalog {
        let text = std::fs::read_to_string(path).map_err(|error| OpenModelError::CatalogFile {
            path: path.clone(),
            error,
        })?;
        catalog.merge(&path.display().to_string(), &text)?;
    }
    Ok(catalog)
}

/// Where an Ollama model is asked, and how many calls at once: at the address that the name has;
/// else at the listed server that serves it, lowest priority first; else at the usual one.
fn ollama_server(config: &node_config::Ollama, model: &str, url: Option<&str>) -> (String, u32) {
    let mut listed = config.servers.iter();
    let server = match url {
        Some(url) => listed.find(|server| same_server(&server.url(), url)),
        None => listed
            .filter(|server| {
                server.models.is_empty() || server.models.iter().any(|served| served == model)
            })
            .min_by_key(|server| server.priority),
    };
    let address = url.map(str::to_owned);
    match server {
        Some(server) => (
            address.unwrap_or_else(|| server.url()),
            server.max_concurrent,
        ),
        None => (
            address.unwrap_or_else(|| config.url.clone()),
            config.max_concurrent,
        ),
    }
}

/// Whether a listed address and that of a model's name mean one server, however they are written.
fn same_server(listed: &str, named: &str) -> bool {
    engine::server_url(listed).is_ok_and(|listed| engine::server_url(named) == Ok(listed))
}

/// A server's address in a key of the reply cache. One that is not in order may have a password in
/// it: a hash stands for that.
fn address(url: &str) -> String {
    let hash = |_| blake3::hash(url.as_bytes()).to_hex().to_string();
    engine::server_url(url).unwrap_or_else(hash)
}

fn profile_for(billions: f64) -> String {
    if billions <= SMALL_BILLIONS {
        "small"
    } else {
        "capable"
    }
    .to_owned()
}

/// The size that a model's name tells, as in `qwen2.5-coder:1.5b`.
fn billions(model: &str) -> Option<f64> {
    let lower = model.to_ascii_lowercase();
    lower
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .filter_map(|part| part.strip_suffix('b')?.parse::<f64>().ok())
        .next_back()
}

/// A file that changed is another model.
fn file_identity(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    match std::fs::metadata(path) {
        Ok(meta) => format!(
            "file:{}:{}:{}:{}.{}",
            path.display(),
            meta.ino(),
            meta.len(),
            meta.mtime(),
            meta.mtime_nsec()
        ),
        // It cannot be opened either, and that error is the one to tell.
        Err(_) => format!("file:{}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;
    use std::collections::BTreeSet;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn a_name_tells_which_prompts_suit() {
        for (name, expected) in [
            ("qwen2.5-coder:1.5b", Some(1.5)),
            ("llama3.3:70b", Some(70.0)),
            ("Qwen3-30B-A3B", Some(30.0)),
            ("gpt-5", None),
        ] {
            assert_eq!(billions(name), expected, "{name}");
        }
        assert_eq!(profile_for(1.5), "small");
        assert_eq!(profile_for(f64::INFINITY), "capable");
    }

    #[test]
    fn a_server_is_found_however_its_address_is_written() {
        let named = "https://api.example.com/v1";
        for (listed, same) in [
            ("https://api.example.com/v1", true),
            ("https://api.example.com/v1/", true),
            ("https://API.example.com:443/v1", true),
            ("https://api.example.com/v2", false),
            ("http://api.example.com/v1", false),
            ("https:///", false),
        ] {
            assert_eq!(same_server(listed, named), same, "{listed}");
        }
    }

    fn options(flags: &[(&str, &str)]) -> LlamaOptions {
        let engines = EngineSet::new(settings(flags)).unwrap();
        engines.llama_options("m.gguf".into(), "rlm".into())
    }

    #[test]
    fn a_model_may_take_what_this_machine_leaves() {
        let total = node_config::hardware::read().memory_total;
        assert!(options(&[]).memory.is_some_and(|bytes| bytes <= total));
    }

    #[test]
    fn replies_of_one_setting_are_not_those_of_another() {
        let usual = options(&[]).reply_settings();
        for change in [
            ("engine.llama.kv_type", "q8_0"),
            ("engine.llama.flash_attention", "on"),
            ("engine.llama.window", "4096"),
            ("engine.llama.extra_bufts", "on"),
        ] {
            assert_ne!(options(&[change]).reply_settings(), usual, "{change:?}");
        }
        assert_eq!(
            options(&[("engine.llama.threads", "1")]).reply_settings(),
            usual
        );
    }

    /// An Ollama that tells about its model once.
    async fn ollama(modelfile: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"}") {
                assert!(stream.read_buf(&mut asked).await.unwrap() > 0);
            }
            let body = format!("{{\"modelfile\": \"{modelfile}\"}}");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
            // The next one must not get its port.
            std::future::pending::<()>().await;
            drop(listener);
        });
        url
    }

    #[tokio::test]
    async fn a_reply_of_one_server_or_version_is_not_that_of_another() {
        let mut identities = BTreeSet::new();
        for modelfile in ["FROM sha256-aa", "FROM sha256-aa", "FROM sha256-bb"] {
            let url = ollama(modelfile).await;
            let engines =
                EngineSet::new(settings(&[("providers.ollama.url", url.as_str())])).unwrap();
            let opened = engines.open(&"ollama:m".parse().unwrap()).await.unwrap();
            let told = opened.identity.strip_prefix(&format!("ollama:m@{url} "));
            let version = told.expect("the address that was asked").to_owned();
            identities.insert(opened.identity.clone());
            identities.insert(version);
        }
        assert_eq!(
            identities.len(),
            3 + 2,
            "servers and versions: {identities:?}"
        );
    }

    #[test]
    fn no_password_is_in_a_key() {
        assert_eq!(address("http://BOX:11434/"), "http://box:11434");
        let hidden = address("http://me:secret@box:11434");
        assert!(!hidden.contains("secret"), "{hidden}");
        assert_ne!(hidden, address("http://me:secret@box:11435"));
    }

    #[test]
    fn a_listed_server_is_asked_for_the_models_that_it_serves() {
        let listed = |name: &str, models: &[&str], priority| node_config::OllamaServer {
            name: name.into(),
            host: name.into(),
            port: 11434,
            models: models.iter().map(|model| (*model).to_owned()).collect(),
            max_concurrent: 2,
            priority,
        };
        let config = node_config::Ollama {
            url: "http://127.0.0.1:11434".into(),
            keep_alive: std::time::Duration::from_secs(300),
            max_concurrent: 4,
            connect_timeout: std::time::Duration::from_secs(10),
            servers: vec![
                listed("slow", &["a", "b"], 2),
                listed("fast", &["a"], 1),
                listed("other", &["c"], 3),
            ],
        };
        for (model, url, expected) in [
            ("a", None, ("http://fast:11434", 2)),
            ("b", None, ("http://slow:11434", 2)),
            ("d", None, ("http://127.0.0.1:11434", 4)),
            ("d", Some("http://slow:11434/"), ("http://slow:11434/", 2)),
            ("a", Some("http://new:1"), ("http://new:1", 4)),
        ] {
            let (address, slots) = ollama_server(&config, model, url);
            assert_eq!((address.as_str(), slots), expected, "{model} {url:?}");
        }
    }
}
