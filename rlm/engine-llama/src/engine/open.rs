//! Opening a model: look at the file, weigh it against the memory that may be taken, then start the
//! child.

use super::LlamaEngine;
use crate::clock::Clock;
use crate::frames::LoadSpec;
use crate::gguf::{ModelFile, inspect};
use crate::options::{KvType, LlamaOptions, OpenError, Size};
use crate::supervisor;
use std::sync::atomic::AtomicU64;

impl LlamaEngine {
    /// Opens the model of `options`. Nothing is loaded when the file is not a usable model or
    /// would not fit into memory.
    pub async fn open(options: LlamaOptions) -> Result<LlamaEngine, OpenError> {
        let file = inspect(&options.model)?;
        let spec = load_spec(&options, &file)?;
        check_memory(&file, &spec, options.memory)?;
        let model = options.model.display().to_string();
        let program = options.program.display().to_string();
        let (window, slots) = (spec.window, spec.slots);
        let handles = supervisor::start(options, spec).map_err(|error| OpenError::Spawn {
            program: program.clone(),
            reason: error.to_string(),
        })?;
        let loaded = match handles.loaded.await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(death)) if death.not_started => {
                return Err(OpenError::Spawn {
                    program,
                    reason: death.reason,
                });
            }
            Ok(Err(death)) => {
                return Err(OpenError::Load {
                    model,
                    reason: death.reason,
                });
            }
            Err(_) => {
                let reason = "its supervisor ended".into();
                return Err(OpenError::Load { model, reason });
            }
        };
        Ok(LlamaEngine {
            commands: handles.commands,
            status: handles.status,
            file,
            notes: loaded.notes,
            window,
            slots,
            next_call: AtomicU64::new(1),
            clock: Clock::start(),
        })
    }
}

fn load_spec(options: &LlamaOptions, file: &ModelFile) -> Result<LoadSpec, OpenError> {
    let wrong = |what: &str| Err(OpenError::Options { what: what.into() });
    if options.kv != KvType::F16 && !options.flash_attention {
        return wrong("a quantised KV cache needs flash attention");
    }
    if options.slots == 0 || options.threads == 0 || options.window == 0 || options.max_calls == 0 {
        return wrong("slots, threads, window and max_calls must be at least 1");
    }
    if options
        .slots
        .saturating_add(options.spare)
        .saturating_add(options.pinned)
        > MAX_SEQUENCES
    {
        return wrong("slots, spare and pinned together may be at most 256");
    }
    if options.chunk < options.slots.max(MIN_CHUNK) {
        return wrong("chunk must be at least 32 and not below slots");
    }
    let trained = if file.window == 0 {
        options.window
    } else {
        file.window
    };
    let window = options.window.min(trained);
    if options.cells < window && !file.embeddings {
        return wrong("cells must hold at least one window");
    }
    Ok(LoadSpec {
        model: options.model.clone(),
        model_key: file.key.clone(),
        embeddings: file.embeddings,
        threads: options.threads,
        window,
        // llama.cpp rounds up to this; the scheduler counts what is really there.
        cells: options.cells.next_multiple_of(256),
        slots: options.slots,
        spare: options.spare,
        pinned: options.pinned,
        warm_cells: options.warm_cells,
        chunk: options.chunk,
        at_once: options.at_once.clamp(1, options.chunk),
        chunk_beside_decode: options.chunk_beside_decode.clamp(1, options.chunk),
        kv: options.kv,
        flash_attention: options.flash_attention,
        mmap: options.mmap,
        extra_bufts: options.extra_bufts.unwrap_or(file.repack_pays),
        prefix_store: options.prefix_store.clone(),
        prefix_store_bytes: options.prefix_store_bytes,
    })
}

fn check_memory(
    file: &ModelFile,
    spec: &LoadSpec,
    available: Option<u64>,
) -> Result<(), OpenError> {
    let Some(available) = available else {
        return Ok(());
    };
    let cells = if spec.embeddings {
        spec.window
    } else {
        spec.cells
    };
    let at_once = if spec.embeddings {
        spec.chunk
    } else {
        spec.at_once
    };
    let memory = file.memory(cells, spec.kv, at_once, spec.extra_bufts);
    if memory.total() <= available {
        return Ok(());
    }
    Err(OpenError::Memory {
        model: file.path.display().to_string(),
        needed: Size(memory.total()),
        weights: Size(memory.weights),
        kv: Size(memory.kv),
        compute: Size(memory.compute),
        cells,
        available: Size(available),
    })
}

/// llama.cpp's own limit.
const MAX_SEQUENCES: u32 = 256;
/// Below this, a decode costs more in overhead than it computes.
const MIN_CHUNK: u32 = 32;

#[cfg(test)]
mod tests;
