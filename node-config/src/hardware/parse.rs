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

/// What a cgroup leaves: `memory.max` less `memory.current`; file pages in `memory.stat` that can
/// be dropped count as free. `None` without a limit.
pub fn memory_limit(max: &str, current: &str, stat: &str) -> Option<u64> {
    let max: u64 = max.trim().parse().ok()?;
    let current: u64 = current.trim().parse().ok()?;
    let droppable = stat
        .lines()
        .filter_map(|line| {
            let inactive = line.strip_prefix("inactive_file ");
            let number = inactive.or_else(|| line.strip_prefix("active_file "))?;
            number.trim().parse().ok()
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
