//! What a recording is: a file of JSON lines, one exact question to an engine and its answer each.
//! Pure: bytes in, entries out, and the search for where a question differs from those recorded.
//! Invariant: an answer is given only to the very question that it was recorded for, and only as it
//! was recorded: each line ends with the sum of its own text.

mod vectors;

use crate::api::{ChatRequest, EngineError, ModelFacts, Reply};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The form of recordings. A new one is a new number; others are refused.
pub const RECORDING_VERSION: u32 = 1;

/// What an engine is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "op")]
pub(crate) enum Question {
    Facts,
    Chat {
        request: ChatRequest,
    },
    Embed {
        texts: Vec<String>,
    },
    CountTokens {
        text: String,
    },
    /// What whoever records has to remember about the model, by name.
    Kept {
        what: String,
    },
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Facts(Result<ModelFacts, EngineError>),
    /// With the pieces as they came: whoever looks at each piece sees the same again.
    Chat {
        pieces: Vec<String>,
        reply: Result<Reply, EngineError>,
    },
    Embed(#[serde(with = "vectors")] Result<Vec<Vec<f32>>, EngineError>),
    CountTokens(Result<Option<u64>, EngineError>),
    Kept(String),
}

/// One line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) v: u32,
    /// BLAKE3 of the question's JSON.
    pub(crate) hash: String,
    pub(crate) question: Question,
    pub(crate) answer: Answer,
}

/// A recording that cannot be read or begun. Nothing was answered from it, nothing written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("{file} cannot be read: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("{file} cannot be written: {reason}")]
    Unwritable { file: String, reason: String },
    /// Somebody else records into it. Nothing is wrong with the file.
    #[error("another process records into {file}")]
    InUse { file: String },
    /// A file or folder. Nothing is wrong with what is there.
    #[error("{place} holds a recording already, and a second one would be mixed with it")]
    Taken { place: String },
    /// What a crash or a full disk leaves.
    #[error("{file} is cut off in the middle of its last line; delete that line to use the rest")]
    Cut { file: String },
    #[error("{file}, line {line}: not a recorded call: {reason}")]
    Malformed {
        file: String,
        line: usize,
        reason: String,
    },
    #[error(
        "{file}, line {line}: recorded in form {found}, this program reads {RECORDING_VERSION}; \
         record it again"
    )]
    Version {
        file: String,
        line: usize,
        found: u64,
    },
}

impl Question {
    /// The question's hash, as lines carry it.
    pub(crate) fn hash(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&json).to_hex().to_string()
    }
}

impl Line {
    /// The line with its end, as a recording has it.
    pub(crate) fn written(&self) -> serde_json::Result<String> {
        let text = serde_json::to_string(self)?;
        let body = text.strip_suffix('}').unwrap_or(&text);
        Ok(format!("{body}{SUM}{}{CLOSE}\n", sum(body)))
    }
}

fn sum(body: &str) -> String {
    blake3::hash(body.as_bytes()).to_hex().to_string()
}

/// Whether a line has the text that was written.
fn is_whole(line: &str) -> bool {
    let inside = line.trim_end().strip_suffix(CLOSE);
    let parts = inside.and_then(|inside| inside.rsplit_once(SUM));
    parts.is_some_and(|(body, found)| found == sum(body))
}

/// Reads a recording. One damaged line makes it unusable: what it held cannot be told.
pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Line>, RecordingError> {
    let mut lines = Vec::new();
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let malformed = |reason: String| RecordingError::Malformed {
            file: file.to_owned(),
            line: at + 1,
            reason,
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !line.ends_with(b"\n") {
            let file = file.to_owned();
            return Err(RecordingError::Cut { file });
        }
        let line = str::from_utf8(line).map_err(|error| malformed(error.to_string()))?;
        let parsed = serde_json::from_str(line);
        let value: Value = parsed.map_err(|error| malformed(error.to_string()))?;
        let found = value["v"].as_u64().unwrap_or(0);
        if found != u64::from(RECORDING_VERSION) {
            return Err(RecordingError::Version {
                file: file.to_owned(),
                line: at + 1,
                found,
            });
        }
        if !is_whole(line) {
            return Err(malformed("its sum is not that of its text".into()));
        }
        let line: Line = serde_json::from_value(value).map_err(|e| malformed(e.to_string()))?;
        if line.hash != line.question.hash() {
            return Err(malformed("its hash is not that of its question".into()));
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Where `asked` first differs from the recorded question that is most like it.
pub(crate) fn difference(asked: &Question, recorded: &[&Question]) -> String {
    let asked = serde_json::to_value(asked).unwrap_or_default();
    let differences = recorded.iter().filter_map(|question| {
        let recorded = serde_json::to_value(question).unwrap_or_default();
        first(String::new(), &asked, &recorded)
    });
    match differences.max_by_key(|difference| difference.agreed) {
        Some(nearest) => nearest.text,
        None => "nothing like it was recorded".to_owned(),
    }
}

struct Difference {
    text: String,
    /// How many characters of text agreed before it.
    agreed: usize,
}

/// Compares in the order of the fields.
fn first(path: String, asked: &Value, recorded: &Value) -> Option<Difference> {
    if asked == recorded {
        return None;
    }
    let plain = || Difference {
        text: format!("`{path}` is {asked}, and was {recorded}"),
        agreed: 0,
    };
    match (asked, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            let mut agreed = 0;
            for key in keys {
                let (x, y) = (&asked[key], &recorded[key]);
                let dot = if path.is_empty() { "" } else { "." };
                match first(format!("{path}{dot}{key}"), x, y) {
                    Some(found) => return Some(found.after(agreed)),
                    None => agreed += x.to_string().len(),
                }
            }
            None
        }
        (Value::Array(a), Value::Array(b)) => {
            let mut agreed = 0;
            for (at, (x, y)) in a.iter().zip(b).enumerate() {
                match first(format!("{path}[{at}]"), x, y) {
                    Some(found) => return Some(found.after(agreed)),
                    None => agreed += x.to_string().len(),
                }
            }
            Some(Difference {
                text: format!("`{path}` has {} items, and had {}", a.len(), b.len()),
                agreed,
            })
        }
        (Value::String(a), Value::String(b)) => Some(in_text(&path, a, b)),
        _ => Some(plain()),
    }
}

fn in_text(path: &str, asked: &str, recorded: &str) -> Difference {
    let same = asked
        .chars()
        .zip(recorded.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let excerpt = |text: &str| {
        let from = same.saturating_sub(EXCERPT_CHARS / 4);
        let shown: String = text.chars().skip(from).take(EXCERPT_CHARS).collect();
        format!("{shown:?}")
    };
    Difference {
        text: format!(
            "`{path}` differs from character {same} on: {}, and was {}",
            excerpt(asked),
            excerpt(recorded)
        ),
        agreed: same,
    }
}

impl Difference {
    fn after(self, agreed: usize) -> Difference {
        Difference {
            agreed: self.agreed + agreed,
            ..self
        }
    }
}

/// What stands before and behind a line's sum, which is its last field.
const SUM: &str = ",\"sum\":\"";
const CLOSE: &str = "\"}";

/// What is shown of two texts that differ: some before, more after.
const EXCERPT_CHARS: usize = 60;
