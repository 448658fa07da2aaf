//! The shell: reads the environment and the files once, in the order of their strength, and hands
//! them to `resolve`. The only place of the program that does.

use crate::resolve::{Layer, Loaded, resolve};
use crate::{ConfigError, Dirs, Environment, Problem};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a command asks for.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// Field, text, and the flag's name: the strongest layer.
    pub flags: Vec<(String, String, String)>,
    /// A profile by name or path; `RLM_PROFILE` when none is given. Weaker than every file.
    pub profile: Option<String>,
    /// Read in place of the usual files; `RLM_CONFIG` when none is given. Must exist.
    pub file: Option<PathBuf>,
    /// Whether `./rlm.toml` counts: it does for a client, never for a service.
    pub client: bool,
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn capture() -> Environment {
        let text = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Environment(text.collect())
    }
}

/// Loads the configuration of this process.
pub fn load(request: &LoadRequest) -> Result<Loaded, ConfigError> {
    load_from(request, &Environment::capture(), Path::new("/"))
}

/// The same with a given environment; `system` is the folder that holds `etc`.
pub fn load_from(
    request: &LoadRequest,
    environment: &Environment,
    system: &Path,
) -> Result<Loaded, ConfigError> {
    let dirs = Dirs::of(environment)?;
    let mut layers = Vec::new();
    if let Some(name) = request
        .profile
        .as_deref()
        .or(environment.get("RLM_PROFILE"))
    {
        layers.push(profile(name)?);
    }
    let named = request
        .file
        .clone()
        .or(environment.get("RLM_CONFIG").map(PathBuf::from));
    let files = match &named {
        Some(path) => vec![path.clone()],
        None => config_files(&dirs, system, request.client),
    };
    for path in files {
        match std::fs::read_to_string(&path) {
            Ok(text) => layers.push(Layer::File { path, text }),
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {}
            Err(error) => return Err(one(unreadable(path, &error))),
        }
    }
    layers.push(Layer::Environment(environment.clone()));
    layers.push(Layer::Flags(request.flags.clone()));
    resolve(&layers, &dirs)
}

/// The files that are looked for, weakest first.
pub fn config_files(dirs: &Dirs, system: &Path, client: bool) -> Vec<PathBuf> {
    let mut files = vec![
        system.join("etc/rlm/node.toml"),
        dirs.config.join("config.toml"),
    ];
    if client {
        files.push(PathBuf::from("rlm.toml"));
    }
    files
}

fn profile(name: &str) -> Result<Layer, ConfigError> {
    if let Some((_, text)) = PROFILES.iter().find(|(known, _)| *known == name) {
        return Ok(Layer::Profile {
            name: name.to_owned(),
            text: (*text).to_owned(),
        });
    }
    if !name.contains(['/', '.']) {
        let known: Vec<String> = PROFILES
            .iter()
            .map(|(known, _)| format!("`{known}`"))
            .collect();
        let (name, known) = (name.to_owned(), known.join(", "));
        return Err(one(Problem::UnknownProfile { name, known }));
    }
    let text = std::fs::read_to_string(name).map_err(|e| one(unreadable(name.into(), &e)))?;
    Ok(Layer::Profile {
        name: name.to_owned(),
        text,
    })
}

fn unreadable(path: PathBuf, error: &std::io::Error) -> Problem {
    Problem::Unreadable {
        path,
        reason: error.to_string(),
    }
}

fn one(problem: Problem) -> ConfigError {
    ConfigError {
        problems: vec![problem],
    }
}

/// Profiles that come with the program.
const PROFILES: &[(&str, &str)] = &[("optimized", include_str!("../profiles/optimized.toml"))];
