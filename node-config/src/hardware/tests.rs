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
fn version_1_of_cgroups_is_read_by_its_own_words() {
    let own = "12:cpu,cpuacct:/a\n4:memory:/docker/x\n1:name=systemd:/a\n0::/init.scope\n";
    for (controller, path) in [
        ("memory", Some("/docker/x")),
        ("cpuacct", Some("/a")),
        ("", Some("/init.scope")),
        ("pids", None),
    ] {
        assert_eq!(cgroup_path(own, controller), path, "{controller}");
    }
    assert_eq!(cgroup_path("no line of it\n", ""), None);
    let stat = "inactive_file 9\nactive_file 9\ntotal_inactive_file 200\ntotal_active_file 50\n";
    assert_eq!(memory_limit_v1("1000\n", "700\n", stat), Some(550));
    for (limit, usage) in [
        ("9223372036854771712\n", "700"),
        ("9223372036854710272\n", "700"),
        ("", "700"),
        ("1000", ""),
    ] {
        assert_eq!(memory_limit_v1(limit, usage, stat), None, "{limit} {usage}");
    }
}

#[test]
fn memory_is_limited_by_version_1_too_wherever_it_is_mounted_from() {
    // A container whose path is the machine's finds its limit at the mount.
    for place in ["docker/x/", "docker/", ""] {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/self/cgroup", "4:memory:/docker/x\n0::/\n");
        write("proc/meminfo", "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n");
        let group = format!("sys/fs/cgroup/memory/{place}");
        write(&format!("{group}memory.limit_in_bytes"), "600000\n");
        write(&format!("{group}memory.usage_in_bytes"), "100000\n");
        let found = read_under(root.path(), 1);
        assert_eq!(found.memory_available, 500_000, "{place}");
    }
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
