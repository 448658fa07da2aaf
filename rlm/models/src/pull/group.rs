//! A program in a process group of its own, with everything that it starts. Invariant: when it is
//! dropped, or its caller goes away, nothing of the group runs on.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::ExitStatus;
use tokio::process::{Child, Command};

pub(super) struct Group {
    child: Child,
    /// `None` once the program is reaped: its number may belong to somebody else then.
    leader: Option<Pid>,
}

impl Group {
    pub(super) fn start(mut command: Command) -> io::Result<Group> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Group {
            child,
            leader: leader.and_then(Pid::from_raw),
        })
    }

    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        if status.is_ok() {
            self.leader = None;
        }
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader
            && let Err(error) = kill_process_group(leader, Signal::KILL)
        {
            tracing::debug!(%error, "the group is gone already");
        }
    }
}
