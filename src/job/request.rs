//! What a client asks a node to do, and how the node's configuration fills the gaps.

use base::Budgets;
use node_config::{format_span, takes};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use utoipa::ToSchema;

/// Where a context comes from. Paths are the node's: client and node share a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextSource {
    Path(PathBuf),
    /// What the client read from its standard input.
    Text {
        name: String,
        text: String,
    },
}

/// One question. `None` leaves a choice to the node's configuration, the model to the cluster's
/// `jobs.model` before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SubmitRequest {
    pub question: String,
    /// Each `{"path": PATH}`, on the node, or `{"text": {"name": NAME, "text": TEXT}}`.
    #[schema(value_type = Vec<Object>)]
    pub context: Vec<ContextSource>,
    pub model: Option<String>,
    pub sub_model: Option<String>,
    pub profile: Option<String>,
    pub max_turns: Option<u32>,
    pub max_sub_calls: Option<u32>,
    pub max_tokens: Option<u64>,
    /// Whole seconds in `secs`, the rest in `nanos`.
    #[schema(value_type = Option<Object>)]
    pub max_time: Option<Duration>,
    pub max_depth: Option<u32>,
    pub max_errors: Option<u32>,
    pub max_concurrent: Option<u32>,
    pub no_cache: bool,
    pub seed: u64,
    /// Where the node writes the trajectory; by default in its data folder.
    #[schema(value_type = Option<String>)]
    pub trace: Option<PathBuf>,
}

/// Why a request is refused as it stands. Nothing of it was begun, and it is refused again until
/// it is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the question is empty")]
    NoQuestion,
    #[error("`{field}` must be {expected}, not {given}")]
    OutOfRange {
        field: &'static str,
        given: String,
        expected: String,
    },
}

impl SubmitRequest {
    /// Holds what the request says against the bounds of the settings that it stands in for; what
    /// it leaves out was checked with the configuration.
    pub fn check(&self) -> Result<(), RequestError> {
        if self.question.trim().is_empty() {
            return Err(RequestError::NoQuestion);
        }
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        let tokens = self.max_tokens.map(|number| number.to_string());
        for (field, setting, given) in [
            ("max_turns", "budgets.turns", text(self.max_turns)),
            (
                "max_sub_calls",
                "budgets.sub_calls",
                text(self.max_sub_calls),
            ),
            ("max_tokens", "budgets.tokens", tokens),
            ("max_time", "budgets.wall", self.max_time.map(format_span)),
            ("max_depth", "budgets.depth", text(self.max_depth)),
            (
                "max_errors",
                "budgets.consecutive_errors",
                text(self.max_errors),
            ),
            (
                "max_concurrent",
                "dispatch.max_concurrent",
                text(self.max_concurrent),
            ),
        ] {
            let Some(given) = given else { continue };
            if let Err(expected) = takes(setting, &given) {
                return Err(RequestError::OutOfRange {
                    field,
                    given,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// The job's budgets: what the request says, else `defaults`.
    pub fn budgets(&self, defaults: Budgets) -> Budgets {
        Budgets {
            turns: self.max_turns.unwrap_or(defaults.turns),
            sub_calls: self.max_sub_calls.unwrap_or(defaults.sub_calls),
            tokens: self.max_tokens.unwrap_or(defaults.tokens),
            wall: self.max_time.unwrap_or(defaults.wall),
            depth: self.max_depth.unwrap_or(defaults.depth),
            consecutive_errors: self.max_errors.unwrap_or(defaults.consecutive_errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is said of a request with this one field, as a client sends it.
    fn said(field: &str, value: &Value) -> Result<(), RequestError> {
        let sent = json!({"question": "What?", field: value});
        let request: SubmitRequest = serde_json::from_value(sent).unwrap();
        request.check()
    }

    #[test]
    fn a_request_has_the_bounds_of_the_settings_that_it_stands_in_for() {
        let secs = |secs: u64, nanos: u32| json!({"secs": secs, "nanos": nanos});
        for (field, right, wrong) in [
            ("max_turns", json!(1), json!(0)),
            ("max_sub_calls", json!(0), json!(10_000_001)),
            ("max_tokens", json!(1000), json!(u64::MAX)),
            ("max_time", secs(1, 0), secs(0, 999_999_999)),
            ("max_time", secs(30 * 24 * 3600, 0), secs(u64::MAX, 0)),
            ("max_depth", json!(8), json!(1000)),
            ("max_errors", json!(1000), json!(0)),
            ("max_concurrent", json!(1), json!(0)),
        ] {
            assert_eq!(said(field, &right), Ok(()), "{field} {right}");
            let refused = said(field, &wrong).unwrap_err();
            let RequestError::OutOfRange { field: named, .. } = &refused else {
                panic!("{field} {wrong}: {refused}");
            };
            assert_eq!(*named, field, "{refused}");
        }
    }

    #[test]
    fn a_request_that_is_refused_hears_what_is_taken() {
        assert_eq!(
            said("max_depth", &json!(1000)).unwrap_err().to_string(),
            "`max_depth` must be a whole number from 0 to 8, not 1000"
        );
        let empty = said("question", &json!(" \n"));
        assert_eq!(empty, Err(RequestError::NoQuestion));
    }

    #[test]
    fn what_is_left_out_is_the_configurations() {
        assert_eq!(said("seed", &json!(7)), Ok(()));
    }
}
