//! The catalog: which models are known by name, what file each is, and where it may come from.
//! Pure: a file's text goes in. Invariant: every entry that leaves here is checked (names, file
//! names and addresses cannot lead out of the store), and at most one is the default.

use crate::sha::Sha256;
use crate::source::{Source, SourceSpec};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How the prompts for a model are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// One short prompt per kind of context, much done for the model.
    Small,
    /// The paper's practice: the model is trusted to write its own program.
    Capable,
}

impl Profile {
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Small => "small",
            Profile::Capable => "capable",
        }
    }
}

/// A model that can be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    /// The file's name in the store; no folders.
    pub file: String,
    /// Unknown only for what a user names by address.
    pub bytes: Option<u64>,
    pub sha256: Option<Sha256>,
    pub licence: Option<String>,
    /// `None` for what a user names by address: the file's size decides.
    pub profile: Option<Profile>,
    pub about: Option<String>,
    /// Tried in this order.
    pub sources: Vec<Source>,
}

/// All models that are known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    entries: IndexMap<String, Entry>,
    default: Option<String>,
}

/// A catalog file that cannot be used. Nothing was changed; correct the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("{file}: {reason}")]
    Syntax { file: String, reason: String },
    #[error("{file}: this is catalog version {found}, and version {VERSION} is understood here")]
    Version { file: String, found: u32 },
    #[error("{file}: model `{model}`: {reason}")]
    Entry {
        file: String,
        model: String,
        reason: String,
    },
}

/// A name that the catalog does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is called `{name}`; {hint}")]
pub struct UnknownModel {
    pub name: String,
    pub hint: String,
}

impl Catalog {
    /// The catalog that comes with the program.
    pub fn built_in() -> Result<Catalog, CatalogError> {
        let mut catalog = Catalog {
            entries: IndexMap::new(),
            default: None,
        };
        catalog.merge("models/catalog.toml", BUILT_IN)?;
        Ok(catalog)
    }

    /// Adds a catalog file's models; one of the same name replaces ours, a default becomes the
    /// default. `file` is how errors name it.
    pub fn merge(&mut self, file: &str, text: &str) -> Result<(), CatalogError> {
        let parsed: CatalogFile = toml::from_str(text).map_err(|error| CatalogError::Syntax {
            file: file.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        if parsed.version != VERSION {
            return Err(CatalogError::Version {
                file: file.to_owned(),
                found: parsed.version,
            });
        }
        let mut default = None;
        for spec in parsed.model {
            let name = spec.name.clone();
            let wrong = |reason: String| CatalogError::Entry {
                file: file.to_owned(),
                model: name.clone(),
                reason,
            };
            if spec.default && default.replace(name.clone()).is_some() {
                return Err(wrong("there is a default model already".into()));
            }
            let entry = spec.check().map_err(wrong)?;
            self.entries.insert(name, entry);
        }
        self.default = default.or_else(|| self.default.take());
        Ok(())
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// As `find`, with the nearest name or the list of names when there is none.
    pub fn get(&self, name: &str) -> Result<&Entry, UnknownModel> {
        self.entries.get(name).ok_or_else(|| {
            let names = || self.entries.keys().map(String::as_str);
            let near = names().min_by_key(|known| distance(known, name));
            let hint = match near.filter(|known| distance(known, name) <= name.len() / 3) {
                Some(near) => format!("is `{near}` meant?"),
                None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
            };
            UnknownModel {
                name: name.to_owned(),
                hint,
            }
        })
    }

    /// The model that is used when none is named.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile {
    version: u32,
    #[serde(default)]
    model: Vec<EntrySpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntrySpec {
    name: String,
    file: String,
    bytes: Option<u64>,
    sha256: Option<String>,
    licence: Option<String>,
    profile: Profile,
    about: Option<String>,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    source: Vec<SourceSpec>,
}

impl EntrySpec {
    fn check(self) -> Result<Entry, String> {
        check_name(&self.name)?;
        check_file(&self.file)?;
        let sha256 = self.sha256.map(|text| text.parse()).transpose()?;
        let sources = self.source.into_iter().map(Source::try_from);
        let sources: Vec<Source> = sources.collect::<Result<_, String>>()?;
        if sources.is_empty() {
            return Err("it has no source".into());
        }
        Ok(Entry {
            name: self.name,
            file: self.file,
            bytes: self.bytes,
            sha256,
            licence: self.licence,
            profile: Some(self.profile),
            about: self.about,
            sources,
        })
    }
}

/// A name becomes a folder and is typed by people, so it is short and plain.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || !name.bytes().all(plain) || name.len() > MAX_NAME {
        return Err(format!(
            "`{name}` is no name: use lower-case letters, digits, `.`, `_`, `-`, up to {MAX_NAME}"
        ));
    }
    Ok(())
}

pub(crate) fn check_file(file: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || "._-+ ".contains(c);
    let gguf = file.to_ascii_lowercase().ends_with(".gguf") && !file.starts_with('.');
    if !gguf || !file.chars().all(plain) || file.len() > MAX_FILE {
        return Err(format!("`{file}` is no file name that ends in .gguf"));
    }
    Ok(())
}

/// Edits between two names; short texts only.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let swap = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = swap.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

const BUILT_IN: &str = include_str!("../../../models/catalog.toml");

/// The form of catalog files; a new one is a new number.
const VERSION: u32 = 1;

/// Bytes of a name: it fits a table's column.
const MAX_NAME: usize = 64;

/// Bytes of a file name; file systems take 255, and the parts' suffixes need some.
const MAX_FILE: usize = 200;

#[cfg(test)]
mod tests;
