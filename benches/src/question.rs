//! A question and what counts as its answer: the form in which a set is written to disk.

use serde::{Deserialize, Serialize};

/// One question over one or more context files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub id: String,
    /// What kind of work it needs; results are summed by it.
    pub family: String,
    pub question: String,
    /// Files of the set, given to the job in this order.
    pub context: Vec<String>,
    pub expect: Expect,
    /// Near misses: an answer that names one of these is wrong.
    #[serde(default)]
    pub reject: Vec<String>,
}

/// What a right answer must say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// Every phrase, as whole words.
    Contains { all: Vec<String> },
    /// At least one of the phrases, as whole words.
    OneOf { any: Vec<String> },
    /// One number and no other, except numbers that the question itself has.
    Number {
        value: f64,
        /// Largest accepted difference, in the number's own unit.
        #[serde(default)]
        tolerance: f64,
    },
    /// These names, first to last.
    NamesInOrder { names: Vec<String> },
    /// These names in any order.
    Names { names: Vec<String> },
    /// The answer says that the text does not tell.
    Absent,
}
