//! Files of the cache folder: looking one up, writing one, and making room.

use super::format::{self, Content, VERSION};
use crate::key::Key;
use engine::Reply;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug)]
pub(crate) struct DiskStore {
    dir: PathBuf,
    most_bytes: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Lookup {
    Hit(Box<Reply>),
    Miss,
    /// The file is another key's; it is left alone.
    Collision,
    /// The file was not sound; it is gone now.
    Damaged,
}

impl DiskStore {
    pub(crate) fn open(dir: &Path, most_bytes: u64) -> io::Result<DiskStore> {
        let dir = dir.join(format!("v{VERSION}"));
        private_dir(&dir)?;
        Ok(DiskStore { dir, most_bytes })
    }

    pub(crate) fn get(&self, key: &Key) -> Lookup {
        let path = self.path(key);
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Lookup::Miss,
            Err(_) => return discard(&path),
        };
        match format::decode(&key.bytes(), &bytes) {
            Content::Reply(reply) => {
                touch(&path);
                Lookup::Hit(reply)
            }
            Content::OtherKey => Lookup::Collision,
            Content::Damaged => discard(&path),
        }
    }

    /// Writes the file in full under another name, then gives it its own. The length written.
    pub(crate) fn put(&self, key: &Key, reply: &Reply, unique: u64) -> io::Result<u64> {
        let Some(bytes) = format::encode(&key.bytes(), reply) else {
            return Ok(0);
        };
        let length = bytes.len() as u64;
        if length > LARGEST_FILE.min(self.most_bytes) {
            return Ok(0);
        }
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.dir);
        private_dir(folder)?;
        // Unlike every other writer's name: process, thread, and a count of the thread's own.
        let (process, thread) = (std::process::id(), std::thread::current().id());
        let unfinished = folder.join(format!("{UNFINISHED}{process}-{thread:?}-{unique}"));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            remove(&unfinished);
        }
        written.map(|()| length)
    }

    /// Bytes of all files; other processes write, too, so this is only true for a moment.
    pub(crate) fn size(&self) -> u64 {
        self.files().iter().map(|file| file.length).sum()
    }

    pub(crate) fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// Removes what was used longest ago until a tenth of the bound is free, and unfinished files
    /// of processes that are long gone. What is left in bytes, and the files removed.
    pub(crate) fn make_room(&self, now: SystemTime) -> (u64, u64) {
        let mut files = self.files();
        files.sort_by(|a, b| a.used.cmp(&b.used).then_with(|| a.path.cmp(&b.path)));
        let mut left: u64 = files.iter().map(|file| file.length).sum();
        let aim = self.most_bytes / 10 * 9;
        let mut removed = 0;
        for file in files {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            let unfinished = name.starts_with(UNFINISHED);
            let abandoned = now
                .duration_since(file.used)
                .is_ok_and(|age| unfinished && age > ABANDONED);
            if abandoned || (left > aim && !unfinished) {
                remove(&file.path);
                left -= file.length;
                removed += u64::from(!unfinished);
            }
        }
        (left, removed)
    }

    fn path(&self, key: &Key) -> PathBuf {
        let digest = key.digest.to_string();
        self.dir.join(&digest[..2]).join(&digest[2..])
    }

    fn files(&self) -> Vec<Kept> {
        let folders = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        folders
            .filter_map(|folder| fs::read_dir(folder.path()).ok())
            .flat_map(|entries| entries.flatten())
            .filter_map(|entry| {
                let facts = entry.metadata().ok().filter(|facts| facts.is_file())?;
                let used = facts.modified().ok()?;
                Some(Kept {
                    path: entry.path(),
                    length: facts.len(),
                    used,
                })
            })
            .collect()
    }
}

struct Kept {
    path: PathBuf,
    length: u64,
    used: SystemTime,
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Another process may have removed or replaced the file: that is no fault.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "a cache file cannot be removed");
    }
}

fn discard(path: &Path) -> Lookup {
    remove(path);
    Lookup::Damaged
}

/// A use moves the file to the young end. Failing costs the file its place, nothing more.
#[expect(
    clippy::disallowed_methods,
    reason = "files are aged by the clock that dates them"
)]
fn touch(path: &Path) {
    let touched = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(path = %path.display(), %error, "a cache file cannot be touched");
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Bytes of prompt and reply; larger ones are cheap to miss beside what they cost to keep.
const LARGEST_FILE: u64 = 16 << 20;

/// No write takes this long: whoever began the file is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

const UNFINISHED: &str = ".unfinished-";
