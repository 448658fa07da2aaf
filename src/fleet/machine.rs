//! What this machine has, as the cluster hears it.

use crate::settings::Settings;
use crdt::{GpuFacts, NodeFacts};

/// Facts at this moment. `models` are those on this machine's disk.
pub fn facts(settings: &Settings, models: Vec<String>) -> NodeFacts {
    let hardware = node_config::hardware::read();
    let gpus = hardware.gpus.iter().map(|gpu| GpuFacts {
        name: gpu.name.clone(),
        memory_bytes: 0,
    });
    let mut not_ready = Vec::new();
    if models.is_empty() {
        not_ready.push("no model is here: `rlm-ctl model pull`".to_owned());
    }
    NodeFacts {
        cores: hardware.cores,
        memory_bytes: hardware.memory_total,
        numa_nodes: hardware.numa_nodes,
        gpus: gpus.collect(),
        models,
        // One engine for each GPU, or one for the cores; each takes that many calls at once.
        slots: u32::try_from(hardware.gpus.len().max(1)).unwrap_or(1)
            * settings.config.engine.llama.sequences,
        not_ready,
        ..NodeFacts::default()
    }
}
