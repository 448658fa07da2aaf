//! What a client asks a node to do, and how the node's configuration fills the gaps.

use base::Budgets;
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

impl SubmitRequest {
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
