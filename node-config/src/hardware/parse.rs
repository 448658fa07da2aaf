//! Texts of `/proc` and `/sys` turned into numbers. Pure.

/// CPUs or nodes in a list such as `0-3,8`. A list that is not one counts nothing.
pub fn cpu_list(text: &str) -> u32 {
    text.trim()
        .split(',')
        .filter_map(range_len)
        .fold(0, u32::saturating_add)
}

fn range_len(part: &str) -> Option<u32> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}

/// Whole cores of a cgroup's `cpu.max` (`QUOTA PERIOD`), rounded up; `None` without a quota.
pub fn cpu_quota(text: &str) -> Option<u32> {
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok().filter(|period| *period > 0)?;
    u32::try_from(quota.div_ceil(period).max(1)).ok()
}

/// (`MemAvailable`, `MemTotal`) of `/proc/meminfo` in bytes.
pub fn memory_available(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let number: u64 = line.split_whitespace().next()?.parse().ok()?;
        number.checked_mul(1024)
    };
    Some((field("MemAvailable:")?, field("MemTotal:")?))
}

/// The process's cgroup under `controller` of version 1, as `/proc/self/cgroup` has it in lines of
/// `ID:CONTROLLERS:PATH`. Version 2 has one hierarchy, without the name of a controller.
pub fn cgroup_path<'a>(own: &'a str, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let mut named = controllers.split(',');
        named.any(|name| name == controller).then_some(path.trim())
    })
}

/// What a cgroup leaves: `memory.max` less `memory.current`; file pages in `memory.stat` that can
/// be dropped count as free. `None` without a limit.
pub fn memory_limit(max: &str, current: &str, stat: &str) -> Option<u64> {
    left(max.trim().parse().ok()?, current, stat, "")
}

/// The same of version 1: `memory.limit_in_bytes` less `memory.usage_in_bytes`, which counts the
/// groups below, as the `total_` lines of its `memory.stat` do.
pub fn memory_limit_v1(limit: &str, usage: &str, stat: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    if limit >= NO_LIMIT_V1 {
        return None;
    }
    left(limit, usage, stat, "total_")
}

fn left(max: u64, current: &str, stat: &str, prefix: &str) -> Option<u64> {
    let current: u64 = current.trim().parse().ok()?;
    let droppable = stat
        .lines()
        .filter_map(|line| {
            let (name, number) = line.strip_prefix(prefix)?.split_once(' ')?;
            let is_file = matches!(name, "inactive_file" | "active_file");
            let number: u64 = number.trim().parse().ok()?;
            is_file.then_some(number)
        })
        .fold(0, u64::saturating_add);
    Some(max.saturating_sub(current.saturating_sub(droppable)))
}

/// `Model:` of `/proc/driver/nvidia/gpus/*/information`.
pub fn nvidia_model(information: &str) -> Option<String> {
    let line = information
        .lines()
        .find_map(|line| line.strip_prefix("Model:"))?;
    Some(line.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The maker behind a PCI vendor number, for those that make GPUs an engine can use.
pub fn vendor_name(vendor: &str) -> Option<&'static str> {
    match vendor.trim() {
        "0x10de" => Some("NVIDIA"),
        "0x1002" => Some("AMD"),
        "0x8086" => Some("Intel"),
        _ => None,
    }
}

/// Version 1 writes "no limit" as the largest number of whole pages in an `i64` of bytes, whatever
/// the size of a page.
const NO_LIMIT_V1: u64 = 1 << 62;
