//! The folder where models lie: `DATA/models/NAME/` holds the file and a marker, `model.json`, that
//! says what was verified there. Invariant: a file under its final name was verified once, whole;
//! use trusts the marker as long as size and time of change agree, and hashes again when not.

use crate::catalog::{Catalog, Entry, Profile, check_name};
use crate::sha::{Sha256, sha256_of};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The models of one machine and user.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// What the marker beside a model's file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub v: u32,
    pub name: String,
    pub file: String,
    pub bytes: u64,
    pub sha256: Sha256,
    /// The file's time of change when it was verified, in nanoseconds since 1970.
    pub modified_ns: u64,
    /// Where it came from, for people.
    pub source: String,
    pub licence: Option<String>,
}

/// A line of `rlm-ctl model list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: String,
    pub default: bool,
    /// `None` when the catalog does not know and the model is not here.
    pub bytes: Option<u64>,
    pub installed: bool,
    /// Bytes of a pull that was interrupted and goes on at the next.
    pub partial: Option<u64>,
    pub licence: Option<String>,
    /// `None`: the file's size decides.
    pub profile: Option<Profile>,
    pub about: Option<String>,
}

/// What `rlm-ctl model show NAME` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub name: String,
    pub file: String,
    /// Where the file is, or will be.
    pub path: PathBuf,
    pub installed: bool,
    pub bytes: Option<u64>,
    pub sha256: Option<Sha256>,
    pub licence: Option<String>,
    /// `None`: the file's size decides.
    pub profile: Option<Profile>,
    pub about: Option<String>,
    /// Where it came from, or may come from, in order.
    pub sources: Vec<String>,
}

/// Why a model of the store cannot be used, shown or removed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Caller: neither the store nor the catalog has the name.
    #[error(transparent)]
    Unknown(#[from] crate::catalog::UnknownModel),
    /// Caller: known, but not pulled. Nothing is broken.
    #[error("model `{name}` is not on this machine; run `rlm-ctl model pull {name}`")]
    NotInstalled { name: String },
    /// Machine: the file is not what was verified.
    #[error(
        "the file of model `{name}` is damaged: {reason}; \
         run `rlm-ctl model rm {name}`, then `rlm-ctl model pull {name}`"
    )]
    Damaged { name: String, reason: String },
    /// Another process is pulling it now.
    #[error("model `{name}` is being pulled by another process; wait for it, or stop it")]
    Busy { name: String },
    /// Machine: the file system refuses.
    #[error("{what} {path}: {error}; check the folder's owner and rights", path = path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

impl Store {
    /// The models under a data folder; nothing is made or read yet.
    pub fn new(data_dir: &Path) -> Store {
        Store {
            root: data_dir.join("models"),
        }
    }

    /// The folder of one model.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where an entry's file is, or will be.
    pub fn final_path(&self, entry: &Entry) -> PathBuf {
        self.folder(&entry.name).join(&entry.file)
    }

    /// The file of a model, ready to be loaded: it is there, and it is what was verified.
    pub fn path_of(&self, catalog: &Catalog, name: &str) -> Result<PathBuf, StoreError> {
        let Some(marker) = self.installed(name)? else {
            catalog.get(name)?;
            return Err(StoreError::NotInstalled { name: name.into() });
        };
        if let Some(sha256) = catalog.find(name).and_then(|entry| entry.sha256)
            && sha256 != marker.sha256
        {
            let reason = "the catalog means another file by this name".to_owned();
            return Err(damaged(name, reason));
        }
        self.verified(marker)
    }

    /// The marker of a model, if it was ever pulled here.
    pub fn installed(&self, name: &str) -> Result<Option<Installed>, StoreError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let path = self.folder(name).join(MARKER);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("cannot read", &path, error)),
        };
        let marker: Installed = serde_json::from_str(&text)
            .map_err(|error| damaged(name, format!("{}: {error}", path.display())))?;
        if marker.name != name || crate::catalog::check_file(&marker.file).is_err() {
            return Err(damaged(
                name,
                format!("{} is of another model", path.display()),
            ));
        }
        Ok(Some(marker))
    }

    /// Checks a file against its marker: cheap when size and time agree, a whole hash when not.
    fn verified(&self, marker: Installed) -> Result<PathBuf, StoreError> {
        let path = self.folder(&marker.name).join(&marker.file);
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(&marker.name, "the file is gone".into()));
            }
            Err(error) => return Err(io_error("cannot read", &path, error)),
        };
        if found.len() != marker.bytes {
            let reason = format!(
                "it has {} bytes and should have {}",
                found.len(),
                marker.bytes
            );
            return Err(damaged(&marker.name, reason));
        }
        let modified_ns = modified_ns(&found);
        if modified_ns == marker.modified_ns {
            return Ok(path);
        }
        tracing::info!(
            model = marker.name,
            "the file's time changed; it is verified again"
        );
        let hash = sha256_of(&path).map_err(|e| io_error("cannot read", &path, e))?;
        if hash != marker.sha256 {
            return Err(damaged(
                &marker.name,
                "its content changed since it was verified".into(),
            ));
        }
        self.mark(&Installed {
            modified_ns,
            ..marker
        })?;
        Ok(path)
    }

    /// Writes a marker, whole or not at all.
    pub(crate) fn mark(&self, marker: &Installed) -> Result<(), StoreError> {
        let path = self.folder(&marker.name).join(MARKER);
        let text = serde_json::to_string_pretty(marker).unwrap_or_default();
        write_whole(&path, text.as_bytes()).map_err(|error| io_error("cannot write", &path, error))
    }

    /// Every model of the catalog, then those that came by address.
    pub fn list(&self, catalog: &Catalog) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        for entry in catalog.entries() {
            let marker = self.installed(&entry.name).unwrap_or(None);
            listed.push(Listed {
                name: entry.name.clone(),
                default: catalog.default_name() == Some(entry.name.as_str()),
                bytes: entry.bytes.or(marker.as_ref().map(|m| m.bytes)),
                installed: marker.is_some() && self.final_path(entry).exists(),
                partial: self.partial(&entry.name),
                licence: entry.licence.clone(),
                profile: entry.profile,
                about: entry.about.clone(),
            });
        }
        for name in self.names()? {
            if catalog.find(&name).is_none()
                && let Ok(Some(marker)) = self.installed(&name)
            {
                listed.push(Listed {
                    default: false,
                    bytes: Some(marker.bytes),
                    installed: self.folder(&name).join(&marker.file).exists(),
                    partial: self.partial(&name),
                    licence: marker.licence,
                    profile: None,
                    about: Some(format!("from {}", marker.source)),
                    name,
                });
            }
        }
        Ok(listed)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error("cannot list", &self.root, error)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// What is on disk of a pull that was interrupted.
    fn partial(&self, name: &str) -> Option<u64> {
        let part = fs::metadata(self.folder(name).join(PULLING).join(PART)).ok()?;
        Some(part.len()).filter(|bytes| *bytes > 0)
    }

    /// Everything that is known about a model by name.
    pub fn show(&self, catalog: &Catalog, name: &str) -> Result<Shown, StoreError> {
        let marker = self.installed(name)?;
        let entry = catalog.find(name);
        let Some(file) = entry.map(|e| &e.file).or(marker.as_ref().map(|m| &m.file)) else {
            return Err(catalog.get(name).map_or_else(Into::into, |entry| {
                StoreError::NotInstalled {
                    name: entry.name.clone(),
                }
            }));
        };
        let path = self.folder(name).join(file);
        let from = marker.as_ref().map(|m| m.source.clone());
        let sources = match entry {
            Some(entry) => entry.sources.iter().map(ToString::to_string).collect(),
            None => from.into_iter().collect(),
        };
        let licence = marker.as_ref().and_then(|m| m.licence.clone());
        Ok(Shown {
            name: name.to_owned(),
            file: file.clone(),
            installed: marker.is_some() && path.exists(),
            path,
            bytes: entry
                .and_then(|e| e.bytes)
                .or(marker.as_ref().map(|m| m.bytes)),
            sha256: entry
                .and_then(|e| e.sha256)
                .or(marker.as_ref().map(|m| m.sha256)),
            licence: entry.and_then(|e| e.licence.clone()).or(licence),
            profile: entry.and_then(|e| e.profile),
            about: entry.and_then(|e| e.about.clone()),
            sources,
        })
    }

    /// Removes a model and what an interrupted pull left; gives the bytes that became free.
    pub fn rm(&self, catalog: &Catalog, name: &str) -> Result<u64, StoreError> {
        let folder = self.folder(name);
        if check_name(name).is_err() || !folder.exists() {
            catalog.get(name)?;
            return Err(StoreError::NotInstalled { name: name.into() });
        }
        let _lock = self.lock(name)?;
        let bytes = bytes_under(&folder);
        fs::remove_dir_all(&folder).map_err(|e| io_error("cannot remove", &folder, e))?;
        Ok(bytes)
    }

    /// Keeps other processes from pulling or removing the model; ends when it is dropped.
    pub(crate) fn lock(&self, name: &str) -> Result<File, StoreError> {
        fs::create_dir_all(&self.root).map_err(|e| io_error("cannot make", &self.root, e))?;
        // Beside the folder, so that the folder can be removed while it is locked.
        let path = self.root.join(format!("{name}.lock"));
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|e| io_error("cannot open", &path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy { name: name.into() }),
            Err(fs::TryLockError::Error(error)) => Err(io_error("cannot lock", &path, error)),
        }
    }
}

/// Writes a small file beside its place, then moves it there.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

pub(crate) fn modified_ns(found: &fs::Metadata) -> u64 {
    let since = found
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0))
}

pub(crate) fn io_error(what: &'static str, path: &Path, error: io::Error) -> StoreError {
    StoreError::Io {
        what,
        path: path.to_owned(),
        error,
    }
}

fn damaged(name: &str, reason: String) -> StoreError {
    StoreError::Damaged {
        name: name.to_owned(),
        reason,
    }
}

/// The sizes of all files below; what cannot be read counts nothing.
pub(crate) fn bytes_under(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_under(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// The form of markers; a new one is a new number.
pub(crate) const MARKER_VERSION: u32 = 1;

const MARKER: &str = "model.json";

/// Inside a model's folder: what a pull needs until it is done.
pub(crate) const PULLING: &str = ".pull";

/// The growing file of a pull.
pub(crate) const PART: &str = "file.part";

#[cfg(test)]
mod tests;
