//! What a caller may turn, and why an engine did not open. The values that `LlamaOptions::new`
//! gives are for CPUs (F16 keys and values without flash attention decoded fastest there);
//! node-config holds what users set.

use crate::gguf::InspectError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How keys and values of computed tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvType {
    F16,
    /// Half the memory of F16; needs flash attention.
    Q8_0,
    /// A quarter of it, less exact; needs flash attention.
    Q4_0,
}

#[derive(Clone, Debug)]
pub struct LlamaOptions {
    /// The GGUF file.
    pub model: PathBuf,
    /// Our own program and the arguments that make it call `worker_main`.
    pub program: PathBuf,
    pub args: Vec<String>,
    /// Compute threads of the child; `default_threads` says how many are best.
    pub threads: u32,
    /// Tokens of one call, prompt and reply; never more than the model was trained for.
    pub window: u32,
    /// Tokens of all calls together. At least `window`.
    pub cells: u32,
    /// Calls at once.
    pub slots: u32,
    /// Finished calls whose tokens stay for reuse beyond the slots.
    pub spare: u32,
    /// Fixed prefixes (`ChatRequest::shared_prefix`) that stay.
    pub pinned: u32,
    /// Tokens that finished calls may keep; more is more reuse and slower attention.
    pub warm_cells: u32,
    /// Tokens of one decode: cancelling waits for at most one.
    pub chunk: u32,
    /// Of these, the tokens that are computed at once. More reads prompts faster and needs memory.
    pub at_once: u32,
    /// Prompt tokens of a decode in which other calls write.
    pub chunk_beside_decode: u32,
    pub kv: KvType,
    pub flash_attention: bool,
    pub mmap: bool,
    /// Repack weights for speed; `None`: only for Q4_0, where it pays.
    pub extra_bufts: Option<bool>,
    /// Bytes that may be taken: a model that needs more is refused. `None`: none is.
    pub memory: Option<u64>,
    /// Folder where computed fixed prefixes stay for the next process; `None`: nowhere.
    pub prefix_store: Option<PathBuf>,
    /// Bytes that the folder may hold; the oldest go first.
    pub prefix_store_bytes: u64,
    /// Longest time that loading may take.
    pub load_timeout: Duration,
    /// Restarts of the child within `restart_window`, before calls fail at once.
    pub max_restarts: u32,
    pub restart_window: Duration,
    /// Pause before the first restart; doubles with each.
    pub restart_backoff: Duration,
    /// Calls that may wait or run at once; more are answered `Busy`.
    pub max_calls: u32,
}

impl LlamaOptions {
    /// The defaults for a CPU. `cores` is what the machine has.
    pub fn new(model: PathBuf, program: PathBuf, args: Vec<String>, cores: u32) -> LlamaOptions {
        LlamaOptions {
            model,
            program,
            args,
            threads: default_threads(cores),
            window: 8192,
            cells: 16_384,
            slots: 8,
            spare: 4,
            pinned: 4,
            warm_cells: 4096,
            chunk: 256,
            at_once: 256,
            chunk_beside_decode: 128,
            kv: KvType::F16,
            flash_attention: false,
            mmap: true,
            extra_bufts: None,
            memory: None,
            prefix_store: None,
            prefix_store_bytes: 512 << 20,
            load_timeout: Duration::from_secs(300),
            max_restarts: 4,
            restart_window: Duration::from_secs(60),
            restart_backoff: Duration::from_millis(100),
            max_calls: 1024,
        }
    }

    /// What of these changes replies, with the engine's version: beside the model's file, a part
    /// of a cached reply's key. Repacked weights are multiplied by other kernels, which round
    /// otherwise.
    pub fn reply_settings(&self) -> String {
        let repack = match self.extra_bufts {
            Some(true) => "on",
            Some(false) => "off",
            None => "auto",
        };
        format!(
            "{LLAMA} kv={:?} fa={} window={} repack={repack}",
            self.kv, self.flash_attention, self.window
        )
    }
}

/// All cores up to 2, where both are better than one; one less from 3 on, where the last one is
/// worth less than what else the machine does. On a crowded machine `pace` takes threads away by
/// itself. `cargo run -p engine-llama --example bench -- MODEL.gguf` compares all cores with all
/// but one on a given machine.
pub fn default_threads(cores: u32) -> u32 {
    if cores <= 2 { cores.max(1) } else { cores - 1 }
}

/// The pinned llama.cpp: another one may write other replies and other states.
pub(crate) const LLAMA: &str = "llama-cpp-sys-2 0.1.161";

/// Why an engine did not open. Nothing runs afterwards.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not a model that can be used.
    #[error(transparent)]
    Model(#[from] InspectError),
    /// Machine: the model would not fit.
    #[error(
        "{model} needs about {needed} of memory ({weights} weights, {kv} for {cells} tokens of \
         context, {compute} to compute) and {available} is available; close something, choose a \
         smaller model, or lower its `cells`"
    )]
    Memory {
        model: String,
        needed: Size,
        weights: Size,
        kv: Size,
        compute: Size,
        cells: u32,
        available: Size,
    },
    /// Caller: options that contradict each other.
    #[error("the engine's options do not fit together: {what}")]
    Options { what: String },
    /// Machine: the child process could not be started.
    #[error("cannot start {program} as the model's process: {reason}")]
    Spawn { program: String, reason: String },
    /// llama.cpp refused the model, or died on it.
    #[error("llama.cpp cannot load {model}: {reason}")]
    Load { model: String, reason: String },
}

/// Bytes, shown as people say them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.0 as f64;
        if self.0 >= 1 << 30 {
            write!(f, "{:.1} GiB", bytes / f64::from(1 << 30))
        } else {
            write!(f, "{:.0} MiB", bytes / f64::from(1 << 20))
        }
    }
}
