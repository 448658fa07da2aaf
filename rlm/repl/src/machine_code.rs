//! The one place that loads machine code.
#![allow(unsafe_code, reason = "wasmtime marks loading compiled code as unsafe")]

use wasmtime::Engine;
use wasmtime::component::Component;

/// Bytes of a file that only this user can write, with the hash that they had when wasmtime
/// compiled them: what `aot` has checked before it makes one.
pub(crate) struct Trusted<'a>(pub(crate) &'a [u8]);

pub(crate) fn load(engine: &Engine, code: Trusted<'_>) -> wasmtime::Result<Component> {
    // SAFETY: `Trusted` says that the bytes came out of `precompile_component` on this machine and
    // were not changed since; wasmtime checks version and configuration itself.
    unsafe { Component::deserialize(engine, code.0) }
}
