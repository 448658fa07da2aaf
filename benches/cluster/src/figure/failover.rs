//! How long nobody leads after `kill -9` of the leader, how long the status is wrong, and what
//! shorter times cost: elections without a fault when every processor is busy.

use super::Bench;
use crate::fleet::{FailOver, Fleet, Times};
use crate::load::Asker;
use crate::peer::etcd::{Etcd, Put};
use crate::process::{Process, command};
use crate::row::{Measured, Row, Target, Unit};
use crate::stats::Spread;
use anyhow::Result;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::time::Instant;

/// Heartbeat, shortest and longest election timeout in ms that reach 100 ms on loopback.
const FAST: [u64; 3] = [5, 15, 30];

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut lan = Fleet::assemble(&bench.me, &bench.shm, None).await?;
    let mut fast = Fleet::assemble(&bench.me, &bench.shm, Some(FAST)).await?;
    let mut etcd = Etcd::start(&bench.shm).await?;
    let (mut ours, mut hasty, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = if bench.quick { 2 } else { 9 };
    for _ in 0..rounds {
        ours.push(lan.fail_over().await?);
        hasty.push(fast.fail_over().await?);
        if let Some(etcd) = &mut etcd {
            theirs.push(fail_over(etcd).await?);
        }
    }
    let show = |spans: &[Duration]| {
        let spread = Spread::of_spans(spans);
        let span = |value| Unit::Seconds.show(value);
        let (least, most) = (span(spread.min), span(spread.max));
        let beside = format!("{least} to {most} of {} kills", spread.count);
        Measured::new(spread.p50, Unit::Seconds, beside)
    };
    let commits = |kills: &[FailOver]| kills.iter().map(|kill| kill.commit).collect::<Vec<_>>();
    let views: Vec<Duration> = ours.iter().map(|kill| kill.view).collect();
    let etcd = (!theirs.is_empty()).then(|| show(&theirs).with("its default settings"));
    let command = "benches/cluster/run --only failover";
    let [heartbeat, least, most] = FAST;
    let times = format!("heartbeat {heartbeat} ms, election timeout {least} to {most} ms");
    Ok(vec![
        Row::new(
            "kill -9 of the leader to the next commit, LAN settings",
            show(&commits(&ours)),
            Target::below(1.0),
        )
        .peer("etcd", etcd)
        .anchor("seed 003 hopes for 100 ms")
        .command(command),
        Row::new(
            "the same with the loopback settings",
            show(&commits(&hasty)).with(&times),
            Target::at_most(0.1),
        )
        .command(command),
        Row::new(
            "kill -9 of the leader to a right status, LAN settings",
            show(&views).with("both others have a leader and show the killed node as dead"),
            Target::at_most(3.0),
        )
        .anchor("exo 30 s, GPUStack 150 s until a failure is seen")
        .command(command),
    ])
}

/// Kills etcd's leader; the time until a put was acknowledged by one of the others.
async fn fail_over(etcd: &mut Etcd) -> Result<Duration> {
    let dead = etcd.leader().await?;
    let ports: Vec<u16> = (0..3)
        .filter(|i| *i != dead)
        .map(|i| etcd.port(i))
        .collect();
    // Connected before, so that only the put is waited for.
    let mut clients = Vec::new();
    for port in &ports {
        clients.push(Put::grpc(*port, 0).await?);
    }
    let begin = Instant::now();
    etcd.strike(dead);
    let puts = clients
        .into_iter()
        .zip(ports)
        .map(|(mut client, port)| async move {
            while begin.elapsed() < LONGEST {
                if let Ok(Ok(())) = tokio::time::timeout(TRY, client.ask()).await {
                    return Ok(begin.elapsed());
                }
                client = Put::grpc(port, 0).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            anyhow::bail!("etcd did not put within {LONGEST:?} of a kill")
        });
    let mut puts: FuturesUnordered<_> = puts.collect();
    let first = puts.next().await;
    drop(puts);
    etcd.restart(dead).await?;
    first.unwrap_or(Ok(Duration::MAX))
}

pub(super) async fn price(bench: &Bench) -> Result<Vec<Row>> {
    let span = Duration::from_secs(if bench.quick { 5 } else { 60 });
    let mut rows = Vec::new();
    for (name, times) in [("LAN", None), ("loopback", Some(FAST))] {
        let elections = elections(bench, times, span).await?;
        let beside = format!(
            "in {} s, one busy process for each processor",
            span.as_secs()
        );
        let work = format!("elections without a fault, CPU busy, {name} settings");
        rows.push(
            Row::new(
                work,
                Measured::new(elections as f64, Unit::Count, beside),
                Target::None,
            )
            .command("benches/cluster/run --only elections"),
        );
    }
    Ok(rows)
}

/// How far the term goes up while nothing happens but work.
async fn elections(bench: &Bench, times: Times, span: Duration) -> Result<u64> {
    let mut fleet = Fleet::assemble(&bench.me, &bench.shm, times).await?;
    let before = fleet.view(0).await?.term;
    let logs = tempfile::tempdir_in(&bench.shm)?;
    let mut busy = Vec::new();
    for i in 0..bench.facts.cores {
        let mut command = command(&bench.me);
        // Longer than it is let, so that it is there to the end.
        command.args(["burn", &(span.as_secs() + 30).to_string()]);
        let log = logs.path().join(i.to_string());
        busy.push(Process::server(command, "the burner", &log)?);
    }
    tokio::time::sleep(span).await;
    for burner in &mut busy {
        burner.must_run()?;
    }
    drop(busy);
    let mut after = before;
    for i in 0..3 {
        after = after.max(fleet.view(i).await?.term);
    }
    Ok(after - before)
}

const LONGEST: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_millis(500);
