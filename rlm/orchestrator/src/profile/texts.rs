//! What the root is told after its turns: the sections `[format]`, `[last]` and `[memory]`. A
//! prompt file may leave any of them out; the words here then stand.

use serde::{Deserialize, Serialize};

/// Texts that answer what the root did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Format {
    /// The user turn after a block: `{output} {variables} {turn} {turns} {sub_calls_left}`; `turn`
    /// is the one that begins now.
    pub output: String,
    /// Output beyond this many characters is cut at its end.
    pub output_chars: usize,
    /// Appended where output was cut: `{chars}` is its length before the cut.
    pub cut: String,
    pub nothing: String,
    /// The value of a block's last expression: `{value}`.
    pub value: String,
    /// `{type} {message} {source} {line} {traceback}`.
    pub error: String,
    /// After an error, when the context has a sample: `{sample}`.
    pub sample: String,
    /// After a NameError: `{names}`.
    pub name_error: String,
    /// After a block that was undone.
    pub rolled_back: String,
    /// After a block that is the same as the one before.
    pub repeated: String,
    /// A turn without a block: `{turn} {turns}`.
    pub no_code: String,
    /// A block that the token limit cut: `{max_tokens}`. It was not run.
    pub code_cut: String,
    /// An empty answer that was sent back: `{answer} {columns}`.
    pub empty_answer: String,
    /// Appended to that when the question has values of columns as words: `{values}`.
    pub named_values: String,
    /// An answer that was sent back for its length: `{chars} {start}`.
    pub long_answer: String,
    /// A list or table where how many was asked: `{start}`.
    pub no_number: String,
    /// The values of a column of numbers were counted, not compared: `{column}`.
    pub counted_column: String,
    /// Rows were counted, and the question names a column of numbers: `{column} {by}`.
    pub unused_column: String,
    /// Rows were counted, and the question asks for an average: `{column} {by}`.
    pub no_average: String,
    /// An answer that the gate sent back: `{sentence} {names}`.
    pub unsupported: String,
    /// The text that refused sub-calls get as their error: `{limit} {asked} {granted}`.
    pub refused: String,
}

impl Default for Format {
    fn default() -> Format {
        Format {
            output: "Output:\n{output}".into(),
            output_chars: 20_000,
            cut: "... [{chars} characters printed, cut]".into(),
            nothing: "(nothing printed; use print)".into(),
            value: String::new(),
            error: "{traceback}".into(),
            sample: String::new(),
            name_error: "\nNames: {names}".into(),
            rolled_back: "\nThe block was undone; what earlier blocks made is still there.".into(),
            repeated: "\nThis block was already run. Call FINAL(answer) now.".into(),
            no_code: "There is no block to run in that. Write one ```repl block.".into(),
            code_cut: "The block was longer than {max_tokens} tokens and was not run. \
                       Write a shorter one."
                .into(),
            empty_answer: "The answer {answer} looks wrong: nothing matched.\n{columns}".into(),
            named_values: "\nThe question names {values}.".into(),
            long_answer: "The answer has {chars} characters: {start}...".into(),
            no_number: "The question asks for one number, and {start} is none.".into(),
            counted_column: "Counter counts how often each {column} occurs.".into(),
            unused_column: "The question asks about {column}, which the code does not use.".into(),
            no_average: "The question asks for an average, and the code counts rows.".into(),
            unsupported: "The sentence \"{sentence}\" does not mention {names}.".into(),
            refused: "no more sub-calls: the limit of {limit} is reached".into(),
        }
    }
}

/// The closing call, made once when a budget is used up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Last {
    /// `{question} {limit}`.
    pub ask: String,
    pub prefill: String,
    pub stop: Vec<String>,
    pub max_tokens: u32,
}

impl Default for Last {
    fn default() -> Last {
        Last {
            ask: "No more turns are left ({limit}). Give your best answer to the question now, in \
                  plain words and without code.\nQuestion: {question}"
                .into(),
            prefill: String::new(),
            stop: Vec::new(),
            max_tokens: 1024,
        }
    }
}

/// What happens when the root's window is full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compaction {
    /// The newest turns that are kept as they are.
    pub keep_turns: usize,
    /// Stands in place of the older turns: `{variables}`.
    pub dropped: String,
    /// Asks the root for a summary of the older turns; empty: they are dropped with the note.
    pub summarise: String,
    /// Stands in place of the older turns when there is a summary: `{summary} {variables}`.
    pub summary: String,
    pub summary_tokens: u32,
}

impl Default for Compaction {
    fn default() -> Compaction {
        Compaction {
            keep_turns: 2,
            dropped: "(Earlier turns are left out. Variables: {variables})".into(),
            summarise: String::new(),
            summary: "Summary of the earlier turns:\n{summary}\nVariables: {variables}".into(),
            summary_tokens: 600,
        }
    }
}
