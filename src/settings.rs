//! The configuration as the programs use it: loaded once at the start, then passed by hand.

use crate::codes::ErrorCode;
use crate::ctl::Failure;
use engine::WebOptions;
use node_config::{Config, Dirs, LoadRequest, Loaded, Origin, Outside, config_files};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    pub config: Config,
    pub dirs: Dirs,
    /// What other programs' variables ask for.
    pub outside: Outside,
    warnings: Vec<String>,
    own: Vec<String>,
}

impl Settings {
    /// Reads the usual files of a client, or `file` in their place; `flags` go before both, each a
    /// field, its text and the flag's name.
    pub fn load(
        file: Option<&Path>,
        flags: Vec<(String, String, String)>,
    ) -> Result<Settings, Failure> {
        let request = LoadRequest {
            flags,
            ..request(file, true)
        };
        read(&request).map(Settings::from)
    }

    /// The same for a node, which the folder that it is started in does not configure.
    pub fn load_for_node(file: Option<&Path>) -> Result<Settings, Failure> {
        read(&request(file, false)).map(Settings::from)
    }

    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What is set for this process and concerns a job, each with its origin. A node that runs
    /// does not learn of it: it has read its own variables and files.
    pub fn own(&self) -> &[String] {
        &self.own
    }

    /// Whether replies are kept and looked up. A recording with a gap where the cache answered
    /// could not be replayed, and a replay that the cache answers would not be one.
    pub fn keeps_replies(&self) -> bool {
        let models = &self.config.models;
        self.config.cache.enabled && models.record.is_none() && models.replay.is_none()
    }

    /// Where the compiled REPL lies. It may be deleted at any time.
    pub fn repl_cache(&self) -> PathBuf {
        self.config.cache.dir.join("repl")
    }

    /// States of prompt prefixes that engines keep.
    pub fn prefix_cache(&self) -> PathBuf {
        self.config.cache.dir.join("prefixes")
    }

    pub fn index_cache(&self) -> Option<PathBuf> {
        self.config
            .context
            .index_cache
            .then(|| self.config.cache.dir.join("indexes"))
    }

    /// Copies of contexts that are too large for memory; each is gone with its job.
    pub fn scratch(&self) -> PathBuf {
        self.config.cache.dir.join("scratch")
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
            own: own(&loaded),
            config: loaded.config,
            dirs: loaded.dirs,
            outside: loaded.outside,
        }
    }
}

fn own(loaded: &Loaded) -> Vec<String> {
    let read_by_nodes = config_files(&loaded.dirs, Path::new("/"), false);
    let is_own = |origin: &Origin| match origin {
        Origin::Default | Origin::Follows { .. } | Origin::Flag { .. } => false,
        Origin::File { path, .. } => !read_by_nodes.contains(path),
        Origin::Profile { .. } | Origin::Variable { .. } => true,
    };
    let of_jobs = |key: &str| !NOT_OF_JOBS.iter().any(|section| key.starts_with(section));
    let origins = loaded.origins.iter();
    origins
        .filter(|(key, origin)| of_jobs(key) && is_own(origin))
        .map(|(key, origin)| format!("{key} ({origin})"))
        .collect()
}

/// Sections that a job's outcome does not depend on; the display is the client's in any case.
const NOT_OF_JOBS: [&str; 3] = ["display.", "api.", "cluster."];

/// A client's configuration with its origins, as `config show` prints it.
pub(crate) fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    read(&request(file, true))
}

fn request(file: Option<&Path>, client: bool) -> LoadRequest {
    LoadRequest {
        file: file.map(Path::to_owned),
        client,
        ..LoadRequest::default()
    }
}

fn read(request: &LoadRequest) -> Result<Loaded, Failure> {
    node_config::load(request).map_err(|error| {
        Failure::new(ErrorCode::Config, "the configuration is wrong")
            .why(error)
            .next("mend it, then run `rlm-ctl config check`")
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use node_config::{Environment, Layer};

    /// The settings of a user who has set nothing but the flags given.
    pub(crate) fn settings(flags: &[(&str, &str)]) -> Settings {
        let home = [("HOME".to_owned(), "/home/u".to_owned())];
        let request = LoadRequest {
            flags: flags
                .iter()
                .map(|(key, text)| ((*key).to_owned(), (*text).to_owned(), "--x".to_owned()))
                .collect(),
            ..LoadRequest::default()
        };
        let nowhere = Path::new("/nowhere");
        let loaded = node_config::load_from(&request, &Environment(home.into()), nowhere);
        Settings::from(loaded.unwrap())
    }

    #[test]
    fn all_caches_lie_in_the_folder_that_is_named() {
        let below = |flags: &[(&str, &str)], folder: &str| {
            let settings = settings(flags);
            let own = [
                settings.repl_cache(),
                settings.prefix_cache(),
                settings.scratch(),
            ];
            for cache in own.into_iter().chain(settings.index_cache()) {
                assert_eq!(cache.parent(), Some(Path::new(folder)), "{cache:?}");
            }
        };
        below(&[], "/home/u/.cache/rlm");
        below(&[("cache.dir", "/big")], "/big");
    }

    #[test]
    fn a_recording_and_a_replay_go_without_kept_replies() {
        assert!(settings(&[]).keeps_replies());
        for off in [
            ("models.record", "/r"),
            ("models.replay", "/r"),
            ("cache.enabled", "off"),
        ] {
            assert!(!settings(&[off]).keeps_replies(), "{off:?}");
        }
    }

    #[test]
    fn what_a_node_does_not_read_is_this_process_own() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let home = Environment([pair("HOME", "/home/u")].into());
        let file = |path: &str, text: &str| Layer::File {
            path: path.into(),
            text: text.to_owned(),
        };
        let here = "[budgets]\nturns = 7\n[display]\nlive = \"off\"\n";
        let layers = [
            file("/home/u/.config/rlm/config.toml", "[budgets]\ndepth = 2\n"),
            file("rlm.toml", here),
            Layer::Environment(Environment([pair("RLM_CACHE_ENABLED", "off")].into())),
        ];
        let loaded = node_config::resolve(&layers, &Dirs::of(&home).unwrap());
        assert_eq!(
            Settings::from(loaded.unwrap()).own(),
            [
                "budgets.turns (rlm.toml:2)",
                "cache.enabled (environment RLM_CACHE_ENABLED)"
            ]
        );
    }
}
