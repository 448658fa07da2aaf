//! How much memory the GPUs have. PCI does not tell it; NVIDIA's own program does, where it is
//! installed. What nobody tells is unknown, which the cluster's facts write as zero.

use node_config::hardware::Gpu;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// What was told, by PCI address. It stays as it is for as long as a GPU is there.
#[derive(Debug, Default)]
pub(super) struct GpuMemory {
    bytes: BTreeMap<String, u64>,
    fruitless: u32,
}

impl GpuMemory {
    /// Asks where a GPU's memory is unknown. A driver may load long after this node started, so it
    /// is asked again, but not for ever: some GPUs share the machine's memory and tell none.
    pub(super) async fn learn(&mut self, gpus: &[Gpu]) {
        let theirs = || gpus.iter().filter(|gpu| gpu.vendor == NVIDIA);
        if theirs().all(|gpu| self.bytes.contains_key(&gpu.address)) {
            self.fruitless = 0;
            return;
        }
        if self.fruitless == TRIES {
            return;
        }
        self.fruitless += 1;
        let Some(told) = ask().await else {
            return;
        };
        for gpu in theirs() {
            if let Some(bytes) = memory_at(&told, &gpu.address) {
                self.bytes.insert(gpu.address.clone(), bytes);
            }
        }
    }

    pub(super) fn bytes(&self, gpu: &Gpu) -> u64 {
        self.bytes.get(&gpu.address).copied().unwrap_or(UNKNOWN)
    }
}

/// NVIDIA's cards that its driver does not name: it is not loaded.
pub(super) fn driverless(gpus: &[Gpu]) -> Vec<String> {
    let unnamed = |gpu: &&Gpu| gpu.vendor == NVIDIA && gpu.name.starts_with(UNNAMED);
    let told = |gpu: &Gpu| format!("{} {} at {}", gpu.vendor, gpu.name, gpu.address);
    gpus.iter().filter(unnamed).map(told).collect()
}

/// What NVIDIA's program says; nothing where it is not installed, fails or hangs.
async fn ask() -> Option<String> {
    let mut command = Command::new("nvidia-smi");
    command
        .args([
            "--query-gpu=pci.bus_id,memory.total",
            "--format=csv,noheader,nounits",
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(told)
}

/// The memory of the GPU at an address such as `0000:01:00.0`, from lines such as
/// `00000000:01:00.0, 24564`: a longer domain, and mebibytes.
fn memory_at(told: &str, address: &str) -> Option<u64> {
    let address = address.to_ascii_lowercase();
    let mut lines = told.lines().filter_map(|line| line.split_once(','));
    let (_, mebibytes) =
        lines.find(|(bus, _)| bus.trim().to_ascii_lowercase().ends_with(address.as_str()))?;
    let mebibytes: u64 = mebibytes.trim().parse().ok()?;
    mebibytes.checked_mul(MEBIBYTE)
}

/// As the hardware's facts name the maker.
const NVIDIA: &str = "NVIDIA";
/// How the hardware's facts begin the name of a card that only PCI tells of.
const UNNAMED: &str = "device ";
const UNKNOWN: u64 = 0;
const MEBIBYTE: u64 = 1 << 20;
/// The program wakes sleeping GPUs up, which takes seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Fruitless questions in a row, some ten seconds apart: about a minute after a start.
const TRIES: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, mebibytes: Option<u64>) {
        let told = "00000000:01:00.0, 24564\n00000001:C1:00.0, 81559\n00000000:02:00.0, [N/A]\n";
        let bytes = mebibytes.map(|mebibytes| mebibytes << 20);
        assert_eq!(memory_at(told, address), bytes, "{address}");
    }

    #[test]
    fn memory_is_that_of_the_address() {
        check("0000:01:00.0", Some(24564));
        check("0001:c1:00.0", Some(81559));
        // It shares the machine's.
        check("0000:02:00.0", None);
        check("0000:03:00.0", None);
        assert_eq!(memory_at("No devices were found\n", "0000:01:00.0"), None);
    }

    #[test]
    fn a_card_without_its_driver_is_named() {
        let gpu = |vendor: &str, name: &str| Gpu {
            vendor: vendor.to_owned(),
            name: name.to_owned(),
            address: "0000:01:00.0".to_owned(),
        };
        let gpus = [
            gpu("NVIDIA", "Tesla M40"),
            gpu("NVIDIA", "device 0x17fd"),
            gpu("AMD", "device 0x744c"),
        ];
        assert_eq!(driverless(&gpus), ["NVIDIA device 0x17fd at 0000:01:00.0"]);
    }

    #[tokio::test]
    async fn what_nobody_tells_is_unknown() {
        let gpu = Gpu {
            vendor: "AMD".to_owned(),
            name: "a card".to_owned(),
            address: "0000:01:00.0".to_owned(),
        };
        let mut memory = GpuMemory::default();
        memory.learn(std::slice::from_ref(&gpu)).await;
        assert_eq!((memory.bytes(&gpu), memory.fruitless), (UNKNOWN, 0));
    }
}
