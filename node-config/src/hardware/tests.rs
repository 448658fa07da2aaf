//! The parsers on texts of real machines, and the reader on a made-up `/proc` and `/sys`.

use super::*;
use std::fs;
use std::path::Path;

#[test]
fn lists_of_cpus_are_counted() {
    for (text, count) in [("0-3,8\n", 5), ("0\n", 1), ("", 0), ("a-b", 0), ("3-1", 0)] {
        assert_eq!(cpu_list(text), count, "{text}");
    }
}

#[test]
fn a_quota_is_rounded_up_to_cores() {
    for (text, cores) in [
        ("max 100000\n", None),
        ("200000 100000\n", Some(2)),
        ("150000 100000", Some(2)),
        ("1000 100000", Some(1)),
        ("100 0", None),
        ("", None),
    ] {
        assert_eq!(cpu_quota(text), cores, "{text}");
    }
}

#[test]
fn memory_is_what_the_machine_and_the_cgroup_leave() {
    let meminfo = "MemTotal:       24576 kB\nMemFree: 1 kB\nMemAvailable:    20480 kB\n";
    assert_eq!(
        memory_available(meminfo),
        Some((20_480 * 1024, 24_576 * 1024))
    );
    assert_eq!(memory_available("MemTotal: 1 kB"), None);
    assert_eq!(
        memory_limit(
            "1000\n",
            "700\n",
            "anon 1\ninactive_file 200\nactive_file 50\n"
        ),
        Some(550)
    );
    assert_eq!(memory_limit("max\n", "700", ""), None);
}

#[test]
fn a_machine_is_read_with_its_limits_and_gpus() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    };
    write("proc/self/cgroup", "0::/user.slice/app\n");
    write("proc/meminfo", "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n");
    write("sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n");
    write("sys/fs/cgroup/user.slice/app/memory.max", "600000\n");
    write("sys/fs/cgroup/user.slice/app/memory.current", "100000\n");
    write("sys/devices/system/cpu/online", "0-7\n");
    write("sys/devices/system/node/online", "0-1\n");
    for (address, class, vendor) in [
        ("0000:01:00.0", "0x030200", "0x10de"),
        ("0000:02:00.0", "0x030000", "0x1234"),
        ("0000:03:00.0", "0x020000", "0x8086"),
    ] {
        write(&format!("sys/bus/pci/devices/{address}/class"), class);
        write(&format!("sys/bus/pci/devices/{address}/vendor"), vendor);
        write(&format!("sys/bus/pci/devices/{address}/device"), "0x17fd\n");
    }
    write(
        "proc/driver/nvidia/gpus/0000:01:00.0/information",
        "Model: \t\t Tesla M40\nIRQ: 1\n",
    );
    let found = read_under(root.path(), 8);
    assert_eq!(
        found,
        Hardware {
            cores: 3,
            online_cores: 8,
            numa_nodes: 2,
            memory_available: 500_000,
            memory_total: 2048 * 1024,
            gpus: vec![Gpu {
                vendor: "NVIDIA".into(),
                name: "Tesla M40".into(),
                address: "0000:01:00.0".into(),
            }],
        }
    );
}

#[test]
fn this_machine_has_a_core_and_memory() {
    let found = read();
    assert!(found.cores >= 1 && found.memory_available > 0);
}
