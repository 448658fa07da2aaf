//! Tells a service manager how the node is, as `sd_notify(3)` says: ready, what it does, that it
//! lives, that it stops. Every sign of life is the answer of the loops that it is about; there is
//! no timer that could go on without them.

use actor::Tree;
use cluster::Node;
use node_config::ServiceWish;
use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The line to a service manager; says nothing where none listens.
pub(super) struct Notify {
    socket: Option<UnixDatagram>,
    every: Duration,
    feeds: bool,
}

/// How the node is at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    /// Loops that should move and do not.
    pub(super) hanging: Vec<String>,
    pub(super) says: String,
}

/// Why a service manager that wants to hear cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("the service manager's socket `{name}` cannot be used: {error}")]
pub(super) struct NotifyError {
    name: String,
    error: std::io::Error,
}

impl Notify {
    /// Says nothing to anybody.
    pub(super) fn nobody() -> Notify {
        Notify {
            socket: None,
            every: STATUS_EVERY,
            feeds: false,
        }
    }

    pub(super) fn to(wish: &ServiceWish) -> Result<Notify, NotifyError> {
        let socket = connect(&wish.socket).map_err(|error| NotifyError {
            name: wish.socket.clone(),
            error,
        })?;
        let mine = wish
            .watchdog_pid
            .is_none_or(|pid| pid == std::process::id());
        let watchdog = wish.watchdog.filter(|_| mine);
        Ok(Notify {
            socket: Some(socket),
            every: watchdog.map_or(STATUS_EVERY, |span| (span / FEEDS).min(STATUS_EVERY)),
            feeds: watchdog.is_some(),
        })
    }

    pub(super) fn ready(&self, says: &str) {
        self.say(&format!("READY=1\nSTATUS={}", one_line(says)));
    }

    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=stopping");
    }

    /// Asks for a pulse again and again, and passes on each that is sound. A pulse that does not
    /// come is a sign of life that is not sent.
    pub(super) async fn watch(&self, pulse: impl AsyncFn() -> Pulse) -> Infallible {
        if self.socket.is_none() {
            std::future::pending::<()>().await;
        }
        loop {
            let pulse = pulse().await;
            if !pulse.hanging.is_empty() {
                let hanging = pulse.hanging.join(", ");
                tracing::error!(hanging, "no sign of life");
                self.say(&format!("STATUS=hangs: {}", one_line(&hanging)));
            } else if self.feeds {
                self.say(&format!("WATCHDOG=1\nSTATUS={}", one_line(&pulse.says)));
            } else {
                self.say(&format!("STATUS={}", one_line(&pulse.says)));
            }
            tokio::time::sleep(self.every).await;
        }
    }

    fn say(&self, message: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(message.as_bytes())
        {
            tracing::warn!(%error, "the service manager does not listen");
        }
    }
}

/// Of a member: its loops, and its place in the cluster. A node alone has this loop and its doors.
pub(super) async fn pulse(member: Option<&Node>, alone: Option<&Tree>) -> Pulse {
    let Some(node) = member else {
        return Pulse {
            hanging: alone.map(Tree::stalled).unwrap_or_default(),
            says: ALONE.to_owned(),
        };
    };
    Pulse {
        hanging: node.hanging().await,
        says: node.place(),
    }
}

/// A socket that never waits: a manager that does not read must not stop a node.
fn connect(name: &str) -> std::io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// A line's end would begin another field.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

pub(super) const ALONE: &str = "one machine, no cluster";
/// Signs of life in the span that the manager waits: two may come late.
const FEEDS: u32 = 3;
/// How often the status is told at least.
const STATUS_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
