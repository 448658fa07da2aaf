//! Keys of the first design's `optimized.toml`. Each is either carried over to one of our fields,
//! or taken with a warning that names the part it belongs to and when it will act. Pure.

use crate::{Origin, Warning};
use toml::Value;

/// A key of the first design and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct LegacyKey {
    pub key: &'static str,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It sets this field of ours.
    Maps { to: &'static str, unit: Unit },
    /// It cannot be turned: the part works as the sentence says, whatever the value.
    Fixed {
        part: &'static str,
        because: &'static str,
        /// Asks for what is the case anyway: no warning.
        agrees: fn(&Value) -> bool,
    },
    /// Its part does not act on it yet.
    Later {
        part: &'static str,
        when: &'static str,
    },
}

/// How a bare number of the first design is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Number,
    Mebibytes,
}

const fn maps(key: &'static str, to: &'static str, unit: Unit) -> LegacyKey {
    LegacyKey {
        key,
        fate: Fate::Maps { to, unit },
    }
}

const fn later(key: &'static str, part: &'static str, when: &'static str) -> LegacyKey {
    LegacyKey {
        key,
        fate: Fate::Later { part, when },
    }
}

const CONTEXT: &str = "the context store";
const RUNTIME: &str = "the node's runtime";
const RUNTIME_WHEN: &str = "acts in `rlm-node` when it serves jobs of a cluster; \
     one-machine runs take their threads from the cores";
const SPECULATION: &str = "speculation (run-ahead)";
const SPECULATION_WHEN: &str = "acts once blocks are run ahead of their sub-calls";
const SEMANTIC: &str = "the semantic cache";
const SEMANTIC_WHEN: &str = "acts once replies to similar prompts are shared; \
     today only exact repeats hit, see [cache]";
const PIPELINE: &str = "the pipeline";
const PIPELINE_WHEN: &str = "acts once turns overlap with their sub-calls";
const DOGFOODING: &str = "dogfooding";
const DOGFOODING_WHEN: &str = "acts once the program works on its own source";

pub const LEGACY: &[LegacyKey] = &[
    later("runtime.worker_threads", RUNTIME, RUNTIME_WHEN),
    later("runtime.blocking_threads", RUNTIME, RUNTIME_WHEN),
    later("runtime.thread_stack_size", RUNTIME, RUNTIME_WHEN),
    maps(
        "parallelism.max_parallel_sub_calls",
        "dispatch.max_concurrent",
        Unit::Number,
    ),
    maps(
        "parallelism.batch_size",
        "engine.llama.sequences",
        Unit::Number,
    ),
    later("parallelism.use_speculation", SPECULATION, SPECULATION_WHEN),
    later(
        "parallelism.speculation_threads",
        SPECULATION,
        SPECULATION_WHEN,
    ),
    later("caching.enable_semantic_cache", SEMANTIC, SEMANTIC_WHEN),
    later("caching.semantic_threshold", SEMANTIC, SEMANTIC_WHEN),
    maps("caching.max_cache_mb", "cache.disk_bytes", Unit::Mebibytes),
    later("caching.embedding_model", SEMANTIC, SEMANTIC_WHEN),
    LegacyKey {
        key: "memory.use_mmap",
        fate: Fate::Fixed {
            part: CONTEXT,
            because: "up to 256 MiB of a context are read into memory, more is mapped \
                      (a private copy)",
            agrees: |value| *value == Value::Boolean(true),
        },
    },
    maps(
        "memory.max_context_mb",
        "context.max_bytes",
        Unit::Mebibytes,
    ),
    LegacyKey {
        key: "memory.chunk_size",
        fate: Fate::Fixed {
            part: CONTEXT,
            because: "nothing is cut beforehand: the root's code chooses what a sub-call reads, \
                      and search cuts at headings, paragraphs and sentences",
            agrees: |_| false,
        },
    },
    later("pipeline.enable_pipelining", PIPELINE, PIPELINE_WHEN),
    later("pipeline.lookahead_depth", PIPELINE, PIPELINE_WHEN),
    later("pipeline.prefetch_chunks", PIPELINE, PIPELINE_WHEN),
    later("dogfooding.auto_approve", DOGFOODING, DOGFOODING_WHEN),
    later(
        "dogfooding.max_suggestions_per_cycle",
        DOGFOODING,
        DOGFOODING_WHEN,
    ),
    later(
        "dogfooding.test_coverage_threshold",
        DOGFOODING,
        DOGFOODING_WHEN,
    ),
];

/// What a legacy key came to.
pub(crate) enum Carried {
    Set { to: &'static str, value: Value },
    Kept,
    Warn(Warning),
}

pub(crate) fn find(key: &str) -> Option<&'static LegacyKey> {
    LEGACY.iter().find(|legacy| legacy.key == key)
}

pub(crate) fn is_section(section: &str) -> bool {
    LEGACY.iter().any(|legacy| {
        legacy
            .key
            .strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

pub(crate) fn carry(legacy: &LegacyKey, value: &Value, at: &Origin) -> Carried {
    let warn = |part, text| {
        let key = legacy.key.to_owned();
        Carried::Warn(Warning {
            at: at.clone(),
            key,
            part,
            text,
        })
    };
    match legacy.fate {
        Fate::Maps { to, unit } => {
            let value = match (unit, value) {
                (Unit::Mebibytes, Value::Integer(n)) => Value::String(format!("{n}MiB")),
                (Unit::Number | Unit::Mebibytes, other) => other.clone(),
            };
            Carried::Set { to, value }
        }
        Fate::Fixed { agrees, .. } if agrees(value) => Carried::Kept,
        Fate::Fixed { part, because, .. } => warn(part, format!("has no effect: {because}")),
        Fate::Later { part, when } => warn(part, when.to_owned()),
    }
}
