//! Settings of the whole cluster: a closed list of names, each with what it takes.

use super::{Outcome, Rejection};
use std::collections::BTreeMap;

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingName {
    pub name: &'static str,
    pub kind: SettingKind,
    /// What setting it does, for people.
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Up to so many characters.
    Text(usize),
    /// A whole number in this range.
    Number(u64, u64),
    Switch,
}

/// All settings there are.
pub fn setting_names() -> &'static [SettingName] {
    NAMES
}

impl SettingKind {
    fn takes(self, value: &str) -> bool {
        match self {
            SettingKind::Text(max) => !value.is_empty() && value.chars().count() <= max,
            SettingKind::Number(least, most) => value
                .parse::<u64>()
                .is_ok_and(|number| (least..=most).contains(&number)),
            SettingKind::Switch => matches!(value, "on" | "off"),
        }
    }

    fn expected(self) -> String {
        match self {
            SettingKind::Text(max) => format!("1 to {max} characters"),
            SettingKind::Number(least, most) => format!("a number from {least} to {most}"),
            SettingKind::Switch => "`on` or `off`".to_owned(),
        }
    }
}

/// Whether tokens let anybody in.
pub(super) fn admits(settings: &BTreeMap<String, String>) -> bool {
    settings.get(ADMISSION).is_none_or(|value| value == "on")
}

/// How many jobs may be open at once.
pub(super) fn open_jobs(settings: &BTreeMap<String, String>) -> usize {
    settings
        .get(OPEN_JOBS)
        .and_then(|value| value.parse().ok())
        .unwrap_or(DEFAULT_OPEN_JOBS)
}

/// The model of a job that names none; without one each node has its own.
pub fn default_model(settings: &BTreeMap<String, String>) -> Option<&str> {
    settings.get(DEFAULT_MODEL).map(String::as_str)
}

/// Most bytes of a blob, such as a model's weights.
pub fn largest_blob(settings: &BTreeMap<String, String>) -> u64 {
    let mib = settings
        .get(LARGEST_BLOB)
        .and_then(|value| value.parse::<u64>().ok())
        .unwrap_or(DEFAULT_LARGEST_BLOB);
    mib.saturating_mul(MIB)
}

pub(super) fn set(
    settings: &mut BTreeMap<String, String>,
    name: &str,
    value: Option<&str>,
) -> Result<Outcome, Rejection> {
    let known = NAMES.iter().find(|known| known.name == name);
    let known = known.ok_or_else(|| Rejection::UnknownSetting {
        name: name.to_owned(),
    })?;
    match value {
        None => {
            settings.remove(name);
        }
        Some(value) if known.kind.takes(value) => {
            settings.insert(name.to_owned(), value.to_owned());
        }
        Some(value) => {
            return Err(Rejection::BadSetting {
                name: name.to_owned(),
                value: value.chars().take(SHOWN_CHARS).collect(),
                expected: known.kind.expected(),
            });
        }
    }
    Ok(Outcome::Done)
}

const ADMISSION: &str = "admission.open";
const DEFAULT_MODEL: &str = "jobs.model";
const OPEN_JOBS: &str = "jobs.open";
const DEFAULT_OPEN_JOBS: usize = 10_000;
const LARGEST_BLOB: &str = "blobs.max_mib";
/// The weights of the largest models that a few machines can serve.
const DEFAULT_LARGEST_BLOB: u64 = 256 * 1024;
const MIB: u64 = 1 << 20;
/// Of a refused value.
const SHOWN_CHARS: usize = 64;

const NAMES: &[SettingName] = &[
    SettingName {
        name: "cluster.name",
        kind: SettingKind::Text(64),
        help: "what `status` calls the cluster",
    },
    SettingName {
        name: DEFAULT_MODEL,
        kind: SettingKind::Text(128),
        help: "the model of a job that names none, before a node's own `models.default`",
    },
    SettingName {
        name: OPEN_JOBS,
        kind: SettingKind::Number(1, 50_000),
        help: "jobs that may be open at once; more are refused",
    },
    SettingName {
        name: LARGEST_BLOB,
        kind: SettingKind::Number(1, 16 * 1024 * 1024),
        help: "MiB that one blob (a model's weights) may have; 262144 unless set",
    },
    SettingName {
        name: ADMISSION,
        kind: SettingKind::Switch,
        help: "whether tokens are honoured; `off` lets nobody join",
    },
];
