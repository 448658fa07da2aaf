//! The configuration as the programs use it: loaded once at the start, then passed by hand.

use crate::ctl::Failure;
use crate::exit::Exit;
use engine::WebOptions;
use node_config::{Config, Dirs, LoadRequest, Loaded, Outside};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    pub config: Config,
    pub dirs: Dirs,
    /// What other programs' variables ask for.
    pub outside: Outside,
    warnings: Vec<String>,
}

impl Settings {
    /// Reads the usual files, or `file` in their place.
    pub fn load(file: Option<&Path>) -> Result<Settings, Failure> {
        load(file).map(Settings::from)
    }

    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where the compiled REPL lies. It may be deleted at any time.
    pub fn repl_cache(&self) -> PathBuf {
        self.dirs.cache.join("repl")
    }

    /// States of prompt prefixes that engines keep.
    pub fn prefix_cache(&self) -> PathBuf {
        self.dirs.cache.join("prefixes")
    }

    pub fn index_cache(&self) -> Option<PathBuf> {
        self.config
            .context
            .index_cache
            .then(|| self.dirs.cache.join("indexes"))
    }

    /// How servers and hubs are reached.
    pub fn web(&self, connect_timeout: Duration) -> WebOptions {
        let proxies = &self.outside.proxies;
        WebOptions {
            connect_timeout,
            https_proxy: proxies.https.clone(),
            http_proxy: proxies.http.clone(),
            no_proxy: proxies.except.clone(),
            ..WebOptions::default()
        }
    }

    /// Where a running node listens.
    pub fn socket(&self) -> PathBuf {
        self.dirs.runtime.join("node.sock")
    }
}

impl From<Loaded> for Settings {
    fn from(loaded: Loaded) -> Settings {
        Settings {
            warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
            config: loaded.config,
            dirs: loaded.dirs,
            outside: loaded.outside,
        }
    }
}

/// The configuration with its origins, as `config show` prints it.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    let request = LoadRequest {
        file: file.map(Path::to_owned),
        client: true,
        ..LoadRequest::default()
    };
    node_config::load(&request).map_err(|error| {
        Failure::new(Exit::Usage, "the configuration is wrong")
            .why(error)
            .next("mend it, then run `rlm-ctl config check`")
    })
}
