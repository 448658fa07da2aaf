//! Writes trace lines as they happen. A trace that cannot be written never ends the job: the first
//! failure is kept and told at the end.

use super::line::TraceLine;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

struct Sink {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

pub struct TraceWriter {
    path: PathBuf,
    // Lines come from a job's levels, which run at once; one line is written under the lock. A
    // queue would need a bound, and a full one would have to lose a line or stop the job.
    sink: Mutex<Sink>,
}

impl TraceWriter {
    /// Makes the file and the folders above it; an older file of the name is replaced.
    pub fn create(path: &Path) -> io::Result<TraceWriter> {
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            std::fs::create_dir_all(parent)?;
        }
        let file = BufWriter::new(File::create(path)?);
        Ok(TraceWriter {
            path: path.to_owned(),
            sink: Mutex::new(Sink { file, failed: None }),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line and hands it to the system, so that a killed process leaves a whole trace
    /// up to its last decision.
    pub fn write(&self, line: &TraceLine) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut sink.file, line)
            .map_err(io::Error::from)
            .and_then(|()| sink.file.write_all(b"\n"))
            .and_then(|()| sink.file.flush());
        if let Err(error) = written {
            sink.failed = Some(error);
        }
    }

    /// Why the trace is not whole, if it is not.
    pub fn failure(&self) -> Option<String> {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.failed.as_ref().map(ToString::to_string)
    }
}

/// Removes the oldest traces of a folder until there is room for one more of `keep`. Names begin
/// with their time, so the order of names is the order of time.
pub fn make_room(folder: &Path, keep: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut traces: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    traces.sort();
    let over = (traces.len() + 1).saturating_sub(keep.max(1));
    for old in traces.iter().take(over) {
        // Another process may have removed it first: gone is gone.
        drop(std::fs::remove_file(old));
    }
}
