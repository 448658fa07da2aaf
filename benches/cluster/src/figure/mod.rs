//! The figures: each measures one line of the table, or a few that are measured together.

mod commits;
mod failover;
mod gossip;
mod join;
mod ping;
mod simulated;
mod swim;

use crate::machine::Facts;
use crate::row::Row;
use anyhow::Result;
use futures::future::{BoxFuture, FutureExt};
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::time::Duration;

/// What every figure may use.
pub(crate) struct Bench {
    /// A folder on the disk, and one in memory.
    pub(crate) disk: PathBuf,
    pub(crate) shm: PathBuf,
    /// Where `rlm-node`, `rlm-ctl` and `seed` lie.
    pub(crate) programs: PathBuf,
    /// This program, which is also the processes that it measures.
    pub(crate) me: PathBuf,
    pub(crate) quick: bool,
    pub(crate) facts: Facts,
}

type Measure = fn(&Bench) -> BoxFuture<'_, Result<Vec<Row>>>;

pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) measure: Measure,
}

/// All figures, in the order in which they are measured: what a busy machine hurts most comes
/// first.
pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        name: "ping",
        about: "request and reply over the transport, two processes; beside redis and NATS",
        measure: |bench| ping::measure(bench).boxed(),
    },
    Figure {
        name: "commits-tmpfs",
        about: "Raft commits of three processes over QUIC, in memory; beside etcd",
        measure: |bench| commits::in_memory(bench).boxed(),
    },
    Figure {
        name: "commits-disk",
        about: "the same on the disk, its fsync beside it",
        measure: |bench| commits::on_disk(bench).boxed(),
    },
    Figure {
        name: "failover",
        about: "no leader after kill -9; beside etcd; the settings that reach 100 ms",
        measure: |bench| failover::measure(bench).boxed(),
    },
    Figure {
        name: "elections",
        about: "elections without a fault while every processor is busy, by setting",
        measure: |bench| failover::price(bench).boxed(),
    },
    Figure {
        name: "join",
        about: "rlm-node join and rlm-ctl status, as users run them",
        measure: |bench| join::measure(bench).boxed(),
    },
    Figure {
        name: "crdt",
        about: "a CRDT write seen on all of 50 nodes, by loss; local writes and reads",
        measure: |bench| gossip::measure(bench).boxed(),
    },
    Figure {
        name: "failure",
        about: "a death seen by all of 50 nodes; the living declared dead",
        measure: |bench| swim::measure(bench).boxed(),
    },
    Figure {
        name: "simulation",
        about: "simulated seconds in a second of CPU, full stack and pure machines",
        measure: |bench| simulated::measure(bench).boxed(),
    },
];

impl Bench {
    /// Rounds of what is interleaved.
    fn rounds(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }

    /// How long one load runs.
    fn span(&self) -> Duration {
        Duration::from_millis(if self.quick { 500 } else { 2000 })
    }

    /// The full size, or a tenth of it.
    fn size(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }

    /// Runs one of the pure measurements in a process of its own: its report, and the command.
    async fn pure<T: DeserializeOwned>(&self, words: &[String]) -> Result<(T, String)> {
        let mut command = crate::process::command(&self.me);
        command.arg("pure").args(words).kill_on_drop(true);
        let output = tokio::time::timeout(LONGEST, command.output()).await??;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            anyhow::bail!("pure {}: {said}", words.join(" "));
        }
        let report = serde_json::from_slice(&output.stdout)?;
        Ok((report, format!("cluster-bench pure {}", words.join(" "))))
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Of one pure measurement.
const LONGEST: Duration = Duration::from_secs(600);
