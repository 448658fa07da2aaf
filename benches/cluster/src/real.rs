//! The programs as users run them: `rlm-node` as processes, `rlm-ctl` beside them, the API over
//! the node's socket.

use crate::http::Http;
use crate::load::Asker;
use crate::process::{self, Process, command};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;

pub(crate) struct RealFleet {
    nodes: Vec<Process>,
    programs: PathBuf,
    token: String,
    folder: TempDir,
}

impl RealFleet {
    /// A founder, and a token for more.
    pub(crate) async fn found(programs: &Path, within: &Path) -> Result<RealFleet> {
        let mut fleet = RealFleet {
            nodes: Vec::new(),
            programs: programs.to_owned(),
            token: String::new(),
            folder: TempDir::with_prefix_in("rlm-", within)?,
        };
        fleet.launch(&["init"])?;
        fleet
            .status_where(0, "the founder leads", |s| !s["leader"].is_null())
            .await?;
        fleet.token = fleet.ctl(&["token", "create", "--uses", "20"]).await?;
        Ok(fleet)
    }

    /// Three voters.
    pub(crate) async fn assemble(programs: &Path, within: &Path) -> Result<RealFleet> {
        let mut fleet = RealFleet::found(programs, within).await?;
        fleet.join().await?;
        fleet.join().await?;
        let learners = |status: &Value| {
            let nodes = status["nodes"].as_array();
            let learns = |node: &&Value| node["part"] == "learner" && node["alive"] == true;
            nodes.is_some_and(|nodes| nodes.iter().filter(learns).count() == 2)
        };
        fleet
            .status_where(0, "both are ready to vote", learners)
            .await?;
        fleet.ctl(&["promote", "--all"]).await?;
        fleet
            .status_where(0, "three vote", |status| {
                status["voters"] == 3 && status["can_lose"] == 1
            })
            .await?;
        Ok(fleet)
    }

    /// Joins one more; the time until its process says that it is a member.
    pub(crate) async fn join(&mut self) -> Result<Duration> {
        let token = self.folder.path().join("token");
        std::fs::write(&token, &self.token)?;
        let token = token.display().to_string();
        let begin = Instant::now();
        self.launch(&["join", "--token-file", &token])?;
        let node = self.nodes.last_mut().context("just started")?;
        while !node.log().contains("is a member at") {
            node.must_run()?;
            if begin.elapsed() > WAIT {
                bail!("not joined within {WAIT:?}: {}", node.log());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(begin.elapsed())
    }

    fn launch(&mut self, verb: &[&str]) -> Result<()> {
        let number = self.nodes.len();
        let port = process::udp_ports(1)?[0];
        let mut command = self.clean(command(&self.programs.join("rlm-node")));
        command
            .args(["--data".as_ref(), self.data(number).as_os_str()])
            .args(verb)
            .args(["--name", &format!("n{number}")])
            .args(["--listen", &format!("127.0.0.1:{port}")]);
        let log = self.folder.path().join(format!("n{number}.log"));
        self.nodes.push(Process::server(command, "rlm-node", &log)?);
        Ok(())
    }

    /// No setting of the user's has a say here.
    fn clean(&self, mut command: Command) -> Command {
        let home = self.folder.path().join("home");
        command
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin");
        command
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("n{number}"))
    }

    pub(crate) fn socket(&self, number: usize) -> PathBuf {
        self.data(number).join("api.sock")
    }

    /// What `rlm-ctl` prints when it is asked about the founder's node.
    pub(crate) async fn ctl(&self, words: &[&str]) -> Result<String> {
        let mut command = self.clean(command(&self.programs.join("rlm-ctl")));
        command
            .args(["--data".as_ref(), self.data(0).as_os_str()])
            .args(words)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(WAIT, command.output()).await??;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("rlm-ctl {}: {said}", words.join(" "));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    async fn status(&self, number: usize) -> Result<Value> {
        let mut http = Http::unix(&self.socket(number)).await?;
        let body = http.ask("GET", "/v1/cluster/status", "").await?;
        Ok(serde_json::from_slice(&body)?)
    }

    async fn status_where(
        &self,
        number: usize,
        what: &str,
        good: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        let look = || async {
            let status = self.status(number).await?;
            if good(&status) {
                return Ok(());
            }
            bail!("{status}")
        };
        process::until(what, WAIT, look).await
    }

    /// The number of the node that leads.
    pub(crate) async fn leader(&self) -> Result<usize> {
        let status = self.status(0).await?;
        let nodes = status["nodes"].as_array();
        let leads = |node: &&Value| node["node"] == status["leader"];
        let leader = nodes.and_then(|nodes| nodes.iter().find(leads));
        let name = leader.and_then(|node| node["name"].as_str());
        name.and_then(|name| name.strip_prefix('n')?.parse().ok())
            .context("nobody leads")
    }
}

/// A client of the API: commits one setting after the other.
pub(crate) struct Set {
    http: Http,
    number: u64,
}

impl Set {
    pub(crate) async fn connect(socket: &Path, first: u64) -> Result<Set> {
        let http = Http::unix(socket).await?;
        Ok(Set {
            http,
            number: first,
        })
    }
}

impl Asker for Set {
    async fn ask(&mut self) -> Result<()> {
        self.number += 1;
        // As long as the key and the value that etcd is given.
        let body = json!({"value": format!("{:064}", self.number % 512)}).to_string();
        let path = "/v1/cluster/settings/jobs.model";
        self.http.ask("PUT", path, &body).await.map(drop)
    }
}

const WAIT: Duration = Duration::from_secs(60);
