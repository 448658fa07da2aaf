//! What can be wrong with a configuration. Everything that is wrong is told at once: each problem
//! names the place, the reason and what to write instead. Nothing is applied when there is one.

use crate::Origin;
use std::fmt;
use std::path::PathBuf;

/// Every problem that was found, in the order of the layers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("{at}: this is not TOML: {reason}")]
    Syntax { at: Origin, reason: String },
    #[error("{at}: there is no `{key}`{hint}", hint = did_you_mean(nearest.as_deref()))]
    UnknownKey {
        at: Origin,
        key: String,
        nearest: Option<String>,
    },
    #[error("{at}: `{key}` must be {expected}, not {found}")]
    WrongValue {
        at: Origin,
        key: String,
        expected: String,
        found: String,
    },
    #[error("{at}: `{key}` is missing: give {expected}")]
    Missing {
        at: Origin,
        key: String,
        expected: String,
    },
    /// Secrets stand in a file or a variable, so that no configuration file has to be hidden.
    #[error(
        "{at}: `{key}` would hold a secret itself; \
         name a file with `key_file` or an environment variable with `key_env`"
    )]
    SecretByValue { at: Origin, key: String },
    #[error(
        "`{left}` ({left_value}, {left_at}) must {rule} \
         `{right}` ({right_value}, {right_at}): {why}"
    )]
    Relation {
        left: &'static str,
        left_value: String,
        left_at: Origin,
        rule: &'static str,
        right: &'static str,
        right_value: String,
        right_at: Origin,
        why: &'static str,
    },
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("there is no profile `{name}`: give {known} or the path of a file")]
    UnknownProfile { name: String, known: String },
    #[error("no folder for files of this user: set HOME, or XDG_DATA_HOME and its like ({reason})")]
    NoHome { reason: String },
    /// Ours: the table of fields and the typed configuration disagree.
    #[error(
        "the table of fields does not fit the configuration ({reason}); \
         this is a bug, please report it"
    )]
    Inconsistent { reason: String },
}

/// Something that is taken, but that does not act, or not as one might think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub at: Origin,
    pub key: String,
    /// The part of the system that the key belongs to.
    pub part: &'static str,
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: `{}` ({}): {}",
            self.at, self.key, self.part, self.text
        )
    }
}

pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// The known name that is close enough to `name` to be what was meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= CLOSE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Of 1. Below it suggestions become guesses (seen on one- and two-letter slips of our own keys).
const CLOSE_ENOUGH: f64 = 0.8;
