//! Prompt profiles: every text that a root model is told, and the few rules that go with it, are
//! data. A profile is a folder of TOML files, one per kind of context (`rows.toml`, `lines.toml`,
//! `prose.toml`, `code.toml`, `sections.toml`, `other.toml`); [`Profiles`] is a parsed folder and
//! [`Profile`] one file. Reading files is the caller's work; this module refuses a file with an
//! unknown key, a placeholder that its text cannot have, or a number out of range, and names both.
//!
//! In a template `{name}` is replaced once, from left to right; what is put in is never looked at
//! again, so a question may contain braces. `{{` and `}}` stand for single braces.

mod check;
mod set;
mod template;
mod texts;

pub use set::{BuiltIn, ProfileError, Profiles};
pub(crate) use template::render;
pub use texts::{Compaction, Format, Last};

use serde::{Deserialize, Serialize};

/// One prompt file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The system message. Constant, so that engines keep its state between jobs.
    pub system: String,
    /// Worked examples, sent as turns between the system message and the question.
    #[serde(default, rename = "shot")]
    pub shots: Vec<Shot>,
    #[serde(default)]
    pub root: Root,
    pub first: First,
    /// Blocks that run before the root is asked, in order, until one gives an accepted answer.
    #[serde(default, rename = "script")]
    pub scripts: Vec<Script>,
    #[serde(default)]
    pub rules: Rules,
    #[serde(default)]
    pub format: Format,
    #[serde(default)]
    pub last: Last,
    #[serde(default)]
    pub memory: Compaction,
}

impl Profile {
    /// The profile for an engine that cannot begin the assistant's turn. The stop strings go too:
    /// they are meant for a reply that is inside a fence from its first character.
    pub fn without_prefill(mut self) -> Profile {
        self.root.prefill.clear();
        self.root.stop.clear();
        self.last.prefill.clear();
        self.last.stop.clear();
        self
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shot {
    pub user: String,
    pub assistant: String,
}

/// How the root model is asked in an ordinary turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Root {
    /// Text that the assistant's turn begins with; empty: none. May open the fence.
    pub prefill: String,
    pub stop: Vec<String>,
    pub max_tokens: u32,
    pub temperature: f32,
    /// After a block that was the same as the one before; without it a root at 0 writes it again.
    pub repeated_temperature: Option<f32>,
    /// The most turns that this profile takes, unless a number was named for the job.
    pub turns: u32,
}

impl Default for Root {
    fn default() -> Root {
        Root {
            prefill: String::new(),
            stop: Vec::new(),
            max_tokens: 4096,
            temperature: 0.0,
            repeated_temperature: None,
            turns: 30,
        }
    }
}

/// The first user turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// `{card} {hits} {script} {question} {names} {chars} {turns} {sub_calls} {depth}`.
    pub template: String,
    /// Wraps the hits (`{hits}`); left out when there are none.
    #[serde(default)]
    pub hits: String,
    /// One hit: `{n} {path} {text}`.
    #[serde(default = "default_hit")]
    pub hit: String,
    /// Wraps one script's output (`{code} {output}`) where `show = "first"`.
    #[serde(default)]
    pub script: String,
    /// The search that the caller does before the first turn; absent: none.
    #[serde(default)]
    pub search: Option<FirstSearch>,
}

fn default_hit() -> String {
    "[{n}] {text}".to_owned()
}

/// What to search before the first turn, for the question's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstSearch {
    pub k: u32,
    /// A hit is shown up to so many characters.
    pub chars: usize,
    pub style: HitStyle,
    /// Name the question's words that a hit lacks.
    #[serde(default)]
    pub mark: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HitStyle {
    Sentences,
    Passages,
}

/// A block that is run without asking the root. Its answer ends the job when it is no refusal, not
/// empty, and passes the gate if `gate` is set. Else the next script runs, then the root is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub code: String,
    #[serde(default)]
    pub gate: bool,
    #[serde(default)]
    pub show: Show,
}

/// How the root learns of a script that gave no accepted answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// As a turn of its own, as if it had written the block.
    #[default]
    Turn,
    /// Inside the first user turn, at `{script}`.
    First,
    /// Not at all.
    Hidden,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// How often the support gate may send the root's answer back; 0: no gate.
    pub gate: u32,
    /// In the first so many turns an empty answer (`None`, 0, `[]`, ..) is sent back; 0: never.
    pub empty_check: u32,
    /// An answer of more characters is sent back once: a whole table in place of what was asked;
    /// 0: never.
    pub answer_chars: usize,
    /// When the question asks how many, a list or table is sent back once.
    pub number: bool,
    /// An answer from a count of rows, where a column of numbers was to be compared or added up, is
    /// sent back once.
    pub columns: bool,
    /// Answers that contain one of these (in any case) say that there is no answer. They pass the
    /// gate; from a script they are not accepted.
    pub refusals: Vec<String>,
}

#[cfg(test)]
mod tests;
