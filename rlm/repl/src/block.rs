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
}

pub(crate) fn outcome(report: Report, mut printed: String, limits: &ReplLimits) -> BlockOutcome {
    printed.push_str(&report.out);
    let (stdout, cut_bytes) = capped(printed, report.cut, limits.output_bytes);
    BlockOutcome {
        stdout,
        cut_bytes,
        stderr: report.err,
        value: report.value,
        error: report.error.map(|error| BlockError {
            kind: error.kind,
            message: error.message,
            traceback: error.traceback,
            text: error.text,
            line: error.line,
            source_line: error.source_line,
            rolled_back: false,
        }),
        answer: report.answer,
        shown: report.shown,
        variables: report.variables,
        ..BlockOutcome::default()
    }
}

/// The outcome of a block that a limit stopped: what it printed stays known, what it did is undone.
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
    let undone = "the variables are those from before the block";
    let text = match style {
        GuestStyle::Small => format!("{kind}: {message}. The block was undone."),
        GuestStyle::Capable => format!("{kind}: {message}. The block was rolled back: {undone}."),
    };
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
