//! The form of a set's TOML file: what to generate or copy, and what to ask of it. Unknown keys
//! are errors, so that a misspelt one cannot silently weaken a question.

use serde::Deserialize;

use crate::question::Expect;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSpec {
    /// One line for `suite list`.
    pub(crate) about: String,
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) prose: Vec<ProseSpec>,
    #[serde(default)]
    pub(crate) table: Vec<TableSpec>,
    #[serde(default)]
    pub(crate) judge: Vec<JudgeSpec>,
    #[serde(default)]
    pub(crate) document: Vec<DocumentSpec>,
}

/// Real text with sentences of ours inside.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProseSpec {
    pub(crate) file: String,
    pub(crate) bytes: usize,
    /// Sentences, each put at the end of a paragraph of its own.
    pub(crate) say: Vec<String>,
    pub(crate) ask: Vec<Ask>,
}

/// A question whose expectation is written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) question: String,
    pub(crate) expect: Expect,
    #[serde(default)]
    pub(crate) reject: Vec<String>,
    /// Words of the document that prove the answer; one line breaks as a space.
    #[serde(default)]
    pub(crate) evidence: Vec<String>,
    /// More files of the set that the job gets after the question's own.
    #[serde(default)]
    pub(crate) also: Vec<String>,
}

/// A generated table or log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableSpec {
    pub(crate) file: String,
    pub(crate) form: TableForm,
    pub(crate) rows: usize,
    /// For `lines`: the line, with `{column}` in it.
    #[serde(default)]
    pub(crate) line: String,
    pub(crate) column: Vec<ColumnSpec>,
    pub(crate) ask: Vec<TableAsk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TableForm {
    Csv,
    Tsv,
    JsonLines,
    /// Any log: its line is a template.
    Lines,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnSpec {
    pub(crate) name: String,
    #[serde(rename = "as")]
    pub(crate) kind: ColumnKind,
    /// Used by line templates only: no column of its own in CSV, TSV and JSON lines.
    #[serde(default)]
    pub(crate) hidden: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ColumnKind {
    /// One of the words, by weight. A word may have `{column}` in it.
    Choice(Vec<(String, u32)>),
    Int(i64, i64),
    /// An amount with two decimals; the bounds are in hundredths.
    Money(i64, i64),
    /// A number that grows by one, behind a prefix.
    Serial {
        first: i64,
        prefix: String,
    },
    /// A moment that moves on by a random number of seconds.
    Clock {
        start: String,
        step: (i64, i64),
        form: String,
    },
    /// That many lower-case hexadecimal digits.
    Hex(usize),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableAsk {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) question: String,
    pub(crate) query: QuerySpec,
    #[serde(default)]
    pub(crate) tolerance: f64,
}

/// What to compute, over the rows that pass every condition of `rows`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuerySpec {
    #[serde(default)]
    pub(crate) rows: Vec<Condition>,
    pub(crate) op: QueryOp,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum QueryOp {
    Count,
    Distinct {
        column: String,
    },
    Mean {
        column: String,
    },
    Sum {
        column: String,
    },
    Max {
        column: String,
    },
    /// The `k` most frequent values.
    Top {
        column: String,
        k: usize,
    },
    /// The group with the greatest sum or mean of `of`.
    TopBy {
        column: String,
        of: String,
        by: GroupFold,
    },
    /// The value of `column` in the row where `of` is greatest.
    AtMax {
        column: String,
        of: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupFold {
    Sum,
    Mean,
}

/// One condition on a row; every key that is set must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) column: String,
    #[serde(default)]
    pub(crate) is: Option<String>,
    #[serde(default)]
    pub(crate) above: Option<f64>,
    #[serde(default)]
    pub(crate) below: Option<f64>,
    /// Clock columns: from this moment on.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// Clock columns: before this moment.
    #[serde(default)]
    pub(crate) until: Option<String>,
}

/// A list of texts, each of one hidden class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeSpec {
    pub(crate) file: String,
    /// How many texts of each class are drawn, at least and at most.
    pub(crate) class: Vec<ClassSpec>,
    pub(crate) ask: Vec<JudgeAsk>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassSpec {
    pub(crate) name: String,
    pub(crate) draw: (usize, usize),
    pub(crate) texts: Vec<String>,
}

/// Asks how many texts are of a class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeAsk {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) question: String,
    pub(crate) count: String,
    #[serde(default)]
    pub(crate) tolerance: f64,
}

/// A real document, as it lies on every build machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentSpec {
    /// `CRATE-VERSION/PATH` in the registry's sources, or `licence:NAME`.
    pub(crate) from: String,
    /// The name that the copy gets in the set.
    pub(crate) file: String,
    /// BLAKE3 of the text that the answers were checked against; licences differ by a line between
    /// distributions and have none.
    #[serde(default)]
    pub(crate) hash: Option<String>,
    pub(crate) ask: Vec<Ask>,
}
