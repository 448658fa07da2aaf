//! Relations across fields: each is a row that names both keys and says why. A default gives way to
//! a value that was set; two values that were set and contradict each other are an error. Pure.

use crate::{ByteSize, Origin, Problem, format_span, parse_span};
use std::collections::BTreeMap;
use std::time::Duration;
use toml::Value;

struct Rule {
    left: &'static str,
    rule: &'static str,
    right: &'static str,
    bound: Bound,
    yields: Yields,
    why: &'static str,
}

/// What the right allows the left to be. Spans count in milliseconds.
#[derive(Clone, Copy)]
enum Bound {
    AsMuch,
    Below,
    Third,
    BelowHalf,
    /// Bytes that a window of so many tokens holds beside the question.
    InWindow,
}

impl Bound {
    /// The most that the left may be, from the right.
    fn most(self, right: f64) -> f64 {
        match self {
            Bound::AsMuch => right,
            Bound::Below => right - 1.0,
            Bound::Third => (right / 3.0).floor(),
            Bound::BelowHalf => ((right - 1.0) / 2.0).floor(),
            Bound::InWindow => right * BYTES_PER_TOKEN - 1.0,
        }
    }

    /// The least that the right may be, from the left.
    fn least(self, left: f64) -> f64 {
        match self {
            Bound::AsMuch => left,
            Bound::Below => left + 1.0,
            Bound::Third => left * 3.0,
            Bound::BelowHalf => left * 2.0 + 1.0,
            Bound::InWindow => ((left + 1.0) / BYTES_PER_TOKEN).ceil(),
        }
    }
}

/// Which of the two gives way while it has its default.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Yields {
    Left,
    Either,
}

type Merged = BTreeMap<&'static str, (Value, Origin)>;

/// Bytes of text that fill one token at worst in the languages and code that we measured. An
/// output of `n` bytes may need `n / BYTES_PER_TOKEN` tokens.
const BYTES_PER_TOKEN: f64 = 3.0;

const RULES: &[Rule] = &[
    Rule {
        left: "dispatch.call_deadline",
        rule: "be at most",
        right: "budgets.wall",
        bound: Bound::AsMuch,
        yields: Yields::Left,
        why: "a sub-call cannot outlive its job",
    },
    Rule {
        left: "repl.block_time",
        rule: "be at most",
        right: "budgets.wall",
        bound: Bound::AsMuch,
        yields: Yields::Left,
        why: "a block cannot outlive its job",
    },
    Rule {
        left: "dispatch.max_concurrent",
        rule: "be at most",
        right: "dispatch.waiting_per_job",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "a call in flight counts as admitted",
    },
    Rule {
        left: "dispatch.waiting_per_job",
        rule: "be at most",
        right: "dispatch.waiting_in_all",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "one job cannot hold more than all jobs",
    },
    Rule {
        left: "dispatch.retry_wait",
        rule: "be at most",
        right: "dispatch.retry_wait_max",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "the wait grows from the one to the other",
    },
    Rule {
        left: "repl.output_bytes",
        rule: "be at most",
        right: "repl.memory_bytes",
        bound: Bound::AsMuch,
        yields: Yields::Left,
        why: "a block's output is held in its session",
    },
    Rule {
        left: "repl.output_bytes",
        rule: "fit, at 3 bytes a token, into",
        right: "engine.llama.window",
        bound: Bound::InWindow,
        yields: Yields::Left,
        why: "the root must be able to read a block's output",
    },
    Rule {
        left: "engine.llama.physical_batch",
        rule: "be at most",
        right: "engine.llama.batch",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "a step is computed in pieces",
    },
    Rule {
        left: "engine.llama.sequences",
        rule: "be at most",
        right: "engine.llama.batch",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "each step decodes a token of every call",
    },
    Rule {
        left: "cluster.raft.heartbeat",
        rule: "be at most a third of",
        right: "cluster.raft.election_min",
        bound: Bound::Third,
        yields: Yields::Either,
        why: "one lost sign of life is no reason for an election",
    },
    Rule {
        left: "cluster.raft.election_min",
        rule: "be below",
        right: "cluster.raft.election_max",
        bound: Bound::Below,
        yields: Yields::Either,
        why: "voters that stand at the same moment split the votes",
    },
    Rule {
        left: "cluster.raft.election_max",
        rule: "be below",
        right: "cluster.raft.propose",
        bound: Bound::Below,
        yields: Yields::Either,
        why: "a command must outlive an election",
    },
    Rule {
        left: "cluster.membership.answer_within",
        rule: "be at most a third of",
        right: "cluster.membership.probe_every",
        bound: Bound::Third,
        yields: Yields::Either,
        why: "helpers need the rest of the period",
    },
    Rule {
        left: "cluster.membership.probe_every",
        rule: "be at most",
        right: "cluster.membership.pause",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "a timer of one period is not late",
    },
    Rule {
        left: "cluster.transport.keep_alive",
        rule: "be below half of",
        right: "cluster.transport.idle",
        bound: Bound::BelowHalf,
        yields: Yields::Either,
        why: "one lost packet must not end a link",
    },
    Rule {
        left: "cluster.transport.redial_first",
        rule: "be at most",
        right: "cluster.transport.redial_most",
        bound: Bound::AsMuch,
        yields: Yields::Either,
        why: "the pause grows from the one to the other",
    },
];

/// Fields that hang together in a row, such as the times of an election.
const LONGEST_CHAIN: usize = 4;

pub(crate) fn check(merged: &mut Merged) -> Vec<Problem> {
    // A default that gave way may push the next one: settled after as many passes as rules chain.
    let mut problems = Vec::new();
    for _ in 0..LONGEST_CHAIN {
        problems = RULES.iter().filter_map(|rule| hold(rule, merged)).collect();
    }
    problems.extend(quantized_needs_flash(merged));
    problems.extend(recorded_or_replayed(merged));
    problems
}

/// Makes the rule hold by moving a default, or tells why it cannot.
fn hold(rule: &Rule, merged: &mut Merged) -> Option<Problem> {
    let (left, right) = (
        merged.get(rule.left)?.clone(),
        merged.get(rule.right)?.clone(),
    );
    let (at_left, at_right) = (number(&left.0)?, number(&right.0)?);
    let most = rule.bound.most(at_right);
    if at_left <= most {
        return None;
    }
    let raises = rule.yields == Yields::Either && right.1 == Origin::Default;
    let follows = matches!(left.1, Origin::Follows { .. });
    if left.1 == Origin::Default || (follows && !raises) {
        let follows = Origin::Follows { key: rule.right };
        merged.insert(rule.left, (like(&left.0, most), follows));
        return None;
    }
    if raises {
        let follows = Origin::Follows { key: rule.left };
        let least = rule.bound.least(at_left);
        merged.insert(rule.right, (like(&right.0, least), follows));
        return None;
    }
    Some(relation(
        (rule.left, &left),
        rule.rule,
        (rule.right, &right),
        rule.why,
    ))
}

fn quantized_needs_flash(merged: &Merged) -> Option<Problem> {
    let (left, right) = ("engine.llama.kv_type", "engine.llama.flash_attention");
    let (kv_type, flash) = (merged.get(left)?.clone(), merged.get(right)?.clone());
    if kv_type.0.as_str() == Some("f16") || flash.0.as_str() != Some("off") {
        return None;
    }
    let why = "quantized values need flash attention";
    Some(relation(
        (left, &kv_type),
        "be \"f16\" beside",
        (right, &flash),
        why,
    ))
}

fn recorded_or_replayed(merged: &Merged) -> Option<Problem> {
    let (left, right) = ("models.record", "models.replay");
    let (record, replay) = (merged.get(left)?, merged.get(right)?);
    let is_none = |(value, _): &(Value, Origin)| value.as_str() == Some("none");
    if is_none(record) || is_none(replay) {
        return None;
    }
    let why = "replies come from the models or from a recording of them";
    Some(relation(
        (left, record),
        "be \"none\" beside",
        (right, replay),
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
fn number(value: &Value) -> Option<f64> {
    if let Value::Integer(number) = value {
        return Some(*number as f64);
    }
    let text = value.as_str()?;
    let millis = parse_span(text)
        .map(|span| span.as_secs_f64() * 1000.0)
        .ok();
    millis.or_else(|| text.parse().ok().map(|size: ByteSize| size.0 as f64))
}

/// `number` written as `value` is.
fn like(value: &Value, number: f64) -> Value {
    let whole = number.max(0.0) as u64;
    match value.as_str().map(parse_span) {
        Some(Ok(_)) => Value::String(format_span(Duration::from_millis(whole))),
        Some(Err(_)) => Value::String(ByteSize(whole).to_string()),
        None => Value::Integer(i64::try_from(whole).unwrap_or(i64::MAX)),
    }
}
