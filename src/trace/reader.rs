//! Reads a trace file. A file that ends in the middle of a line (its process was killed) is read up
//! to there; anything else that is wrong names its line.

use super::line::{Header, TRACE_VERSION, TraceLine};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ReadTraceError {
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}:{line}: not a line of a trace: {reason}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    #[error("{} does not begin with a job: is it a trace of `rlm-ctl submit`?", path.display())]
    NoJob { path: PathBuf },
    #[error(
        "{} is a trace of version {found}, this program reads version {TRACE_VERSION}; \
         use the program that wrote it ({program})", path.display()
    )]
    Version {
        path: PathBuf,
        found: u32,
        program: String,
    },
}

pub struct Trace {
    pub header: Header,
    /// All lines after the header.
    pub lines: Vec<TraceLine>,
    /// The last line is torn: the job's process ended while it wrote.
    pub torn: bool,
}

pub fn read(path: &Path) -> Result<Trace, ReadTraceError> {
    let text = std::fs::read_to_string(path).map_err(|source| ReadTraceError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// Reads the text of the trace at `path`.
pub fn parse(path: &Path, text: &str) -> Result<Trace, ReadTraceError> {
    let mut lines = Vec::new();
    let mut torn = false;
    let count = text.lines().count();
    for (i, line) in text.lines().enumerate() {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(_) if i + 1 == count && i > 0 && !text.ends_with('\n') => torn = true,
            Err(error) if i > 0 => {
                let reason = error.to_string();
                return Err(ReadTraceError::Line {
                    path: path.to_owned(),
                    line: i + 1,
                    reason,
                });
            }
            Err(_) => return Err(no_header(path, line)),
        }
    }
    if lines.is_empty() {
        return Err(ReadTraceError::NoJob {
            path: path.to_owned(),
        });
    }
    let TraceLine::Job(header) = lines.remove(0) else {
        return Err(ReadTraceError::NoJob {
            path: path.to_owned(),
        });
    };
    if header.v != TRACE_VERSION {
        return Err(ReadTraceError::Version {
            path: path.to_owned(),
            found: header.v,
            program: header.program,
        });
    }
    Ok(Trace {
        header: *header,
        lines,
        torn,
    })
}

/// A header of another version may have other fields: its version alone is looked at.
fn no_header(path: &Path, line: &str) -> ReadTraceError {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let program = value["program"].as_str().unwrap_or("unknown").to_owned();
    match value["v"].as_u64().and_then(|v| u32::try_from(v).ok()) {
        Some(found) if found != TRACE_VERSION => ReadTraceError::Version {
            path: path.to_owned(),
            found,
            program,
        },
        _ => ReadTraceError::NoJob {
            path: path.to_owned(),
        },
    }
}
