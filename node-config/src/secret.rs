//! Keys for servers: named by a file or a variable, read when they are needed, never shown.

use crate::{Environment, OpenAi, OpenAiServer};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where a key stands. A file comes before a variable; neither is no key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySource {
    pub file: Option<PathBuf>,
    pub variable: Option<String>,
}

impl From<&OpenAi> for KeySource {
    fn from(openai: &OpenAi) -> KeySource {
        KeySource {
            file: openai.key_file.clone(),
            variable: openai.key_env.clone(),
        }
    }
}

impl From<&OpenAiServer> for KeySource {
    fn from(server: &OpenAiServer) -> KeySource {
        KeySource {
            file: server.key_file.clone(),
            variable: server.key_env.clone(),
        }
    }
}

/// A key. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey(String);

impl ServerKey {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

/// Why a key that was named cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the key file {path} cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("the key file {path} can be read by others (mode {mode:o}); run `chmod 600 {path}`")]
    Open { path: PathBuf, mode: u32 },
    #[error(
        "the key in {path} is empty, has several lines, or is longer than {MAX_KEY_BYTES} bytes"
    )]
    Malformed { path: PathBuf },
}

/// Longer than any key in use; a wrong file is found before it is sent anywhere.
pub(crate) const MAX_KEY_BYTES: usize = 8192;

/// The key of `source`; `None` when none is named or the variable is not set.
pub fn read_key(
    source: &KeySource,
    variables: &Environment,
) -> Result<Option<ServerKey>, SecretError> {
    if let Some(path) = &source.file {
        return read_file(path).map(Some);
    }
    let named = source
        .variable
        .as_deref()
        .and_then(|name| variables.get(name));
    Ok(named.map(|key| ServerKey(key.trim().to_owned())))
}

fn read_file(path: &Path) -> Result<ServerKey, SecretError> {
    let unreadable = |error: std::io::Error| SecretError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    let most = u64::try_from(MAX_KEY_BYTES).unwrap_or(u64::MAX) + 1;
    file.take(most)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) || text.len() > MAX_KEY_BYTES {
        return Err(SecretError::Malformed {
            path: path.to_owned(),
        });
    }
    Ok(ServerKey(key.to_owned()))
}
