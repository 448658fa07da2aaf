//! llama.cpp as an engine. The parent half (`LlamaEngine`) supervises a child process of the same
//! binary; the child half (`worker_main`) owns the model. A C++ assertion or the kernel's
//! out-of-memory killer takes the child, never the caller.
//!
//! Everything that decides (which call runs when, what is reused, where a reply ends, whether to
//! restart, how many threads) is in pure modules: `schedule`, `reply`, `restarts`, `pace`.
//! The C interface is touched in `ffi` only.

mod clock;
mod engine;
mod ffi;
mod fixture;
mod frames;
mod gguf;
mod options;
mod pace;
mod prefix_store;
mod reply;
mod restarts;
mod schedule;
mod supervisor;
mod worker;

pub use engine::LlamaEngine;
pub use fixture::{TinyModel, write_tiny_model};
pub use gguf::{InspectError, ModelFile, ModelMemory, inspect, inspect_bytes};
pub use options::{KvType, LlamaOptions, OpenError, Size, default_threads};
pub use worker::worker_main;
