//! What goes in and out of one block as data: the opening of a session, the guest's report, and the
//! texts about limits.

use crate::api::{BlockError, BlockOutcome, GuestStyle, ReplLimits, SessionConfig, Variable};
use serde::Deserialize;
use serde_json::json;

/// What the guest's `open` handler gets.
pub(crate) fn opening(config: &SessionConfig) -> String {
    let limits = &config.limits;
    json!({
        "query": config.query,
        "seed": config.seed,
        "small": config.style == GuestStyle::Small,
        "depth_left": config.depth_left,
        "output_bytes": limits.output_bytes,
        "bulk_items": limits.bulk_items,
        "eager_chars": limits.eager_chars,
        "copied_chars": limits.copied_chars,
        "context": crate::ctx_ops::facts(&config.context),
    })
    .to_string()
}

/// A module for the guest's `load` handler that sets what Python itself counts.
pub(crate) fn recursion(limits: &ReplLimits) -> String {
    let limit = limits.recursion;
    format!("_recursion\nimport sys\nsys.setrecursionlimit({limit})\n")
}

/// The guest's answer to `run`.
#[derive(Deserialize)]
pub(crate) struct Report {
    /// Printed text that was not handed over before.
    out: String,
    /// Characters of printed text that the guest did not keep.
    cut: u64,
    err: String,
    value: Option<String>,
    error: Option<GuestError>,
    answer: Option<String>,
    shown: Vec<String>,
    variables: Vec<Variable>,
}

#[derive(Deserialize)]
struct GuestError {
    kind: String,
    message: String,
    traceback: String,
    text: String,
    line: Option<u32>,
    source_line: Option<String>,
    /// It says that a limit of the session was passed, and no code of the block caught it.
    limit: bool,
}

/// The outcome of a block that came to its end. When a limit ended it, what it printed and showed
/// stays known, and its error says that all else is undone, which is left to the caller.
pub(crate) fn outcome(report: Report, mut printed: String, config: &SessionConfig) -> BlockOutcome {
    printed.push_str(&report.out);
    let (stdout, cut_bytes) = capped(printed, report.cut, config.limits.output_bytes);
    let undone = report.error.as_ref().is_some_and(|error| error.limit);
    let outcome = BlockOutcome {
        stdout,
        cut_bytes,
        stderr: report.err,
        error: report.error.map(|error| told(error, config.style)),
        shown: report.shown,
        ..BlockOutcome::default()
    };
    if undone {
        return outcome;
    }
    BlockOutcome {
        value: report.value,
        answer: report.answer,
        variables: report.variables,
        ..outcome
    }
}

fn told(error: GuestError, style: GuestStyle) -> BlockError {
    let text = match error.limit {
        true => format!("{}\n{}", error.text, undone(style)),
        false => error.text,
    };
    BlockError {
        kind: error.kind,
        message: error.message,
        traceback: error.traceback,
        text,
        line: error.line,
        source_line: error.source_line,
        rolled_back: error.limit,
    }
}

/// The outcome of a block that was cut off: what it printed stays known, what it did is undone.
pub(crate) fn stopped(error: BlockError, printed: String, config: &SessionConfig) -> BlockOutcome {
    let (stdout, cut_bytes) = capped(printed, 0, config.limits.output_bytes);
    BlockOutcome {
        stdout,
        cut_bytes,
        error: Some(error),
        ..BlockOutcome::default()
    }
}

/// Cuts at the limit, whatever the guest did, and says in the text how much is missing.
fn capped(mut text: String, mut cut: u64, limit: usize) -> (String, u64) {
    if text.len() > limit {
        let keep = text.floor_char_boundary(limit);
        cut += (text.len() - keep) as u64;
        text.truncate(keep);
    }
    if cut > 0 {
        text.push_str(&format!(
            "\n... [{cut} more bytes were printed and are not shown; print less]\n"
        ));
    }
    (text, cut)
}

pub(crate) fn limit_error(kind: &str, message: String, style: GuestStyle) -> BlockError {
    let text = format!("{kind}: {message}. {}", undone(style));
    BlockError {
        kind: kind.to_owned(),
        traceback: format!("{kind}: {message}"),
        message,
        text,
        line: None,
        source_line: None,
        rolled_back: true,
    }
}

/// What the root model is told of a block that passed a limit.
fn undone(style: GuestStyle) -> &'static str {
    match style {
        GuestStyle::Small => "The block was undone.",
        GuestStyle::Capable => {
            "The block was rolled back: the variables are those from before the block."
        }
    }
}
