//! A node of the cluster as `rlm-node` runs it (transport, membership, Raft, store, supervised),
//! without the models and the API; the clients are tasks in its own process. Takes a line, answers
//! with a line, and ends with its input.

use super::tell;
use crate::load::{Asker, run};
use anyhow::{Context, Result, bail};
use base::{ContentHash, JobId, NodeId, PeerRole, PeerRoles};
use cluster::{EnterOptions, Folder, FoundOptions, Home, HomeError, LogEvents, Node, Parts};
use cluster::{Settings, TokenWish};
use crdt::NodeFacts;
use raft::ledger::Command;
use raft::{ProcessAbort, Writer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;
use tokio::time::Instant;
use transport::{Sockets, SystemWallClock, Token, WallClock};

/// How it becomes a node, and its times.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NodeArgs {
    #[arg(long)]
    pub(crate) data: PathBuf,
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    #[arg(long)]
    pub(crate) name: String,
    /// Enter the cluster of this token; without one, found a cluster
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Raft's times in ms: heartbeat, shortest and longest election timeout
    #[arg(long, value_delimiter = ',')]
    pub(crate) times: Vec<u64>,
}

/// What a node says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NodeLine {
    pub(crate) id: NodeId,
    pub(crate) leader: Option<NodeId>,
    pub(crate) term: u64,
    pub(crate) voters: usize,
    pub(crate) learners: usize,
    pub(crate) applied: Option<u64>,
}

pub(crate) async fn serve(args: NodeArgs) -> Result<()> {
    let (_facts, watched) = watch::channel(NodeFacts::default());
    let home = Folder::new(&args.data);
    if matches!(home.load_record(), Err(HomeError::Empty { .. })) {
        make(&home, &args).await?;
    }
    let parts = Parts {
        sockets: Sockets::bind(args.listen)?,
        wall: Arc::new(SystemWallClock),
        events: Arc::new(LogEvents),
        abort: Arc::new(ProcessAbort),
        writer: Writer::Thread,
        facts: watched,
        settings: settings(&args.times)?,
        actors: Vec::new(),
    };
    let node = Arc::new(Node::start(home, parts).await?);
    tell("ready");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match answer(&node, &line).await {
            Ok(said) => tell(&said),
            Err(error) => tell(&format!("error: {error:#}").replace('\n', " ")),
        }
    }
    Ok(())
}

fn settings(times: &[u64]) -> Result<Settings> {
    let mut settings = Settings::default();
    match times[..] {
        [] => {}
        [heartbeat, least, most] => {
            settings.raft.heartbeat = Duration::from_millis(heartbeat);
            settings.raft.election_min = Duration::from_millis(least);
            settings.raft.election_max = Duration::from_millis(most);
        }
        _ => bail!("--times takes three numbers: heartbeat, least and most"),
    }
    settings.raft.check().map_err(anyhow::Error::msg)?;
    Ok(settings)
}

async fn make(home: &Folder, args: &NodeArgs) -> Result<()> {
    std::fs::create_dir_all(&args.data)?;
    match &args.token {
        None => {
            let options = FoundOptions {
                cluster_name: "bench".to_owned(),
                node_name: args.name.clone(),
                listen: args.listen,
                address: args.listen,
            };
            cluster::found(home, &options, &mut rand::rng(), SystemWallClock.unix())?;
        }
        Some(token) => {
            let token: Token = token.parse()?;
            let options = EnterOptions {
                name: args.name.clone(),
                pool: None,
                listen: args.listen,
                address: None,
                transport: transport::Settings::default(),
            };
            let sockets = Sockets::bind(SocketAddr::new(args.listen.ip(), 0))?;
            let wall = Arc::new(SystemWallClock) as Arc<dyn WallClock>;
            let mut rng = StdRng::from_os_rng();
            cluster::enter(home, &token, &options, (sockets, wall), &mut rng).await?;
        }
    }
    Ok(())
}

async fn answer(node: &Arc<Node>, line: &str) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["view"] => Ok(serde_json::to_string(&view(node))?),
        ["token"] => token(node).await,
        ["promote"] => promote(node).await,
        ["load", clients, millis] => {
            let span = Duration::from_millis(millis.parse()?);
            let clients = (0..clients.parse::<u64>()?).map(|client| Submit {
                node: Arc::clone(node),
                number: client * 1_000_003,
            });
            let (load, _) = run(clients.collect(), span).await?;
            Ok(serde_json::to_string(&load)?)
        }
        // Three lines: that it watches, that a commit went through under another leader, and that
        // its status is right again.
        ["outlive"] => outlive(node).await,
        _ => bail!("no such line: {line}"),
    }
}

fn view(node: &Node) -> NodeLine {
    let raft = node.raft();
    NodeLine {
        id: node.id(),
        leader: raft.leader,
        term: raft.term,
        voters: raft.voters.len(),
        learners: raft.learners.len(),
        applied: raft.applied,
    }
}

async fn token(node: &Node) -> Result<String> {
    let wish = TokenWish {
        roles: PeerRoles::of(&[PeerRole::Worker, PeerRole::VoterCandidate]),
        name: None,
        pool: None,
        uses: 8,
        ttl: Duration::from_secs(900),
    };
    Ok(node.create_token("bench", wish).await?.to_string())
}

async fn promote(node: &Node) -> Result<String> {
    for learner in node.raft().learners {
        node.promote("bench", learner, CHANGE)
            .await
            .with_context(|| format!("{learner} cannot be promoted"))?;
    }
    Ok("done".to_owned())
}

/// Waits for a leader that is not the old one, commits, and waits until the old one is shown dead.
async fn outlive(node: &Node) -> Result<String> {
    let old = node.raft().leader;
    // A node that came back a moment ago may still be shown as dead.
    let is_seen = async || shows(node, old).await == Some(true);
    until("the leader is seen", is_seen).await?;
    tell("watching");
    let begin = Instant::now();
    let follows = || node.raft().leader.is_some_and(|leader| Some(leader) != old);
    until("somebody else leads", async || follows()).await?;
    let led = begin.elapsed();
    let note = Command::Note {
        what: "it goes on".to_owned(),
    };
    node.submit("bench", note).await?;
    tell(&format!("committed {}", led.as_micros()));
    let is_right = async || follows() && shows(node, old).await == Some(false);
    until("the dead one is named", is_right).await?;
    Ok(format!("right {}", begin.elapsed().as_micros()))
}

/// Whether this node's status shows that member as alive.
async fn shows(node: &Node, member: Option<NodeId>) -> Option<bool> {
    let status = node.status(false).await;
    let shown = status.nodes.iter().find(|shown| Some(shown.node) == member);
    shown.map(|shown| shown.alive)
}

async fn until(what: &str, good: impl AsyncFn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !good().await {
        if begin.elapsed() > CHANGE {
            bail!("{what}: not within {CHANGE:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// A client in the node's own process.
struct Submit {
    node: Arc<Node>,
    number: u64,
}

impl Asker for Submit {
    async fn ask(&mut self) -> Result<()> {
        self.number += 1;
        // One of 512 jobs, so that the ledger stays small and the way to it is what is measured.
        let number = self.number % 512;
        let command = Command::AcceptJob {
            job: JobId(number),
            key: format!("{number:032}"),
            body: ContentHash([9; 32]),
        };
        self.node.submit("bench", command).await?;
        Ok(())
    }
}

const CHANGE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(1);
