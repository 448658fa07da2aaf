//! What a pull tells: how far it is, what it brought, and every reason why it brought nothing.

use crate::sha::Sha256;
use crate::store::StoreError;
use serde::Serialize;
use std::path::PathBuf;

/// What a pull is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Connecting,
    Downloading,
    Verifying,
}

/// How far a pull is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub phase: Phase,
    pub source: String,
    /// Bytes of the file that are here (or verified), and all of them where known.
    pub done: u64,
    pub total: Option<u64>,
}

/// Takes reports of progress, at most a few hundred per pull and second.
pub type Report<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A model that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pulled {
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: Sha256,
    /// Whether the hash was known before, or is only what came (then print it).
    pub hash_known: bool,
    pub source: String,
    /// It was here already; nothing was fetched.
    pub already: bool,
    /// Bytes that an earlier, interrupted pull had left.
    pub resumed_from: u64,
}

/// Why a pull did not bring the model. Whatever was fetched stays for the next try.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Every source failed; each with its reason.
    #[error(
        "no source gave model `{name}`:{}\nNext: run `rlm-ctl model pull {name}` again where one \
         of them can be reached, or put the file yourself at {} and run it again (it is then \
         only verified), or name any model file by its path", list(.tried), .path.display()
    )]
    NoSource {
        name: String,
        tried: Vec<Tried>,
        path: PathBuf,
    },
    /// The disk is too small; nothing was lost.
    #[error(
        "model `{name}` needs {needed} bytes free in {}, and there are {free}; \
         free some space, then run the pull again (it goes on where it was)", .folder.display()
    )]
    NoRoom {
        name: String,
        needed: u64,
        free: u64,
        folder: PathBuf,
    },
    /// The disk became full; what was fetched is kept.
    #[error(
        "the disk became full in {} while model `{name}` was fetched; \
         free some space, then run the pull again (it goes on where it was)", .folder.display()
    )]
    DiskFull { name: String, folder: PathBuf },
    /// A file lies in the model's place that is not the model; it is not touched.
    #[error(
        "{} is there already, but it is not model `{name}`: its SHA-256 is {found} and should be \
         {expected}; move it away, then run the pull again", .path.display()
    )]
    Occupied {
        name: String,
        path: PathBuf,
        found: Sha256,
        expected: Sha256,
    },
    /// The caller stopped it; the next pull goes on.
    #[error("the pull of model `{name}` was stopped; the next one goes on at byte {have}")]
    Cancelled { name: String, have: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A source that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    pub source: String,
    pub why: String,
}

fn list(tried: &[Tried]) -> String {
    tried
        .iter()
        .map(|t| format!("\n  - {}: {}", t.source, t.why))
        .collect()
}

/// What stops a source: it alone failed, or the pull cannot go on with any.
pub(super) enum Trouble {
    Source(String),
    Stop(PullError),
}
