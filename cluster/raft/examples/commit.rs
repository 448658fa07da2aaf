//! How fast a group of three in one process commits: `commit FOLDER [SECONDS]`. Prints commits per
//! second with 64 clients, the latency with one, and beside them what an fsync takes in the same
//! folder. Real threads, real files, and a courier that hands frames over in memory.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures: it prints, and reads the clock"
)]

use base::{ClusterId, ContentHash, JobId, NodeId, PeerRole, PeerRoles};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use raft::ledger::{Command, NewMember};
use raft::{Courier, CourierError, Disk, Folder, Group, ProcessAbort, Settings, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

type Nodes = Arc<RwLock<BTreeMap<NodeId, Group>>>;

struct Memory {
    me: NodeId,
    nodes: Nodes,
}

impl Courier for Memory {
    fn send(
        &self,
        to: NodeId,
        _kind: wire::Kind,
        frame: Bytes,
        _ttl: Duration,
    ) -> BoxFuture<'static, Result<wire::Frame, CourierError>> {
        let (me, peer) = (self.me, self.nodes.read().expect("a map").get(&to).cloned());
        async move {
            let peer = peer.ok_or_else(|| CourierError::Unreachable("not started".into()))?;
            let answered = tokio::spawn(async move {
                let frame = wire::open_bytes(&frame).map_err(refused)?;
                let voter = PeerRoles::of(&[PeerRole::Voter]);
                let reply = peer.handle(me, voter, frame).await.map_err(refused)?;
                wire::open_bytes(&reply).map_err(refused)
            });
            answered.await.map_err(refused)?
        }
        .boxed()
    }
}

fn refused(error: impl std::fmt::Display) -> CourierError {
    CourierError::Refused(error.to_string())
}

fn command(number: u64) -> Command {
    // One of 512 jobs, so that the ledger stays small and the log is what is measured.
    let number = number % 512;
    Command::AcceptJob {
        job: JobId(number),
        key: format!("{number:032}"),
        body: ContentHash([9; 32]),
    }
}

async fn group(folder: &Path) -> Vec<Group> {
    let nodes = Nodes::default();
    let mut groups = Vec::new();
    for number in 1..=3_u8 {
        let me = NodeId([number; 16]);
        let disk = Folder::open(&folder.join(number.to_string())).expect("a folder");
        let courier = Arc::new(Memory {
            me,
            nodes: Arc::clone(&nodes),
        });
        let abort = Arc::new(ProcessAbort);
        let settings = Settings::default();
        let group = Group::start(me, settings, disk, courier, Writer::Thread, abort)
            .await
            .expect("a node starts");
        nodes.write().expect("a map").insert(me, group.clone());
        if number == 1 {
            group.initialize().await.expect("a new group");
            let member = NewMember {
                node: me,
                name: "box".into(),
                roles: PeerRoles::of(&[PeerRole::Voter]),
                pool: None,
                address: "box:1".into(),
                serial: [1; 16],
                version: 1,
            };
            let cluster = ClusterId([1; 8]);
            group
                .propose(Command::Found { cluster, member })
                .await
                .expect("founded");
        } else {
            let leader: &Group = &groups[0];
            leader.add_learner(me).await.expect("a learner");
            leader.promote(me).await.expect("a voter");
        }
        groups.push(group);
    }
    groups
}

/// Commits by so many clients; the latencies, sorted.
async fn load(leader: &Group, clients: u64, span: Duration) -> (f64, Vec<Duration>) {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let leader = leader.clone();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut number = client * 1_000_003;
            while start.elapsed() < span {
                let begin = Instant::now();
                leader.propose(command(number)).await.expect("a commit");
                latencies.push(begin.elapsed());
                number += 1;
            }
            latencies
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("a client"));
    }
    all.sort();
    (all.len() as f64 / start.elapsed().as_secs_f64(), all)
}

/// 4 KiB appended and synced, again and again; sorted.
fn fsyncs(folder: &Path) -> Vec<Duration> {
    let mut disk = Folder::open(&folder.join("fsync")).expect("a folder");
    let page = vec![1; 4096];
    let mut taken = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        disk.append("probe", &page)
            .and_then(|()| disk.sync("probe"))
            .expect("a write");
        taken.push(begin.elapsed());
    }
    taken.sort();
    taken
}

fn quantiles(sorted: &[Duration]) -> String {
    let at = |part: usize| sorted[(sorted.len() - 1) * part / 100].as_micros();
    format!("p50 {} us, p95 {} us, p99 {} us", at(50), at(95), at(99))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("commit FOLDER [SECONDS]"));
    let seconds = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let span = Duration::from_secs(seconds);
    let place = folder.join(format!("commit-{}", std::process::id()));
    println!("fsync of 4 KiB       {}", quantiles(&fsyncs(&place)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let groups = group(&place).await;
        let (_, one) = load(&groups[0], 1, span).await;
        println!("1 client             {}", quantiles(&one));
        for clients in [64, 256] {
            let (rate, all) = load(&groups[0], clients, span).await;
            println!(
                "{clients:3} clients          {rate:.0} commits/s, {}",
                quantiles(&all)
            );
        }
        for group in &groups {
            group.shutdown().await;
        }
    });
    std::fs::remove_dir_all(&place).expect("the folder goes away");
}
