//! Computed fixed prefixes in files, so that the next process starts warm. A file is used only when
//! model, KV type and every token are the same and its checksum holds: a wrong state would give
//! wrong answers. Anything else (no folder, a full disk, a damaged file) only costs the time to
//! compute the prefix again.

use crate::ffi::Token;
use crate::frames::LoadSpec;
use crate::options::LLAMA;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub(crate) struct PrefixStore {
    folder: PathBuf,
    /// Everything besides the tokens that the state depends on.
    context: String,
    most_bytes: u64,
}

impl PrefixStore {
    pub(crate) fn new(folder: PathBuf, spec: &LoadSpec) -> PrefixStore {
        let context = format!(
            "{FORMAT} {LLAMA} {} {:?} fa={} repack={}",
            spec.model_key, spec.kv, spec.flash_attention, spec.extra_bufts
        );
        PrefixStore {
            folder,
            context,
            most_bytes: spec.prefix_store_bytes,
        }
    }

    /// The state after `tokens`, when it is stored and whole.
    pub(crate) fn read(&self, tokens: &[Token]) -> Option<Vec<u8>> {
        let (path, key) = self.place(tokens);
        let mut file = File::open(&path).ok()?;
        if file.metadata().ok()?.len() > self.most_bytes {
            return None;
        }
        let mut found = [0; KEY_BYTES];
        let mut sum = [0; KEY_BYTES];
        let mut state = Vec::new();
        file.read_exact(&mut found).ok()?;
        file.read_exact(&mut sum).ok()?;
        file.read_to_end(&mut state).ok()?;
        let whole = &found == key.as_bytes() && &sum == blake3::hash(&state).as_bytes();
        if !whole {
            remove(&path);
        }
        whole.then_some(state)
    }

    /// Keeps what `state` gives, unless it is there already.
    pub(crate) fn write(&self, tokens: &[Token], state: impl FnOnce() -> Vec<u8>) {
        let (path, key) = self.place(tokens);
        if path.exists() {
            return;
        }
        let state = state();
        let bytes = state.len() as u64;
        if state.is_empty() || bytes > self.most_bytes {
            return;
        }
        self.make_room(bytes);
        if let Err(error) = self.put(&path, key.as_bytes(), &state) {
            tracing::debug!(%error, path = %path.display(), "a computed prefix was not stored");
        }
    }

    fn put(&self, path: &Path, key: &[u8], state: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let draft = path.with_extension(format!("{}.part", std::process::id()));
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(key)?;
            file.write_all(blake3::hash(state).as_bytes())?;
            file.write_all(state)
        });
        let placed = written.and_then(|()| fs::rename(&draft, path));
        if placed.is_err() {
            remove(&draft);
        }
        placed
    }

    /// Removes the oldest states until `bytes` more fit.
    fn make_room(&self, bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let metadata = entry.metadata().ok()?;
                let ours = entry.path().extension().is_some_and(|e| e == EXTENSION);
                ours.then(|| (metadata.modified().ok(), metadata.len(), entry.path()))
            })
            .collect();
        files.sort();
        let mut held: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if held.saturating_add(bytes) <= self.most_bytes {
                return;
            }
            remove(&path);
            held -= length;
        }
    }

    fn place(&self, tokens: &[Token]) -> (PathBuf, blake3::Hash) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.context.as_bytes());
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        let key = hasher.finalize();
        let name = key.to_hex();
        (
            self.folder.join(format!("{}.{EXTENSION}", &name[..32])),
            key,
        )
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "a stored prefix was not removed");
    }
}

/// Of the files; what llama.cpp writes into them changes with its version.
const FORMAT: &str = "rlm prefix 1,";
const KEY_BYTES: usize = 32;
const EXTENSION: &str = "prefix";

#[cfg(test)]
mod tests;
