//! Where this user's files lie (the XDG rules), and folders that only the owner may enter.

use crate::{ConfigError, Environment, Problem};
use std::fs::{DirBuilder, Permissions, set_permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    pub home: PathBuf,
    /// Kept: models, traces.
    pub data: PathBuf,
    /// May be deleted at any time: replies, compiled code, indexes.
    pub cache: PathBuf,
    pub config: PathBuf,
    /// Sockets and locks of running processes.
    pub runtime: PathBuf,
}

impl Dirs {
    /// `XDG_*` count when they are absolute, as their specification says.
    pub fn of(environment: &Environment) -> Result<Dirs, ConfigError> {
        let absolute = |name: &str| {
            environment
                .get(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME").ok_or_else(|| {
            let reason = "HOME is not an absolute path".to_owned();
            ConfigError {
                problems: vec![Problem::NoHome { reason }],
            }
        })?;
        let below = |name: &str, fallback: &str| {
            absolute(name)
                .unwrap_or_else(|| home.join(fallback))
                .join("rlm")
        };
        let cache = below("XDG_CACHE_HOME", ".cache");
        Ok(Dirs {
            data: below("XDG_DATA_HOME", ".local/share"),
            config: below("XDG_CONFIG_HOME", ".config"),
            runtime: absolute("XDG_RUNTIME_DIR")
                .map_or_else(|| cache.join("run"), |path| path.join("rlm")),
            cache,
            home,
        })
    }
}

/// Why a private folder could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    #[error("{path} cannot be made private to its owner: {source}; name another folder")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Files of ours in another user's folder could be changed under us.
    #[error("{path} belongs to another user; name a folder of your own")]
    Foreign { path: PathBuf },
}

/// Makes `path` and what is missing above it; `path` itself ends with mode 0700.
pub fn ensure_private_dir(path: &Path) -> Result<(), DirError> {
    let io = |source| DirError::Io {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io)?;
    let facts = path.metadata().map_err(io)?;
    let process = Path::new("/proc/self").metadata().map(|facts| facts.uid());
    if process.is_ok_and(|uid| uid != facts.uid()) {
        return Err(DirError::Foreign {
            path: path.to_owned(),
        });
    }
    if facts.mode() & 0o777 != 0o700 {
        set_permissions(path, Permissions::from_mode(0o700)).map_err(io)?;
    }
    Ok(())
}

/// Takes a file of data or cache from everybody but its owner (mode 0600).
pub fn restrict_file(path: &Path) -> Result<(), DirError> {
    set_permissions(path, Permissions::from_mode(0o600)).map_err(|source| DirError::Io {
        path: path.to_owned(),
        source,
    })
}
