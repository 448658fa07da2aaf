//! Relations across fields: each is a row that names both keys and says why. Pure.

use crate::{ByteSize, Origin, Problem, parse_span};
use std::collections::BTreeMap;
use toml::Value;

struct Rule {
    left: &'static str,
    rule: &'static str,
    right: &'static str,
    holds: fn(f64, f64) -> bool,
    why: &'static str,
}

type Merged = BTreeMap<&'static str, (Value, Origin)>;

/// Bytes of text that fill one token at worst in the languages and code that we measured. A chunk
/// or an output of `n` bytes may need `n / BYTES_PER_TOKEN` tokens.
const BYTES_PER_TOKEN: f64 = 3.0;

fn at_most(left: f64, right: f64) -> bool {
    left <= right
}

fn fits_window(bytes: f64, tokens: f64) -> bool {
    bytes / BYTES_PER_TOKEN < tokens
}

const RULES: &[Rule] = &[
    Rule {
        left: "dispatch.call_deadline",
        rule: "be at most",
        right: "budgets.wall",
        holds: at_most,
        why: "a sub-call cannot outlive its job",
    },
    Rule {
        left: "repl.block_time",
        rule: "be at most",
        right: "budgets.wall",
        holds: at_most,
        why: "a block cannot outlive its job",
    },
    Rule {
        left: "dispatch.max_concurrent",
        rule: "be at most",
        right: "dispatch.waiting_per_job",
        holds: at_most,
        why: "a call in flight counts as admitted",
    },
    Rule {
        left: "dispatch.waiting_per_job",
        rule: "be at most",
        right: "dispatch.waiting_in_all",
        holds: at_most,
        why: "one job cannot hold more than all jobs",
    },
    Rule {
        left: "dispatch.retry_wait",
        rule: "be at most",
        right: "dispatch.retry_wait_max",
        holds: at_most,
        why: "the wait grows from the one to the other",
    },
    Rule {
        left: "repl.output_bytes",
        rule: "be at most",
        right: "repl.memory_bytes",
        holds: at_most,
        why: "a block's output is held in its session",
    },
    Rule {
        left: "repl.output_bytes",
        rule: "fit, at 3 bytes a token, into",
        right: "engine.llama.window",
        holds: fits_window,
        why: "the root must be able to read a block's output",
    },
    Rule {
        left: "context.chunk_bytes",
        rule: "fit, at 3 bytes a token, into",
        right: "engine.llama.window",
        holds: fits_window,
        why: "a sub-call must be able to read a chunk",
    },
    Rule {
        left: "engine.llama.physical_batch",
        rule: "be at most",
        right: "engine.llama.batch",
        holds: at_most,
        why: "a step is computed in pieces",
    },
    Rule {
        left: "engine.llama.sequences",
        rule: "be at most",
        right: "engine.llama.batch",
        holds: at_most,
        why: "each step decodes a token of every call",
    },
];

pub(crate) fn check(merged: &Merged) -> Vec<Problem> {
    let mut problems: Vec<Problem> = RULES
        .iter()
        .filter_map(|rule| broken(rule, merged))
        .collect();
    problems.extend(quantized_needs_flash(merged));
    problems
}

fn broken(rule: &Rule, merged: &Merged) -> Option<Problem> {
    let (left, right) = (merged.get(rule.left)?, merged.get(rule.right)?);
    if (rule.holds)(number(&left.0)?, number(&right.0)?) {
        return None;
    }
    Some(relation(
        (rule.left, left),
        rule.rule,
        (rule.right, right),
        rule.why,
    ))
}

fn quantized_needs_flash(merged: &Merged) -> Option<Problem> {
    let (left, right) = ("engine.llama.kv_type", "engine.llama.flash_attention");
    let (kv_type, flash) = (merged.get(left)?, merged.get(right)?);
    if kv_type.0.as_str() == Some("f16") || flash.0.as_str() != Some("off") {
        return None;
    }
    let why = "quantized values need flash attention";
    Some(relation(
        (left, kv_type),
        "be \"f16\" beside",
        (right, flash),
        why,
    ))
}

fn relation(
    left: (&'static str, &(Value, Origin)),
    rule: &'static str,
    right: (&'static str, &(Value, Origin)),
    why: &'static str,
) -> Problem {
    Problem::Relation {
        left: left.0,
        left_value: left.1.0.to_string(),
        left_at: left.1.1.clone(),
        rule,
        right: right.0,
        right_value: right.1.0.to_string(),
        right_at: right.1.1.clone(),
        why,
    }
}

/// Numbers, spans in milliseconds and sizes in bytes; `None` for `"auto"` and words.
#[expect(clippy::cast_precision_loss, reason = "compared, never counted with")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::String(text) => parse_span(text)
            .map(|span| span.as_secs_f64() * 1000.0)
            .ok()
            .or_else(|| text.parse().ok().map(|size: ByteSize| size.0 as f64)),
        _ => None,
    }
}
