//! Raft commits: three processes of ours over QUIC beside three of etcd, in the same folder, one
//! after the other in every round. The order turns from round to round.

use super::Bench;
use crate::fleet::Fleet;
use crate::load::{Load, Rounds, run};
use crate::peer::etcd::{Etcd, Put};
use crate::real::{RealFleet, Set};
use crate::row::{Measured, Row, Target};
use crate::stats::median;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// The two client counts of the table.
const CLIENTS: [usize; 2] = [1, 64];

/// What a folder gave, for each client count.
#[derive(Default)]
struct Found {
    ours: [Rounds; 2],
    /// CPU seconds of all three nodes for each commit.
    cpu: [Vec<f64>; 2],
    api: [Rounds; 2],
    grpc: [Rounds; 2],
    etcd_cpu: [Vec<f64>; 2],
    gateway: [Rounds; 2],
}

pub(super) async fn in_memory(bench: &Bench) -> Result<Vec<Row>> {
    let found = measure(bench, &bench.shm).await?;
    let [one, many] = found.rows("tmpfs");
    let elsewhere = "etcd 3.4 through its gateway: 4.7 k/s at 64 clients, p50 616 us with one";
    let rows = vec![
        many.target(Target::at_least(50_000.0)).anchor(elsewhere),
        one.target(Target::at_most(0.000_2)).anchor(elsewhere),
    ];
    Ok(found.with_api(rows, "commits-tmpfs"))
}

pub(super) async fn on_disk(bench: &Bench) -> Result<Vec<Row>> {
    let found = measure(bench, &bench.disk).await?;
    let [one, many] = found.rows("disk");
    let fsync = bench.facts.disk_fsync.p50;
    let etcd = (!found.grpc[1].is_empty()).then(|| median(found.grpc[1].rates()));
    let latency = found.ours[1].latency();
    let shown = crate::row::Unit::Seconds.show(fsync);
    let beside = format!("of the same load; fsync p50 {shown}");
    let tail = Measured::new(latency.p95, crate::row::Unit::Seconds, beside);
    let rows = vec![
        many.target(Target::times(2.0, "etcd by gRPC", etcd)),
        one.note(&format!("fsync p50 {shown}"))
            .target(Target::at_most(fsync + 0.000_2)),
        Row::new(
            "Raft commits, disk, 64 clients in the leader: p95",
            tail,
            Target::below(0.05),
        ),
    ];
    Ok(found.with_api(rows, "commits-disk"))
}

async fn measure(bench: &Bench, within: &Path) -> Result<Found> {
    let mut ours = Fleet::assemble(&bench.me, within, None).await?;
    let real = match RealFleet::assemble(&bench.programs, within).await {
        Ok(real) => Some(real),
        Err(error) => {
            crate::complain(&format!("the API is not measured: {error:#}"));
            None
        }
    };
    let mut etcd = Etcd::start(within).await?;
    let mut found = Found::default();
    for round in 0..bench.rounds() {
        for (at, clients) in CLIENTS.into_iter().enumerate() {
            // Whoever came first in this round comes last in the next one.
            for turn in 0..2 {
                if (turn + round).is_multiple_of(2) {
                    let (load, cpu) = ours.load(clients, bench.span()).await?;
                    found.ours[at].push(load);
                    found.cpu[at].push(cpu);
                    if let Some(real) = &real {
                        found.api[at].push(api(real, clients, bench.span()).await?);
                    }
                } else if let Some(etcd) = &mut etcd {
                    let before = etcd.cpu();
                    let load = puts(etcd, clients, bench.span(), true).await?;
                    let commits = load.per_second * bench.span().as_secs_f64() * 1.1;
                    found.etcd_cpu[at].push((etcd.cpu() - before) / commits);
                    found.grpc[at].push(load);
                    found.gateway[at].push(puts(etcd, clients, bench.span(), false).await?);
                }
            }
        }
    }
    Ok(found)
}

async fn api(real: &RealFleet, clients: usize, span: Duration) -> Result<Load> {
    let socket = real.socket(real.leader().await?);
    let mut askers = Vec::new();
    for client in 0..clients {
        askers.push(Set::connect(&socket, client as u64 * 1_000_003).await?);
    }
    Ok(run(askers, span).await?.0)
}

async fn puts(etcd: &Etcd, clients: usize, span: Duration, grpc: bool) -> Result<Load> {
    let port = etcd.port(etcd.leader().await?);
    let mut askers = Vec::new();
    for client in 0..clients {
        let first = client as u64 * 1_000_003;
        askers.push(match grpc {
            true => Put::grpc(port, first).await?,
            false => Put::gateway(port, first).await?,
        });
    }
    Ok(run(askers, span).await?.0)
}

/// A row of which only the target is missing.
struct Open {
    work: String,
    ours: Measured,
    grpc: Option<Measured>,
    gateway: Option<Measured>,
}

impl Open {
    fn note(self, more: &str) -> Open {
        Open {
            ours: self.ours.with(more),
            ..self
        }
    }

    fn target(self, target: Target) -> Row {
        Row::new(self.work, self.ours, target)
            .peer("etcd by gRPC", self.grpc)
            .peer("etcd by HTTP gateway", self.gateway)
    }
}

impl Found {
    /// With one client its latency, with many their rate.
    fn rows(&self, place: &str) -> [Open; 2] {
        [0, 1].map(|at| {
            let clients = CLIENTS[at];
            let figure = |rounds: &Rounds, cpu: &[f64]| {
                let cpu = median(cpu.to_vec()) * 1e6;
                let measured = measured(rounds, at)?;
                Some(if cpu.is_nan() {
                    measured
                } else {
                    measured.with(&format!("CPU {cpu:.0} us a commit on the three"))
                })
            };
            let what = if at == 0 { ": p50" } else { "" };
            let none = || Measured::rate(&[], None);
            Open {
                work: format!(
                    "Raft commits, {place}, {} in the leader{what}",
                    many(clients)
                ),
                ours: figure(&self.ours[at], &self.cpu[at]).unwrap_or_else(none),
                grpc: figure(&self.grpc[at], &self.etcd_cpu[at]),
                gateway: figure(&self.gateway[at], &[]),
            }
        })
    }

    /// The rows, and those of clients that come over the API as etcd's do.
    fn with_api(&self, mut rows: Vec<Row>, figure: &str) -> Vec<Row> {
        for (at, clients) in CLIENTS.into_iter().enumerate().rev() {
            let Some(ours) = measured(&self.api[at], at) else {
                continue;
            };
            let what = if at == 0 { ": p50" } else { "" };
            let work = format!("  as users: {} of rlm-node's HTTP API{what}", many(clients));
            let row = Row::new(work, ours, Target::None)
                .peer("etcd by HTTP gateway", measured(&self.gateway[at], at));
            rows.push(row);
        }
        let command = format!("benches/cluster/run --only {figure}");
        rows.into_iter().map(|row| row.command(&command)).collect()
    }
}

fn many(clients: usize) -> String {
    let ending = if clients == 1 { "" } else { "s" };
    format!("{clients} client{ending}")
}

fn measured(rounds: &Rounds, at: usize) -> Option<Measured> {
    if rounds.is_empty() {
        return None;
    }
    let latency = rounds.latency();
    let rates = rounds.rates();
    Some(if at == 0 {
        let rate = crate::row::Unit::PerSecond.show(median(rates));
        Measured::time(&latency).with(&rate)
    } else {
        Measured::rate(&rates, Some(&latency))
    })
}
