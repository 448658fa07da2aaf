//! What a job starts with. Everything here is given by the caller; nothing is read.

use crate::Profile;
use base::Budgets;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    pub question: String,
    pub context: ContextBrief,
    /// The prompt file for the context's kind: `Profiles::for_kind(context.kind)`.
    pub profile: Profile,
    pub budgets: Budgets,
    /// Tokens of the root model's window, prompt and reply together; `None`: not known, so the
    /// history is only shortened after the engine has refused it.
    pub window: Option<u32>,
    pub options: JobOptions,
}

/// What the machine knows of the context: what the root is told, never the text itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextBrief {
    pub kind: ContextKind,
    /// The context card: some lines of description, columns as `name: values`.
    pub card: String,
    pub chars: u64,
    /// Names that the REPL offers, for the prompt and for what a NameError is answered with.
    pub names: Vec<String>,
    /// A first item as the root would print it or a sentence with it, shown after errors; or empty.
    pub sample: String,
    /// What `Profile::first.search` found, best first; empty where it asks for no search.
    pub hits: Vec<Hit>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The headings above the text, as `A > B`; may be empty.
    pub path: String,
    pub text: String,
}

/// The kinds of context that a prompt file can be written for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ContextKind {
    Rows,
    Lines,
    Prose,
    Code,
    Sections,
    #[default]
    Other,
}

impl ContextKind {
    pub const ALL: [ContextKind; 6] = [
        ContextKind::Rows,
        ContextKind::Lines,
        ContextKind::Prose,
        ContextKind::Code,
        ContextKind::Sections,
        ContextKind::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ContextKind::Rows => "rows",
            ContextKind::Lines => "lines",
            ContextKind::Prose => "prose",
            ContextKind::Code => "code",
            ContextKind::Sections => "sections",
            ContextKind::Other => "other",
        }
    }

    pub fn from_name(name: &str) -> Option<ContextKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Limits of the machine itself, beside the job's budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobOptions {
    /// How often one root call is asked again after a failure that may pass.
    pub root_retries: u32,
    /// The wait before the first of these; doubled for each further one.
    pub retry_wait: Duration,
    /// Of the wall time, the thousandths kept for the closing call.
    pub closing_share: u32,
    /// The most wall time that is kept for the closing call.
    pub closing_most: Duration,
    /// Bytes of one reply after which the root is stopped, whatever its server does.
    pub reply_bytes: usize,
    /// Somebody named the budget's turns for this job: they hold, whatever the profile says.
    pub turns_named: bool,
}

impl JobOptions {
    /// The turns that a job has: its budget's, or the profile's where that is less.
    pub fn most_turns(&self, budgets: &Budgets, profile: &Profile) -> u32 {
        if self.turns_named {
            budgets.turns
        } else {
            budgets.turns.min(profile.root.turns)
        }
    }
}

impl Default for JobOptions {
    fn default() -> JobOptions {
        JobOptions {
            root_retries: 2,
            retry_wait: Duration::from_millis(500),
            closing_share: 200,
            closing_most: Duration::from_secs(45),
            // 256 KiB: sixteen times a long reply of 4,096 tokens.
            reply_bytes: 256 << 10,
            turns_named: false,
        }
    }
}
