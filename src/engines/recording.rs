//! Models that are recorded, and recordings that stand for models: one file a model in a folder,
//! found by the model's name. A replay opens no model and no connection; what the program must know
//! about the model before it is asked is in the recording, too.

use super::{OpenModelError, OpenedModel};
use engine::{Engine, ModelName, RecordingEngine, RecordingError, ReplayEngine};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands between a model and those who ask it.
pub(super) enum Tape {
    Off,
    Recording(Arc<RecordingEngine>),
    Replaying(Arc<ReplayEngine>),
}

impl Tape {
    pub(super) fn fault(&self) -> Option<TapeFault> {
        match self {
            Tape::Off => None,
            Tape::Recording(engine) => engine.write_error().map(TapeFault::NotWhole),
            Tape::Replaying(engine) => {
                let missed = engine.missed();
                missed.map(|missed| TapeFault::Missed(missed.to_owned()))
            }
        }
    }
}

/// What is wrong with a recording that is written, or with a replay of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TapeFault {
    /// An exchange could not be written. Every answer is right; the next recording may be whole.
    #[error("the recording is not whole: {0}")]
    NotWhole(String),
    /// Something was asked that is not there, so what came of it is not what was recorded. It is
    /// the same each time.
    #[error("the replay is not that of the recording: {0}")]
    Missed(String),
}

/// Makes the folder of a recording. One that has a recording is refused: a replay would take some
/// replies of the one and some of the other.
pub(super) fn begin(folder: &Path) -> Result<(), RecordingError> {
    let place = || folder.display().to_string();
    let unwritable = |error: std::io::Error| RecordingError::Unwritable {
        file: place(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    for entry in std::fs::read_dir(folder).map_err(unwritable)? {
        let name = entry.map_err(unwritable)?.file_name();
        if is_recording(&name.to_string_lossy()) {
            return Err(RecordingError::Taken { place: place() });
        }
    }
    Ok(())
}

/// `opened`, and every exchange with it from now on in `folder`, which was begun.
pub(super) fn recorded(
    folder: &Path,
    name: &ModelName,
    opened: OpenedModel,
) -> Result<OpenedModel, OpenModelError> {
    let file = file_of(folder, name);
    let engine = Arc::new(RecordingEngine::new(opened.engine, &file)?);
    engine.keep(PROFILE, &opened.profile);
    engine.keep_facts(&opened.facts);
    let mut notes = opened.notes;
    notes.push(format!(
        "recorded in {}; the reply cache is off",
        file.display()
    ));
    Ok(OpenedModel {
        identity: opened.identity,
        engine: Arc::clone(&engine) as Arc<dyn Engine>,
        facts: opened.facts,
        profile: opened.profile,
        notes,
        tape: Tape::Recording(engine),
    })
}

/// The model as its recording in `folder` has it.
pub(super) async fn replayed(
    folder: &Path,
    name: &ModelName,
) -> Result<OpenedModel, OpenModelError> {
    let file = file_of(folder, name);
    if !file.exists() {
        let model = name.to_string();
        return Err(OpenModelError::NotRecorded { model, file });
    }
    let engine = Arc::new(ReplayEngine::open(&file)?);
    Ok(OpenedModel {
        identity: format!("replay of {name}"),
        engine: Arc::clone(&engine) as Arc<dyn Engine>,
        facts: engine.facts().await?,
        profile: engine.kept(PROFILE)?,
        notes: vec![format!(
            "not asked: replies come from {}; the reply cache is off",
            file.display()
        )],
        tape: Tape::Replaying(engine),
    })
}

/// The file of one model: a word for people, and a hash, since a name has letters that a file's
/// cannot have.
fn file_of(folder: &Path, name: &ModelName) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let short = name.short();
    let word: String = short
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        .take(WORD_CHARS)
        .collect();
    let hash = blake3::hash(name.to_string().as_bytes()).to_hex();
    folder.join(format!("{word}-{}.jsonl", &hash[..HASH_CHARS]))
}

/// Whether a file has a name such as [`file_of`] makes.
fn is_recording(name: &str) -> bool {
    let stem = name.strip_suffix(".jsonl");
    let hash = stem.and_then(|stem| stem.rsplit_once('-'));
    hash.is_some_and(|(_, hash)| {
        hash.len() == HASH_CHARS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The name under which a recording keeps which prompts suit the model.
const PROFILE: &str = "profile";
/// Characters of a model's name that a file's name has.
const WORD_CHARS: usize = 60;
/// Hexadecimal digits: enough to tell the models of one folder apart.
const HASH_CHARS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_of_a_model_has_a_file_of_its_own() {
        let names = [
            "qwen2.5-coder-1.5b",
            "/models/a/m.gguf",
            "/models/b/m.gguf",
            "ollama:m",
            "ollama:m@http://box:11434",
            "openai:m@http://box:8000/v1",
            "openai:org/m:q4@http://box:8000/v1",
        ];
        let folder = Path::new("/r");
        let file = |name: &str| file_of(folder, &name.parse().unwrap());
        let files: BTreeSet<PathBuf> = names.into_iter().map(file).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        for file in &files {
            assert_eq!(file.parent(), Some(folder), "{file:?}");
        }
        let last = file(names[6]).display().to_string();
        assert!(last.starts_with("/r/org-m-q4-"), "{last}");
    }

    #[test]
    fn a_folder_takes_one_recording() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let place = folder.display().to_string();
        assert_eq!(begin(&folder), Ok(()), "it is made");
        std::fs::write(folder.join("job.jsonl"), "a trace").unwrap();
        std::fs::write(folder.join("2025-11-22.jsonl"), "another").unwrap();
        assert_eq!(begin(&folder), Ok(()), "neither is a recording");
        let file = file_of(&folder, &"ollama:m".parse().unwrap());
        std::fs::write(&file, "").unwrap();
        assert_eq!(begin(&folder), Err(RecordingError::Taken { place }));
        let refused = begin(&parent.path().join("a/b/job.jsonl")).unwrap_err();
        assert!(
            matches!(refused, RecordingError::Unwritable { .. }),
            "{refused}"
        );
    }
}
