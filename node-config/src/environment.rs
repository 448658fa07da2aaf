//! The environment as values: `RLM_SECTION_KEY` sets `section.key`. A name that starts with `RLM_`
//! and fits no field is a warning, not an error: a stray variable must not stop a run. Pure.

use crate::layer::Reading;
use crate::problem::{did_you_mean, nearest};
use crate::{FIELDS, Origin, Warning};
use std::collections::BTreeMap;

/// Variables, captured once by the shell or given by a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// The variable that sets `key`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("RLM_{}", key.replace('.', "_").to_ascii_uppercase())
}

pub(crate) fn read(variables: &Environment) -> Reading {
    let known: BTreeMap<String, &'static crate::Field> = FIELDS
        .iter()
        .map(|field| (variable_of(field.key), field))
        .collect();
    let mut reading = Reading::default();
    for (name, text) in &variables.0 {
        let at = Origin::Variable { name: name.clone() };
        if let Some(field) = known.get(name) {
            if !text.is_empty() {
                reading.set(field, &field.kind.from_text(text), at);
            }
        } else if name.starts_with("RLM_") && !RESERVED.contains(&name.as_str()) {
            let near = nearest(name, known.keys().map(String::as_str));
            reading.warnings.push(Warning {
                at,
                key: name.clone(),
                part: "the environment",
                text: format!("no field is set by it{}", did_you_mean(near.as_deref())),
            });
        }
    }
    reading
}

/// Variables of ours that set no field.
pub(crate) const RESERVED: &[&str] =
    &["RLM_PROFILE", "RLM_CONFIG", "RLM_LOG", "RLM_TOKEN", API_KEY];

/// Holds the key with which `rlm-ctl` asks a node over TCP.
pub const API_KEY: &str = "RLM_API_KEY";
