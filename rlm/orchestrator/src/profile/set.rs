//! A folder of prompt files, and the two that are built in.

use super::{Profile, check};
use crate::ContextKind;
use std::collections::BTreeMap;

/// The profiles that come with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuiltIn {
    /// For models that follow long instructions: the practice of the paper and its peers.
    Capable,
    /// For models of a few billion parameters: one short prompt per kind of context.
    Small,
}

/// Why a prompt folder cannot be used. Caused by whoever wrote the files; nothing is loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, an unknown or missing key, or a value of another type.
    #[error("prompt file {file}: {reason}")]
    Syntax { file: String, reason: String },
    /// A key whose value cannot work.
    #[error("prompt file {file}: `{key}` {reason}")]
    Value {
        file: String,
        key: String,
        reason: String,
    },
    /// A file whose name is no kind of context.
    #[error(
        "prompt file {file}: no kind of context has this name; rename it to one of \
         rows, lines, prose, code, sections or other (.toml)"
    )]
    UnknownKind { file: String },
    /// The folder has no prompt file at all.
    #[error("the prompt folder has no file; write at least other.toml")]
    Empty,
}

/// The parsed prompt files of one model class.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    files: BTreeMap<ContextKind, Profile>,
    /// For kinds without a file: the one for other texts, else for prose (its search suits any
    /// text), else the first.
    fallback: Profile,
}

impl Profiles {
    /// Parses prompt files: names with or without folder, with their text.
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Profiles, ProfileError> {
        let mut parsed = BTreeMap::new();
        for (file, text) in files {
            parsed.insert(kind_of(file)?, parse_file(file, text)?);
        }
        let fallback = [ContextKind::Other, ContextKind::Prose]
            .iter()
            .find_map(|kind| parsed.get(kind))
            .or_else(|| parsed.values().next())
            .cloned()
            .ok_or(ProfileError::Empty)?;
        Ok(Profiles {
            files: parsed,
            fallback,
        })
    }

    /// A profile that comes with the program. A test proves that they parse.
    pub fn built_in(which: BuiltIn) -> Result<Profiles, ProfileError> {
        match which {
            BuiltIn::Capable => Profiles::parse(CAPABLE),
            BuiltIn::Small => Profiles::parse(SMALL),
        }
    }

    /// The file for a kind of context; where it has none, the nearest that there is.
    pub fn for_kind(&self, kind: ContextKind) -> &Profile {
        self.files.get(&kind).unwrap_or(&self.fallback)
    }
}

fn kind_of(file: &str) -> Result<ContextKind, ProfileError> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    ContextKind::from_name(stem).ok_or_else(|| ProfileError::UnknownKind {
        file: file.to_owned(),
    })
}

fn parse_file(file: &str, text: &str) -> Result<Profile, ProfileError> {
    let profile: Profile = toml::from_str(text).map_err(|error| ProfileError::Syntax {
        file: file.to_owned(),
        reason: error.to_string(),
    })?;
    match check::first_fault(&profile) {
        Some((key, reason)) => Err(ProfileError::Value {
            file: file.to_owned(),
            key,
            reason,
        }),
        None => Ok(profile),
    }
}

const CAPABLE: [(&str, &str); 1] = [(
    "capable/other.toml",
    include_str!("../../prompts/capable/other.toml"),
)];

const SMALL: [(&str, &str); 3] = [
    (
        "small/rows.toml",
        include_str!("../../prompts/small/rows.toml"),
    ),
    (
        "small/lines.toml",
        include_str!("../../prompts/small/lines.toml"),
    ),
    (
        "small/prose.toml",
        include_str!("../../prompts/small/prose.toml"),
    ),
];
