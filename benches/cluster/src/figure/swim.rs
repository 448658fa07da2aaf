//! The failure detector: how soon everybody knows of a death, and how often the living are taken
//! for dead.

use super::{Bench, words};
use crate::role::pure::SwimReport;
use crate::row::{Measured, Row, Target, Unit};
use anyhow::{Result, bail};

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let kills = bench.size(200);
    let (mut unjust, mut node_days) = (0, 0.0);
    for loss in [0, 50] {
        let line = words(&format!("deaths --loss {loss} --kills {kills}"));
        let (found, command) = bench.pure::<SwimReport>(&line).await?;
        if found.unseen > 0 {
            bail!("{} deaths were not seen by all: {command}", found.unseen);
        }
        if loss == 50 {
            unjust += found.false_deaths;
            node_days += found.node_days;
        }
        let seen = found.seen;
        let show = |value| Unit::Seconds.show(value);
        for (share, value, most) in [("median", seen.p50, 1.5), ("p99", seen.p99, 4.0)] {
            let beside = format!("max {}, n {}", show(seen.max), seen.count);
            let work = format!(
                "failure seen by all of 50 nodes, {} % loss: {share}",
                loss / 10
            );
            rows.push(
                Row::new(
                    work,
                    Measured::new(value, Unit::Seconds, beside),
                    Target::at_most(most),
                )
                .anchor("exo 30 s, GPUStack 150 s")
                .command(&command),
            );
        }
    }
    let line = words(&format!("idle --loss 50 --seconds {}", bench.size(4000)));
    let (found, command) = bench.pure::<SwimReport>(&line).await?;
    unjust += found.false_deaths;
    node_days += found.node_days;
    let beside = format!("{unjust} in {node_days:.2} node-days, those with kills included");
    rows.push(
        Row::new(
            "living nodes declared dead, 50 nodes, 5 % loss",
            Measured::new(unjust as f64 / node_days, Unit::PerNodeDay, beside),
            Target::at_most(1.0),
        )
        .command(command),
    );
    Ok(rows)
}
