//! The component, compiled once per machine. It unpacks the blob, has wasmtime compile it, and
//! keeps the machine code in a private folder. Loading machine code is only as safe as its source,
//! so a file is loaded when the folder and the file are this user's alone and its bytes have the
//! hash that stands before them; anything else is compiled again.

use crate::machine_code;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// What takes time when a runtime opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The packed component is unpacked: about a second.
    Unpacking,
    /// It is compiled: about 12 s of processor time, once per machine.
    Compiling,
    /// Another process compiles it; this one waits for the result.
    Waiting,
    /// It is ready; `cached` when nothing had to be compiled.
    Ready { cached: bool },
}

/// Why the component is not there.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error(
        "the packed Python is damaged ({reason}); build the program again from a clean checkout"
    )]
    Blob { reason: String },
    #[error("the packed Python does not compile on this machine: {0:#}")]
    Compile(wasmtime::Error),
    #[error(
        "the compile cache `{}` cannot be used: {source}; make the folder writable or name another",
        path.display()
    )]
    Cache { path: PathBuf, source: io::Error },
}

static BLOB: &[u8] = include_bytes!("../blob/repl.wasm.xz");

/// BLAKE3 of the packed component: part of every key that depends on it.
pub(crate) fn blob_hash() -> blake3::Hash {
    blake3::hash(BLOB)
}

pub(crate) fn unpack() -> Result<Vec<u8>, CompileError> {
    let mut wasm = Vec::with_capacity(UNPACKED_MAX / 2);
    let reader = lzma_rust2::XzReader::new(BLOB, false);
    let read = reader.take(UNPACKED_MAX as u64).read_to_end(&mut wasm);
    read.map_err(|error| CompileError::Blob {
        reason: error.to_string(),
    })?;
    Ok(wasm)
}

/// The compiled component, from `folder` when it is there and sound.
pub(crate) fn component(
    engine: &Engine,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Component, CompileError> {
    cached(engine, folder, &unpack, progress)
}

/// As `component`, of what `unpacked` gives when it must be compiled.
fn cached(
    engine: &Engine,
    folder: &Path,
    unpacked: &dyn Fn() -> Result<Vec<u8>, CompileError>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Component, CompileError> {
    let failed = |source| CompileError::Cache {
        path: folder.to_owned(),
        source,
    };
    private_folder(folder).map_err(failed)?;
    let path = folder.join(file_name(engine));
    if let Some(component) = load(engine, &path) {
        progress(Progress::Ready { cached: true });
        return Ok(component);
    }
    // One process compiles, the others wait and then load what it wrote.
    let lock = open_private(&folder.join("compile.lock")).map_err(failed)?;
    if lock.try_lock().is_err() {
        progress(Progress::Waiting);
        lock.lock().map_err(failed)?;
        if let Some(component) = load(engine, &path) {
            progress(Progress::Ready { cached: true });
            return Ok(component);
        }
    }
    progress(Progress::Unpacking);
    let wasm = unpacked()?;
    progress(Progress::Compiling);
    let code = engine
        .precompile_component(&wasm)
        .map_err(CompileError::Compile)?;
    store(&path, &code).map_err(failed)?;
    let component = load(engine, &path).ok_or_else(|| CompileError::Cache {
        path,
        source: io::Error::other("the file just written does not load"),
    })?;
    progress(Progress::Ready { cached: false });
    Ok(component)
}

/// Version of wasmtime, everything of the engine's configuration that shapes code, and the blob.
fn file_name(engine: &Engine) -> String {
    use std::hash::Hash;
    let mut key = HashBytes(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut key);
    key.0.update(blob_hash().as_bytes());
    format!("repl-{WASMTIME}-{}.cwasm", &key.0.finalize().to_hex()[..32])
}

/// Feeds what `Hash` writes to BLAKE3: a file name needs a hash that is the same in every process.
struct HashBytes(blake3::Hasher);

impl std::hash::Hasher for HashBytes {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let bytes = read_private(path).ok()?;
    let (hash, code) = bytes.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(code).as_bytes() != hash {
        tracing::warn!(path = %path.display(), "compiled code is damaged; compiling it again");
        return None;
    }
    match machine_code::load(engine, machine_code::Trusted(code)) {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "compiled code does not fit");
            None
        }
    }
}

fn store(path: &Path, code: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.part", std::process::id()));
    let mut file = open_private(&draft)?;
    file.set_len(0)?;
    file.write_all(blake3::hash(code).as_bytes())?;
    file.write_all(code)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

fn private_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    only_mine(&fs::symlink_metadata(folder)?, 0o700)
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let facts = file.metadata()?;
    only_mine(&facts, 0o600)?;
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what another user owns or may write.
fn only_mine(facts: &fs::Metadata, mode: u32) -> io::Result<()> {
    let me = rustix::process::geteuid().as_raw();
    if facts.uid() != me {
        return Err(io::Error::other(format!(
            "it belongs to user {}",
            facts.uid()
        )));
    }
    if facts.mode() & 0o077 & !mode != 0 {
        return Err(io::Error::other(format!(
            "others may use it (mode {:o}, want {mode:o})",
            facts.mode() & 0o777
        )));
    }
    Ok(())
}

/// Part of the cache's file name; wasmtime checks the real version when it loads.
const WASMTIME: &str = "48.0.8";
/// The component has 26 MB; more than this is not ours.
const UNPACKED_MAX: usize = 128 << 20;

#[cfg(test)]
mod tests;
