//! Three nodes as three processes of this program, and what is asked of them.

use crate::load::Load;
use crate::machine::cpu_of;
use crate::process::{Talk, command, udp_ports};
use crate::role::node::NodeLine;
use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// Raft's times in ms; none of them: the node's own.
pub(crate) type Times = Option<[u64; 3]>;

/// How long it took after a kill of the leader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailOver {
    /// Until a survivor's commit under another leader was acknowledged.
    pub(crate) commit: Duration,
    /// Until each survivor's status had a leader and showed the killed node as dead.
    pub(crate) view: Duration,
}

pub(crate) struct Fleet {
    nodes: Vec<Option<Talk>>,
    me: PathBuf,
    times: Times,
    ports: Vec<u16>,
    folder: TempDir,
}

impl Fleet {
    /// Founds, joins by token and promotes.
    pub(crate) async fn assemble(me: &Path, within: &Path, times: Times) -> Result<Fleet> {
        let mut fleet = Fleet {
            nodes: Vec::new(),
            me: me.to_owned(),
            times,
            ports: udp_ports(3)?,
            folder: TempDir::with_prefix_in("nodes-", within)?,
        };
        let founder = fleet.launch(0, None).await?;
        fleet.nodes.push(Some(founder));
        fleet.settled(1).await?;
        let token = fleet.node(0)?.ask("token", WAIT).await?;
        for i in 1..3 {
            let node = fleet.launch(i, Some(&token)).await?;
            fleet.nodes.push(Some(node));
        }
        let begin = Instant::now();
        while fleet.view(0).await?.learners < 2 {
            pause("both learn", begin).await?;
        }
        fleet.node(0)?.ask("promote", WAIT).await?;
        fleet.settled(3).await?;
        Ok(fleet)
    }

    async fn launch(&self, i: usize, token: Option<&str>) -> Result<Talk> {
        let mut command = command(&self.me);
        command
            .arg("node")
            .args(["--data".as_ref(), self.data(i).as_os_str()])
            .args(["--listen", &format!("127.0.0.1:{}", self.ports[i])])
            .args(["--name", &format!("n{i}")]);
        if let Some(token) = token {
            command.args(["--token", token]);
        }
        if let Some(times) = self.times {
            let times = times.map(|ms| ms.to_string());
            command.args(["--times", &times.join(",")]);
        }
        let log = self.folder.path().join(format!("n{i}.log"));
        let mut talk = Talk::start(command, &format!("node {i}"), &log)?;
        talk.line(WAIT).await?;
        Ok(talk)
    }

    fn data(&self, i: usize) -> PathBuf {
        self.folder.path().join(format!("n{i}"))
    }

    fn node(&mut self, i: usize) -> Result<&mut Talk> {
        self.nodes[i].as_mut().context("the node was killed")
    }

    pub(crate) async fn view(&mut self, i: usize) -> Result<NodeLine> {
        let line = self.node(i)?.ask("view", WAIT).await?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Waits until all nodes agree on a leader and on so many voters, and nobody is behind.
    async fn settled(&mut self, voters: usize) -> Result<()> {
        let begin = Instant::now();
        loop {
            let mut views = Vec::new();
            for i in 0..self.nodes.len() {
                views.push(self.view(i).await?);
            }
            let first = &views[0];
            let same = |view: &NodeLine| {
                let (leader, applied) = (view.leader, view.applied);
                view.voters == voters && leader == first.leader && applied == first.applied
            };
            if first.leader.is_some() && views.iter().all(same) {
                return Ok(());
            }
            pause("the nodes agree", begin).await?;
        }
    }

    pub(crate) async fn leader(&mut self) -> Result<usize> {
        let begin = Instant::now();
        loop {
            for i in 0..self.nodes.len() {
                let view = self.view(i).await?;
                if view.leader == Some(view.id) {
                    return Ok(i);
                }
            }
            pause("somebody leads", begin).await?;
        }
    }

    /// Clients in the leader's process, and the CPU time that each commit took on all nodes.
    pub(crate) async fn load(&mut self, clients: usize, span: Duration) -> Result<(Load, f64)> {
        let leader = self.leader().await?;
        let before = self.cpu();
        let line = format!("load {clients} {}", span.as_millis());
        let said = self.node(leader)?.ask(&line, span * 2 + WAIT).await?;
        let load: Load = serde_json::from_str(&said)?;
        // The load ran a tenth longer than it was counted.
        let commits = load.per_second * span.as_secs_f64() * 1.1;
        Ok((load, (self.cpu() - before) / commits))
    }

    fn cpu(&self) -> f64 {
        let nodes = self.nodes.iter().flatten();
        nodes.map(|node| cpu_of(node.process.id())).sum()
    }

    /// Kills the leader and waits until the others have outlived it. Then the killed node comes
    /// back.
    pub(crate) async fn fail_over(&mut self) -> Result<FailOver> {
        let dead = self.leader().await?;
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|i| *i != dead).collect();
        for i in &alive {
            self.node(*i)?.ask("outlive", WAIT).await?;
        }
        let begin = Instant::now();
        self.node(dead)?.process.strike();
        let others = self.nodes.iter_mut().enumerate();
        let others = others.filter_map(|(i, talk)| talk.as_mut().filter(|_| i != dead));
        let outlived = others.map(|talk| async move {
            talk.line(WAIT).await?;
            let commit = begin.elapsed();
            talk.line(WAIT).await?;
            let view = begin.elapsed();
            anyhow::Ok(FailOver { commit, view })
        });
        let each = try_join_all(outlived).await?;
        let both = each.into_iter().reduce(|one, other| FailOver {
            commit: one.commit.min(other.commit),
            view: one.view.max(other.view),
        });
        let took = both.context("nobody is left")?;
        self.nodes[dead] = None;
        let back = self.launch(dead, None).await?;
        self.nodes[dead] = Some(back);
        self.settled(3).await?;
        Ok(took)
    }
}

async fn pause(what: &str, since: Instant) -> Result<()> {
    if since.elapsed() > WAIT {
        bail!("{what}: not within {WAIT:?}");
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}

const WAIT: Duration = Duration::from_secs(60);
