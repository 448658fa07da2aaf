//! `rlm-node join` and `rlm-ctl status`, from the start of the process to its answer.

use super::Bench;
use crate::real::RealFleet;
use crate::row::{Measured, Row, Target};
use crate::stats::Spread;
use anyhow::{Result, bail};
use tokio::time::Instant;

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut joining = RealFleet::found(&bench.programs, &bench.shm).await?;
    let mut joins = Vec::new();
    for _ in 0..bench.rounds() {
        joins.push(joining.join().await?);
    }
    drop(joining);
    let fleet = RealFleet::assemble(&bench.programs, &bench.shm).await?;
    let mut asks = Vec::new();
    for _ in 0..20 {
        let begin = Instant::now();
        let said = fleet.ctl(&["status"]).await?;
        asks.push(begin.elapsed());
        if !said.contains("n2") {
            bail!("`rlm-ctl status` does not name the nodes: {said}");
        }
    }
    let command = "benches/cluster/run --only join";
    Ok(vec![
        Row::new(
            "rlm-node join, until it says that it is a member: p50",
            Measured::time(&Spread::of_spans(&joins)),
            Target::below(3.0),
        )
        .command(command),
        Row::new(
            "rlm-ctl status, three nodes, the whole process: p50",
            Measured::time(&Spread::of_spans(&asks)),
            Target::below(0.050),
        )
        .command(command),
    ])
}
