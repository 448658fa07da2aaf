//! The sets by name. Their files are part of the program, so that it runs anywhere.

use crate::spec::SetSpec;

/// A set's specification, ready to be made.
#[derive(Clone, Debug)]
pub struct SuiteSet {
    pub name: &'static str,
    pub(crate) spec: SetSpec,
}

impl SuiteSet {
    /// One line on what it measures.
    pub fn about(&self) -> &str {
        &self.spec.about
    }

    pub fn default_seed(&self) -> u64 {
        self.spec.seed
    }

    pub fn question_count(&self) -> usize {
        let spec = &self.spec;
        spec.prose.iter().map(|part| part.ask.len()).sum::<usize>()
            + spec.table.iter().map(|part| part.ask.len()).sum::<usize>()
            + spec.judge.iter().map(|part| part.ask.len()).sum::<usize>()
            + spec
                .document
                .iter()
                .map(|part| part.ask.len())
                .sum::<usize>()
    }
}

pub const SET_NAMES: [&str; 6] = [
    "first-light",
    "blind-a",
    "blind-b",
    "documents-a",
    "documents-b",
    "documents-c",
];

#[derive(Debug, thiserror::Error)]
pub enum FindSetError {
    #[error("there is no set {0:?}; the sets are {names}", names = SET_NAMES.join(", "))]
    Unknown(String),
    /// A set's file is wrong: a fault of this crate, found by its tests.
    #[error("the file of set {name} is wrong: {source}")]
    Malformed {
        name: &'static str,
        source: Box<toml::de::Error>,
    },
}

pub fn find_set(name: &str) -> Result<SuiteSet, FindSetError> {
    let (name, text) = match name {
        "first-light" => (SET_NAMES[0], include_str!("../sets/first-light.toml")),
        "blind-a" => (SET_NAMES[1], include_str!("../sets/blind-a.toml")),
        "blind-b" => (SET_NAMES[2], include_str!("../sets/blind-b.toml")),
        "documents-a" => (SET_NAMES[3], include_str!("../sets/documents-a.toml")),
        "documents-b" => (SET_NAMES[4], include_str!("../sets/documents-b.toml")),
        "documents-c" => (SET_NAMES[5], include_str!("../sets/documents-c.toml")),
        other => return Err(FindSetError::Unknown(other.to_owned())),
    };
    let spec = toml::from_str(text).map_err(|source| FindSetError::Malformed {
        name,
        source: Box::new(source),
    })?;
    Ok(SuiteSet { name, spec })
}
