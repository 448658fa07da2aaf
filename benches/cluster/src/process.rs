//! Programs that are measured: started, talked to, and gone when their handle is dropped, however
//! the run ends. No wait here is without an end.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

/// A child that dies with its handle, and (where `setpriv` is) with this process.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Its standard error goes to `log`; its input and output are what `shape` makes of them.
    fn start(mut command: Command, name: &str, log: &Path) -> Result<Process> {
        let to = File::create(log).with_context(|| format!("no log {}", log.display()))?;
        command.stderr(to).kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Process {
            child,
            name: name.to_owned(),
            log: log.to_owned(),
        })
    }

    /// A server: reads nothing, and what it prints goes nowhere.
    pub(crate) fn server(mut command: Command, name: &str, log: &Path) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Process::start(command, name, log)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or(u32::MAX)
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(&mut self) {
        // An error here means that it has ended.
        self.child.start_kill().ok();
        let begin = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begin.elapsed() < DYING {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends SIGKILL and returns at once.
    pub(crate) fn strike(&mut self) {
        self.child.start_kill().ok();
    }

    /// Fails with the log's end when the process has ended by itself.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("{} ended: {status}\n{}", self.name, self.log_end()),
            Err(error) => bail!("{} cannot be watched: {error}", self.name),
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A child of this very program that takes a line and answers with one.
pub(crate) struct Talk {
    pub(crate) process: Process,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    pub(crate) fn start(mut command: Command, name: &str, log: &Path) -> Result<Talk> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(command, name, log)?;
        let (stdin, stdout) = (process.child.stdin.take(), process.child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
            bail!("{name} has no pipes");
        };
        Ok(Talk {
            process,
            stdin,
            lines: BufReader::new(stdout).lines(),
        })
    }

    pub(crate) async fn say(&mut self, line: &str) -> Result<()> {
        self.stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .with_context(|| format!("{} does not listen", self.process.name))
    }

    pub(crate) async fn line(&mut self, wait: Duration) -> Result<String> {
        let line = tokio::time::timeout(wait, self.lines.next_line()).await;
        let name = &self.process.name;
        match line {
            Err(_) => bail!(
                "{name} said nothing within {wait:?}\n{}",
                self.process.log_end()
            ),
            Ok(Ok(Some(line))) => match line.strip_prefix("error: ") {
                Some(why) => bail!("{name}: {why}"),
                None => Ok(line),
            },
            Ok(Ok(None)) => bail!("{name} ended\n{}", self.process.log_end()),
            Ok(Err(error)) => bail!("{name} cannot be heard: {error}"),
        }
    }

    pub(crate) async fn ask(&mut self, line: &str, wait: Duration) -> Result<String> {
        self.say(line).await?;
        self.line(wait).await
    }
}

/// A command whose process the kernel ends when this thread ends.
pub(crate) fn command(program: &Path) -> Command {
    match find("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// A program that Debian installs.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

/// TCP ports that were free a moment ago, all different.
pub(crate) fn tcp_ports(count: usize) -> Result<Vec<u16>> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()?;
    let ports = held.iter().map(|socket| Ok(socket.local_addr()?.port()));
    ports.collect()
}

/// UDP ports that were free a moment ago, all different.
pub(crate) fn udp_ports(count: usize) -> Result<Vec<u16>> {
    let held: Vec<UdpSocket> = (0..count)
        .map(|_| UdpSocket::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()?;
    let ports = held.iter().map(|socket| Ok(socket.local_addr()?.port()));
    ports.collect()
}

/// Tries again until it works or the time is over; then says why it did not.
pub(crate) async fn until<T, F, Fut>(what: &str, wait: Duration, mut attempt: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let begin = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if begin.elapsed() > wait => {
                return Err(error.context(format!("{what}: not within {wait:?}")));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Longest wait for the end of a process that was killed.
const DYING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_different() {
        for mut ports in [tcp_ports(8).unwrap(), udp_ports(8).unwrap()] {
            ports.sort_unstable();
            ports.dedup();
            assert_eq!(ports.len(), 8);
            assert!(ports.iter().all(|port| *port > 0));
        }
    }

    #[tokio::test]
    async fn a_child_is_gone_with_its_handle() {
        let folder = tempfile::tempdir().unwrap();
        let cat = find("cat").unwrap();
        let mut talk = Talk::start(command(&cat), "cat", &folder.path().join("log")).unwrap();
        assert_eq!(talk.ask("hello", DYING).await.unwrap(), "hello");
        let failed = talk.ask("error: it failed", DYING).await.unwrap_err();
        assert_eq!(failed.to_string(), "cat: it failed");
        talk.process.must_run().unwrap();
        let id = talk.process.id();
        assert!(Path::new(&format!("/proc/{id}")).exists());
        drop(talk);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
