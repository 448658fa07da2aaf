//! The only door to llama.cpp: owned handles with Rust lifetimes, and the few system calls of the
//! child. Everything here is used by the child process only. A broken invariant inside llama.cpp
//! aborts that process; callers see that as the death of the child.

mod llama;
mod process;
mod sampler;

pub(crate) use llama::{
    Backend, BatchToken, Context, ContextSpec, Model, ModelSpec, apply_template,
};
pub(crate) use process::{claim_stdio, cpu_time, end_now, settle_as_child};
pub(crate) use sampler::Sampler;

/// A token id of the model's vocabulary.
pub(crate) type Token = i32;
