//! A manager that listens, and loops that hang.

use super::{Notify, Pulse, ServiceWish};
use std::cell::Cell;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A manager's end of the line.
struct Manager {
    socket: UnixDatagram,
    _folder: tempfile::TempDir,
}

impl Manager {
    fn new(watchdog: Option<Duration>) -> (Manager, Notify) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let wish = ServiceWish {
            socket: path.to_str().unwrap().to_owned(),
            watchdog,
            watchdog_pid: None,
        };
        let notify = Notify::to(&wish).unwrap();
        let manager = Manager {
            socket,
            _folder: folder,
        };
        (manager, notify)
    }

    /// What was said since the last look.
    fn heard(&self) -> Vec<String> {
        let mut heard = Vec::new();
        let mut bytes = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut bytes) {
            heard.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
        heard
    }

    fn fed(&self) -> usize {
        let heard = self.heard();
        heard
            .iter()
            .filter(|said| said.starts_with("WATCHDOG=1"))
            .count()
    }
}

async fn watch_for(notify: &Notify, span: Duration, hanging: &Cell<bool>) {
    let pulse = async || Pulse {
        hanging: hanging
            .get()
            .then(|| "node/store".to_owned())
            .into_iter()
            .collect(),
        says: "leads\nterm 1".to_owned(),
    };
    drop(tokio::time::timeout(span, notify.watch(pulse)).await);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_hangs_stops_the_feeding() {
    let (manager, notify) = Manager::new(Some(Duration::from_secs(3)));
    let hanging = Cell::new(false);
    watch_for(&notify, Duration::from_millis(9500), &hanging).await;
    assert_eq!(
        manager.fed(),
        10,
        "three times in each span, from the start"
    );
    hanging.set(true);
    // Within what a socket's queue holds.
    watch_for(&notify, Duration::from_millis(7500), &hanging).await;
    let heard = manager.heard();
    assert_eq!(heard.len(), 8, "the reason is told: {heard:?}");
    assert!(
        heard.iter().all(|said| said == "STATUS=hangs: node/store"),
        "{heard:?}"
    );
    hanging.set(false);
    watch_for(&notify, Duration::from_millis(500), &hanging).await;
    assert_eq!(manager.heard(), ["WATCHDOG=1\nSTATUS=leads term 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_pulse_that_does_not_come_is_not_sent() {
    let (manager, notify) = Manager::new(Some(Duration::from_secs(3)));
    let watching = notify.watch(async || std::future::pending().await);
    drop(tokio::time::timeout(Duration::from_secs(60), watching).await);
    assert_eq!(manager.heard(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn without_a_watchdog_the_status_is_told() {
    let (manager, notify) = Manager::new(None);
    notify.ready("one\ntwo");
    watch_for(&notify, Duration::from_secs(15), &Cell::new(false)).await;
    notify.stopping();
    let status = "STATUS=leads term 1";
    let stopping = "STOPPING=1\nSTATUS=stopping";
    assert_eq!(
        manager.heard(),
        ["READY=1\nSTATUS=one two", status, status, stopping]
    );
}

#[test]
fn abstract_names_are_sockets_too() {
    let name = format!("rlm-notify-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let wish = |pid| ServiceWish {
        socket: format!("@{name}"),
        watchdog: Some(Duration::from_secs(3)),
        watchdog_pid: Some(pid),
    };
    let mine = Notify::to(&wish(std::process::id())).unwrap();
    assert!(mine.feeds);
    mine.ready("up");
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..length], b"READY=1\nSTATUS=up");
    let others = Notify::to(&wish(1)).unwrap();
    assert!(!others.feeds, "the watchdog is about another process");
}

#[test]
fn a_manager_that_is_not_there_is_an_error_with_its_name() {
    let wish = ServiceWish {
        socket: "/nowhere/notify".to_owned(),
        watchdog: None,
        watchdog_pid: None,
    };
    let refused = Notify::to(&wish).err().map(|error| error.to_string());
    assert!(refused.is_some_and(|why| why.contains("/nowhere/notify")));
}
