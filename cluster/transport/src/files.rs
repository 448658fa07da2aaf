//! Small secret files: written whole or not at all, readable by their owner only.
//!
//! A write goes to a neighbour first, is flushed, renamed over the old file, and the folder is
//! flushed too: after a power cut the old bytes or the new ones are there, never a mixture.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "others' enums grow, and what is not told apart is shown as it is"
)]

use data_encoding::BASE64;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file of certificates or keys could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Nothing is there: the node was never initialised or joined, or the file was deleted.
    #[error("{} is missing: run `init` or `join`, or restore it from a backup", path.display())]
    Missing { path: PathBuf },
    /// The file is there, but is not what was written. Nothing was changed.
    #[error("{} is damaged ({why}): restore it from a backup, or join again", path.display())]
    Damaged { path: PathBuf, why: String },
    /// The file system refused. A write changed nothing.
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

impl KeyFileError {
    pub(crate) fn damaged(path: &Path, why: impl ToString) -> KeyFileError {
        KeyFileError::Damaged {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// A small file, whole.
pub fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing {
            path: path.to_owned(),
        },
        _ => KeyFileError::Io {
            path: path.to_owned(),
            error,
        },
    };
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > MAX_FILE_BYTES {
        return Err(KeyFileError::damaged(path, format!("{length} bytes long")));
    }
    std::fs::read(path).map_err(io)
}

/// Replaces a file, or makes it, with mode 0600.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    write_atomically(path, bytes).map_err(|error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    })
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let neighbour = path.with_extension("new");
    // What a crash left behind may have other rights, so it is never written into.
    match std::fs::remove_file(&neighbour) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
    let mut file = options.open(&neighbour)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&neighbour, path)?;
    File::open(folder)?.sync_all()
}

/// `label` blocks in the form that other tools read.
pub(crate) fn to_pem<'a>(label: &str, blocks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for block in blocks {
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        let encoded = BASE64.encode(block);
        for line in encoded.as_bytes().chunks(PEM_LINE) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str(&format!("-----END {label}-----\n"));
    }
    text
}

/// The blocks of a text that [`to_pem`] wrote: anything else in it is damage.
pub(crate) fn from_pem(label: &str, text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not a text".to_owned())?;
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != begin {
            return Err(format!("expected `{begin}`"));
        }
        let mut encoded = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => encoded.push_str(line),
                None => return Err(format!("`{end}` is missing")),
            }
        }
        let block = BASE64.decode(encoded.as_bytes());
        blocks.push(block.map_err(|error| format!("not base64: {error}"))?);
    }
    Ok(blocks)
}

#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;
const PEM_LINE: usize = 64;
/// A chain of three Ed25519 certificates has less than 3 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests;
