//! A node under a service manager: the unit is one that systemd takes, and the real program says
//! that it is ready, that it lives and that it stops.

use crate::ctl::{Home, free_address};
use crate::source::root;
use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// A manager that listens for one node, which is killed when the test ends.
struct Manager {
    socket: UnixDatagram,
    node: Child,
}

impl Manager {
    fn start(socket: UnixDatagram, name: &str, mut command: Command) -> Manager {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let node = command
            .env("NOTIFY_SOCKET", name)
            .env("WATCHDOG_USEC", "300000")
            .spawn()
            .expect("rlm-node starts");
        Manager { socket, node }
    }

    /// The next message, as its fields.
    fn hear(&self) -> BTreeMap<String, String> {
        let mut bytes = [0; 4096];
        let length = self
            .socket
            .recv(&mut bytes)
            .expect("the node says something");
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn expect_life(&mut self, status: &str) {
        let first = self.hear();
        assert_eq!(
            first.get("READY").map(String::as_str),
            Some("1"),
            "{first:?}"
        );
        assert!(first["STATUS"].contains(status), "{first:?}");
        for _ in 0..5 {
            let next = self.hear();
            assert_eq!(
                next.get("WATCHDOG").map(String::as_str),
                Some("1"),
                "{next:?}"
            );
        }
        let asked = Command::new("kill")
            .arg(self.node.id().to_string())
            .status();
        assert!(asked.expect("kill runs").success());
        while self.hear().get("STOPPING").map(String::as_str) != Some("1") {}
        let ended = self.node.wait().expect("it ends");
        assert!(ended.success(), "{ended:?}");
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.node.kill());
        drop(self.node.wait());
    }
}

#[test]
fn a_member_is_ready_lives_and_stops() {
    let home = Home::new();
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let listen = free_address();
    let command = home.node_verb(&["init", "--name", "n1", "--listen", &listen]);
    let name = path.to_str().expect("text").to_owned();
    Manager::start(socket, &name, command).expect_life("n1 of cluster lab");
}

#[test]
fn a_node_alone_says_so_to_an_abstract_name() {
    let home = Home::new();
    let name = format!("rlm-service-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("a socket");
    Manager::start(socket, &format!("@{name}"), home.node_command()).expect_life("no cluster");
}

fn unit() -> String {
    let path = root().join("packaging/rlm-node.service");
    std::fs::read_to_string(path).expect("the unit")
}

#[test]
fn the_unit_waits_for_what_the_program_says() {
    let unit = unit();
    let value = |key: &str| {
        let found = unit
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{key} is not set"))
    };
    for (key, expected) in [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "30"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "11"),
        ("KillMode", "mixed"),
        ("StateDirectory", "rlm"),
        ("RuntimeDirectory", "rlm"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
    ] {
        assert_eq!(value(key), expected, "{key}");
    }
    assert!(value("ExecStart").ends_with("/rlm-node run"));
}

#[test]
fn systemd_takes_the_unit() {
    let analyze = "/usr/bin/systemd-analyze";
    if !Path::new(analyze).exists() {
        eprintln!("skipped: there is no {analyze} on this machine");
        return;
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_rlm-node"));
    let bin = bin.parent().expect("a folder").to_str().expect("text");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rlm-node.service");
    // The programs are not installed here; the ones that were built stand in for them.
    let text = unit().replace("/usr/bin/", &format!("{bin}/"));
    std::fs::write(&path, text).expect("a copy");
    let verified = Command::new(analyze)
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let about_us: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("rlm-node"))
        .collect();
    assert!(verified.status.success() && about_us.is_empty(), "{said}");
}

/// Longest wait for a word of a node on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
