//! Makes a set: contexts and questions from its specification, a seed and the machine's real
//! text. Pure but for reading that text; `write_set` puts the result into a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::judge;
use crate::prose;
use crate::query;
use crate::question::{Expect, Question};
use crate::realtext::{RealText, RealTextError};
use crate::render;
use crate::seed::Rng;
use crate::sets::SuiteSet;
use crate::spec::{Ask, DocumentSpec, JudgeSpec, ProseSpec, TableSpec};
use crate::table;

/// Name of the questions' file inside a set's folder.
const QUESTIONS: &str = "questions.jsonl";

/// A set, made but not yet written.
#[derive(Clone, Debug, Default)]
pub struct MadeSet {
    /// Name and text of each context file.
    pub files: Vec<(String, String)>,
    pub questions: Vec<Question>,
    /// What is not as it should be, for the person who runs it.
    pub notes: Vec<String>,
}

/// Why a set cannot be made. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum MakeSetError {
    #[error(transparent)]
    RealText(#[from] RealTextError),
    #[error("{file}: {why}")]
    Part { file: String, why: String },
    #[error("cannot write {path}: {source}")]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// Makes the whole set. A document whose text is not on this machine, or has changed so that its
/// evidence is gone, is an error: a set with silent holes would measure something else.
pub fn make_set(set: &SuiteSet, seed: u64, text: &RealText) -> Result<MadeSet, MakeSetError> {
    let mut made = MadeSet::default();
    for spec in &set.spec.prose {
        made.add_prose(spec, seed, text)?;
    }
    for spec in &set.spec.table {
        made.add_table(spec, seed)?;
    }
    for spec in &set.spec.judge {
        made.add_judge(spec, seed)?;
    }
    for spec in &set.spec.document {
        made.add_document(spec, text)?;
    }
    Ok(made)
}

/// Writes the contexts and `questions.jsonl`.
pub fn write_set(made: &MadeSet, folder: &Path) -> Result<(), MakeSetError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| MakeSetError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(fault(folder))?;
    for (name, text) in &made.files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(fault(&path))?;
    }
    let mut lines = String::new();
    for question in &made.questions {
        let line = serde_json::to_string(question).map_err(|error| MakeSetError::Part {
            file: question.id.clone(),
            why: error.to_string(),
        })?;
        lines.push_str(&line);
        lines.push('\n');
    }
    let path = folder.join(QUESTIONS);
    fs::write(&path, lines).map_err(fault(&path))
}

impl MadeSet {
    fn add_prose(
        &mut self,
        spec: &ProseSpec,
        seed: u64,
        text: &RealText,
    ) -> Result<(), MakeSetError> {
        let mut rng = Rng::named(seed, &spec.file);
        let (filler, notes) = text.filler(spec.bytes, &mut rng);
        self.notes.extend(
            notes
                .into_iter()
                .map(|note| format!("{}: {note}", spec.file)),
        );
        let hidden =
            prose::hide(&filler, &spec.say, &mut rng).map_err(|error| part(&spec.file, &error))?;
        self.files.push((spec.file.clone(), hidden));
        self.ask_written(&spec.file, &spec.ask);
        Ok(())
    }

    fn add_table(&mut self, spec: &TableSpec, seed: u64) -> Result<(), MakeSetError> {
        let records = table::records(spec, seed).map_err(|error| part(&spec.file, &error))?;
        for ask in &spec.ask {
            let (expect, reject) = query::answer(&ask.query, &records, ask.tolerance)
                .map_err(|error| part(&format!("{} ({})", spec.file, ask.id), &error))?;
            self.questions.push(Question {
                id: ask.id.clone(),
                family: ask.family.clone(),
                question: ask.question.clone(),
                context: vec![spec.file.clone()],
                expect,
                reject,
            });
        }
        self.files
            .push((spec.file.clone(), render::render(spec, &records)));
        Ok(())
    }

    fn add_judge(&mut self, spec: &JudgeSpec, seed: u64) -> Result<(), MakeSetError> {
        let (text, counts) = judge::draw(spec, seed).map_err(|error| part(&spec.file, &error))?;
        for ask in &spec.ask {
            let count = counts.get(&ask.count).ok_or_else(|| {
                part(
                    &spec.file,
                    &judge::JudgeError::NoSuchClass(ask.count.clone()),
                )
            })?;
            self.questions.push(Question {
                id: ask.id.clone(),
                family: ask.family.clone(),
                question: ask.question.clone(),
                context: vec![spec.file.clone()],
                expect: Expect::Number {
                    value: *count as f64,
                    tolerance: ask.tolerance,
                },
                reject: Vec::new(),
            });
        }
        self.files.push((spec.file.clone(), text));
        Ok(())
    }

    fn add_document(&mut self, spec: &DocumentSpec, text: &RealText) -> Result<(), MakeSetError> {
        let page = text.document(&spec.from)?;
        let hash = blake3::hash(page.as_bytes()).to_hex().to_string();
        if spec.hash.as_ref().is_some_and(|known| *known != hash) {
            self.notes.push(format!(
                "{} is not the text that was checked: it is now {hash}",
                spec.from
            ));
        }
        for ask in &spec.ask {
            if let Some(gone) = lost_evidence(ask, &page) {
                let why = format!(
                    "{} no longer says {gone:?}; question {} has to be checked against \
                                   the new text",
                    spec.from, ask.id
                );
                return Err(MakeSetError::Part {
                    file: spec.file.clone(),
                    why,
                });
            }
        }
        self.files.push((spec.file.clone(), page));
        self.ask_written(&spec.file, &spec.ask);
        Ok(())
    }

    fn ask_written(&mut self, file: &str, asks: &[Ask]) {
        for ask in asks {
            let mut context = vec![file.to_owned()];
            context.extend(ask.also.iter().cloned());
            self.questions.push(Question {
                id: ask.id.clone(),
                family: ask.family.clone(),
                question: ask.question.clone(),
                context,
                expect: ask.expect.clone(),
                reject: ask.reject.clone(),
            });
        }
    }
}

/// Evidence that a text lacks. Line breaks and runs of spaces compare as one space.
pub(crate) fn lost_evidence<'a>(ask: &'a Ask, page: &str) -> Option<&'a str> {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = flat(page);
    ask.evidence
        .iter()
        .map(String::as_str)
        .find(|words| !page.contains(&flat(words)))
}

fn part(file: &str, error: &dyn std::error::Error) -> MakeSetError {
    MakeSetError::Part {
        file: file.to_owned(),
        why: error.to_string(),
    }
}
