//! Facts of this machine, as the process may use it: cores under its quota, memory under its
//! cgroup (version 1 or 2), NUMA nodes, GPUs. The parsers take text and are pure; `read` is the
//! thin shell.

mod parse;
mod read;
#[cfg(test)]
mod tests;

pub use parse::{
    cgroup_path, cpu_list, cpu_quota, memory_available, memory_limit, memory_limit_v1,
    nvidia_model, vendor_name,
};
pub use read::{read, read_under};

#[derive(Clone, Debug, PartialEq)]
pub struct Hardware {
    /// Cores that the process may keep busy: affinity and quota respected, at least 1.
    pub cores: u32,
    /// Cores of the machine that are switched on.
    pub online_cores: u32,
    pub numa_nodes: u32,
    /// Bytes that can be taken now without pushing others out, under the cgroup's limit.
    pub memory_available: u64,
    pub memory_total: u64,
    pub gpus: Vec<Gpu>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    pub vendor: String,
    /// The model's name when the driver tells it, otherwise the PCI device number.
    pub name: String,
    /// PCI address such as `0000:01:00.0`.
    pub address: String,
}
