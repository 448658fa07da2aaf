//! What this machine has, as the cluster hears it. It is looked at again and again: a model is
//! pulled or removed, a driver loads, a quota is changed while the node runs.

mod gpus;

use crate::settings::Settings;
use crdt::{GpuFacts, NodeFacts};
use gpus::GpuMemory;
use node_config::hardware::{self, Hardware};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Facts at this moment, without the memory of GPUs: telling it may take seconds. Reads files.
pub fn facts(settings: &Settings) -> NodeFacts {
    let (hardware, models) = look(settings);
    describe(settings, &hardware, models, &GpuMemory::default())
}

/// GPUs that no engine can use, since their driver is not there. Reads files.
pub fn driverless() -> Vec<String> {
    gpus::driverless(&hardware::read().gpus)
}

/// Looks at the machine until nobody wants to know any more, and sends what changed.
pub(super) async fn follow(settings: Settings, facts: watch::Sender<NodeFacts>) {
    let settings = Arc::new(settings);
    let mut memory = GpuMemory::default();
    loop {
        let mine = settings.clone();
        match spawn_blocking(move || look(&mine)).await {
            Ok((hardware, models)) => {
                memory.learn(&hardware.gpus).await;
                send(&facts, describe(&settings, &hardware, models, &memory));
            }
            Err(error) => tracing::warn!(%error, "what this machine has was not looked at"),
        }
        tokio::select! {
            () = facts.closed() => return,
            () = sleep(LOOK) => {}
        }
    }
}

fn send(facts: &watch::Sender<NodeFacts>, seen: NodeFacts) {
    facts.send_if_modified(|known| {
        let changed = *known != seen;
        *known = seen;
        changed
    });
}

fn look(settings: &Settings) -> (Hardware, Vec<String>) {
    (hardware::read(), installed(settings))
}

/// Names of the models on this machine's disk. A store that cannot be read has none to offer.
fn installed(settings: &Settings) -> Vec<String> {
    let Ok(catalog) = crate::engines::catalog(settings) else {
        return Vec::new();
    };
    let store = models::Store::new(&settings.config.models.data_dir);
    let listed = store.list(&catalog).unwrap_or_default();
    listed
        .into_iter()
        .filter(|model| model.installed)
        .map(|model| model.name)
        .collect()
}

fn describe(
    settings: &Settings,
    hardware: &Hardware,
    models: Vec<String>,
    memory: &GpuMemory,
) -> NodeFacts {
    let gpus = hardware.gpus.iter().map(|gpu| GpuFacts {
        name: gpu.name.clone(),
        memory_bytes: memory.bytes(gpu),
    });
    let (mut slots, mut not_ready) = (slots(settings, hardware), Vec::new());
    if models.is_empty() {
        slots = 0;
        not_ready.push("no model is here: `rlm-ctl model pull`".to_owned());
    }
    NodeFacts {
        cores: hardware.cores,
        memory_bytes: hardware.memory_total,
        numa_nodes: hardware.numa_nodes,
        gpus: gpus.collect(),
        models,
        slots,
        not_ready,
        ..NodeFacts::default()
    }
}

/// One engine for each GPU, or one for the cores; each takes that many calls at once.
fn slots(settings: &Settings, hardware: &Hardware) -> u32 {
    let engines = u32::try_from(hardware.gpus.len().max(1)).unwrap_or(1);
    engines.saturating_mul(settings.config.engine.llama.sequences)
}

/// Who has pulled a model looks at `rlm-ctl nodes` next; a look reads some dozens of small files.
const LOOK: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;
    use std::fs;
    use std::path::Path;

    fn pull(data: &Path) {
        let folder = data.join("models/mine");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("m.gguf"), "GGUF").unwrap();
        let marker = serde_json::json!({
            "v": 1, "name": "mine", "file": "m.gguf", "bytes": 4, "sha256": "0".repeat(64),
            "modified_ns": 0, "source": "a test", "licence": null,
        });
        fs::write(folder.join("model.json"), marker.to_string()).unwrap();
    }

    #[test]
    fn offered_is_what_a_job_would_find() {
        let data = tempfile::tempdir().unwrap();
        pull(data.path());
        let at = data.path().to_str().unwrap();
        assert_eq!(installed(&settings(&[("models.data_dir", at)])), ["mine"]);
    }

    #[tokio::test]
    async fn a_model_that_is_pulled_while_the_node_runs_makes_it_ready() {
        let data = tempfile::tempdir().unwrap();
        let settings = settings(&[("models.data_dir", data.path().to_str().unwrap())]);
        let first = facts(&settings);
        assert_eq!(first.not_ready.len(), 1, "{:?}", first.not_ready);
        assert_eq!(first.slots, 0, "what cannot be served is not offered");
        let (sender, mut watched) = watch::channel(first);
        pull(data.path());
        let following = tokio::spawn(follow(settings, sender));
        let ready = |facts: &NodeFacts| {
            facts.not_ready.is_empty() && facts.models == ["mine"] && facts.slots > 0
        };
        assert!(watched.wait_for(ready).await.is_ok(), "it was not told");
        drop(watched);
        following.await.expect("it ends with whom it tells");
    }
}
