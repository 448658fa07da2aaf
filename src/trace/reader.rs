//! Reads a trace file. A file that ends in the middle of a line (its process was killed) is read up
//! to there; anything else that is wrong names its line.

use super::line::{Header, OLDEST_TRACE, TRACE_VERSION, TraceLine};
use super::quote::Levels;
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
        "{} is a trace of version {found}, this program reads versions {OLDEST_TRACE} to \
         {TRACE_VERSION}; use the program that wrote it ({program})", path.display()
    )]
    Version {
        path: PathBuf,
        found: u32,
        program: String,
    },
}

pub struct Trace {
    pub header: Header,
    /// All lines after the header; messages are whole.
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
    let mut levels = Levels::default();
    let mut torn = false;
    let count = text.lines().count();
    for (i, line) in text.lines().enumerate() {
        let wrong = |reason: String| ReadTraceError::Line {
            path: path.to_owned(),
            line: i + 1,
            reason,
        };
        match serde_json::from_str(line) {
            Ok(mut line) => {
                levels.fill(&mut line).map_err(wrong)?;
                lines.push(line);
            }
            Err(_) if i + 1 == count && i > 0 && !text.ends_with('\n') => torn = true,
            Err(error) if i > 0 => return Err(wrong(error.to_string())),
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
    if !is_read(header.v) {
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
        Some(found) if !is_read(found) => ReadTraceError::Version {
            path: path.to_owned(),
            found,
            program,
        },
        _ => ReadTraceError::NoJob {
            path: path.to_owned(),
        },
    }
}

fn is_read(version: u32) -> bool {
    (OLDEST_TRACE..=TRACE_VERSION).contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Message;

    /// The same job as written in version 1, and with what version 2 quotes.
    const WHOLE: &str = include_str!("../../fuzz/corpus/trace/whole");
    const QUOTED: &str = include_str!("../../fuzz/corpus/trace/quoted");

    fn messages(text: &str) -> Vec<Message> {
        let trace = parse(Path::new("job.jsonl"), text).unwrap();
        let of_roots = trace.lines.iter().filter_map(|line| match line {
            TraceLine::Root { messages, .. } => Some(messages),
            TraceLine::Job(_)
            | TraceLine::Child { .. }
            | TraceLine::Input { .. }
            | TraceLine::SubCall(_)
            | TraceLine::Block { .. }
            | TraceLine::Decision { .. }
            | TraceLine::End { .. } => None,
        });
        of_roots
            .flatten()
            .map(|message| message.message())
            .collect()
    }

    #[test]
    fn a_trace_of_the_version_before_reads_as_one_of_now() {
        assert!(QUOTED.contains("\"of\":\"printed\"") && QUOTED.contains("\"of\":\"written\""));
        assert!(!WHOLE.contains("\"quote\""));
        let whole = messages(WHOLE);
        assert_eq!(whole.len(), 4);
        assert_eq!(messages(QUOTED), whole);
    }

    #[test]
    fn what_another_version_or_a_wrong_quote_says_is_refused() {
        let refused = |text: &str| match parse(Path::new("job.jsonl"), text) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        let later = QUOTED.replacen("\"v\":2", "\"v\":3", 1);
        assert!(refused(&later).contains("version 3, this program reads versions 1 to 2"));
        let far = QUOTED.replacen("{\"at\":8,", "{\"at\":800,", 1);
        let told = refused(&far);
        assert!(
            told.starts_with("job.jsonl:10: ") && told.contains("not there"),
            "{told}"
        );
    }
}
