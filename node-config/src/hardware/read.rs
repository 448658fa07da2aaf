//! Reads the texts. What is missing is left out: a container may hide any of them.

use super::parse;
use super::{Gpu, Hardware};
use std::path::{Path, PathBuf};

/// Facts of this machine.
pub fn read() -> Hardware {
    let allowed = std::thread::available_parallelism();
    let allowed = allowed.map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    read_under(Path::new("/"), allowed)
}

/// The same from another root folder; `allowed` is the process's affinity.
pub fn read_under(root: &Path, allowed: u32) -> Hardware {
    let text = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let own = text("proc/self/cgroup");
    let groups = cgroups(
        &root.join("sys/fs/cgroup"),
        parse::cgroup_path(&own, "").unwrap_or("/"),
    );
    let quota = groups
        .iter()
        .filter_map(|dir| parse::cpu_quota(&group_text(dir, "cpu.max")))
        .min();
    let (available, total) = parse::memory_available(&text("proc/meminfo")).unwrap_or((0, 0));
    Hardware {
        cores: allowed.min(quota.unwrap_or(u32::MAX)).max(1),
        online_cores: parse::cpu_list(&text("sys/devices/system/cpu/online")).max(1),
        numa_nodes: parse::cpu_list(&text("sys/devices/system/node/online")).max(1),
        memory_available: memory_left(root, &own, &groups)
            .map_or(available, |limit| limit.min(available)),
        memory_total: total,
        gpus: gpus(root),
    }
}

/// The least that a cgroup leaves: one of `groups` (version 2), or one of version 1, which has a
/// hierarchy for memory alone. A machine may have both; the one without the controller is silent.
fn memory_left(root: &Path, own: &str, groups: &[PathBuf]) -> Option<u64> {
    let limit = |dir: &PathBuf| {
        let (max, current) = (
            group_text(dir, "memory.max"),
            group_text(dir, "memory.current"),
        );
        parse::memory_limit(&max, &current, &group_text(dir, "memory.stat"))
    };
    let limit_v1 = |dir: PathBuf| {
        let (max, current) = (
            group_text(&dir, "memory.limit_in_bytes"),
            group_text(&dir, "memory.usage_in_bytes"),
        );
        parse::memory_limit_v1(&max, &current, &group_text(&dir, "memory.stat"))
    };
    let mount = root.join("sys/fs/cgroup/memory");
    let path = parse::cgroup_path(own, "memory");
    let groups_v1 = path.map_or_else(Vec::new, |path| cgroups(&mount, path));
    let limits = groups.iter().filter_map(limit);
    limits
        .chain(groups_v1.into_iter().filter_map(limit_v1))
        .min()
}

fn group_text(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_default()
}

/// The cgroup at `path` below `mount` and all above it: any of them may limit. In a container the
/// path may be the machine's, and not be there; its own limit then stands at the mount.
fn cgroups(mount: &Path, path: &str) -> Vec<PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    own.ancestors()
        .take_while(|dir| dir.starts_with(mount))
        .map(Path::to_owned)
        .collect()
}

fn gpus(root: &Path) -> Vec<Gpu> {
    let Ok(devices) = std::fs::read_dir(root.join("sys/bus/pci/devices")) else {
        return Vec::new();
    };
    let mut found: Vec<Gpu> = devices
        .flatten()
        .filter_map(|entry| gpu(root, &entry.path()))
        .collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// A display or 3D controller (class 0x03) of a known maker.
fn gpu(root: &Path, device: &Path) -> Option<Gpu> {
    let text = |name: &str| std::fs::read_to_string(device.join(name)).unwrap_or_default();
    if !text("class").starts_with("0x03") {
        return None;
    }
    let vendor = parse::vendor_name(&text("vendor"))?.to_owned();
    let address = device.file_name()?.to_string_lossy().into_owned();
    let information = root
        .join("proc/driver/nvidia/gpus")
        .join(&address)
        .join("information");
    let told = std::fs::read_to_string(information).ok();
    let name = told.as_deref().and_then(parse::nvidia_model);
    let name = name.unwrap_or_else(|| format!("device {}", text("device").trim()));
    Some(Gpu {
        vendor,
        name,
        address,
    })
}
