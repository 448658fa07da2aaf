//! The sets by name. Their files are part of the program, so that it runs anywhere.

use crate::spec::SetSpec;

/// A set's specification, ready to be made.
#[derive(Clone, Debug)]
pub struct SuiteSet {
    pub name: String,
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

pub const SET_NAMES: [&str; 7] = [
    "first-light",
    "blind-a",
    "blind-b",
    "documents-a",
    "documents-b",
    "documents-c",
    "documents-d",
];

#[derive(Debug, thiserror::Error)]
pub enum FindSetError {
    #[error(
        "there is no set {0:?}; the sets are {names}, and FILE.toml is one of your own",
        names = SET_NAMES.join(", ")
    )]
    Unknown(String),
    #[error("the set {name} cannot be read: {source}")]
    Unreadable {
        name: String,
        source: std::io::Error,
    },
    /// In a set of this crate a fault that its tests find.
    #[error("the file of set {name} is wrong: {source}")]
    Malformed {
        name: String,
        source: Box<toml::de::Error>,
    },
}

/// A set of this crate by its name, or any other by the path of its file, which ends in `.toml`.
pub fn find_set(name: &str) -> Result<SuiteSet, FindSetError> {
    let own;
    let text = match name {
        "first-light" => include_str!("../sets/first-light.toml"),
        "blind-a" => include_str!("../sets/blind-a.toml"),
        "blind-b" => include_str!("../sets/blind-b.toml"),
        "documents-a" => include_str!("../sets/documents-a.toml"),
        "documents-b" => include_str!("../sets/documents-b.toml"),
        "documents-c" => include_str!("../sets/documents-c.toml"),
        "documents-d" => include_str!("../sets/documents-d.toml"),
        path if path.ends_with(".toml") => {
            own = read(path)?;
            &own
        }
        other => return Err(FindSetError::Unknown(other.to_owned())),
    };
    let spec = toml::from_str(text).map_err(|source| FindSetError::Malformed {
        name: name.to_owned(),
        source: Box::new(source),
    })?;
    Ok(SuiteSet {
        name: name.to_owned(),
        spec,
    })
}

fn read(path: &str) -> Result<String, FindSetError> {
    std::fs::read_to_string(path).map_err(|source| FindSetError::Unreadable {
        name: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_ones_own_is_named_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let name = path.to_str().unwrap();
        let found = find_set(name);
        assert!(matches!(found, Err(FindSetError::Unreadable { .. })));
        std::fs::write(&path, "about = 1").unwrap();
        let found = find_set(name);
        assert!(matches!(found, Err(FindSetError::Malformed { .. })));
        std::fs::write(&path, include_str!("../sets/blind-a.toml")).unwrap();
        let (mine, theirs) = (find_set(name).unwrap(), find_set("blind-a").unwrap());
        assert_eq!(mine.question_count(), theirs.question_count());
    }
}
