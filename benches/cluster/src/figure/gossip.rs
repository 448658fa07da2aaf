//! The replicated store: when the last of 50 nodes sees a write, and what a node pays for its own
//! writes and reads.

use super::{Bench, words};
use crate::role::pure::{SpreadReport, StoreReport};
use crate::row::{Measured, Row, Target, Unit};
use crate::stats::Spread;
use anyhow::{Result, bail};

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut slowest: f64 = 0.0;
    let writes = bench.size(500);
    let all = "CRDT write seen on all of 50 nodes";
    for (loss, bar) in [
        ("0", Bar::P95(0.010)),
        ("0.05", Bar::P95(0.010)),
        ("0.1", Bar::P95(0.250)),
        ("0.3", Bar::P99(0.500)),
    ] {
        let line = words(&format!("spread --loss {loss} --writes {writes}"));
        let (found, command) = bench.pure::<SpreadReport>(&line).await?;
        if found.unseen > 0 {
            bail!("{} writes were not seen by all: {command}", found.unseen);
        }
        slowest = slowest.max(found.seen.max);
        let percent = loss.parse::<f64>()? * 100.0;
        let work = format!("{all}, {percent:.0} % loss: {}", bar.name());
        let measured = bar.measured(&found.seen);
        rows.push(
            Row::new(work, measured, bar.target())
                .anchor("corrosion's simulator: p99 2 to 3 ms without loss")
                .command(command),
        );
    }
    let beside = "the slowest of all rows above";
    rows.push(
        Row::new(
            format!("{all}: every write"),
            Measured::new(slowest, Unit::Seconds, beside),
            Target::at_most(5.0),
        )
        .command("benches/cluster/run --only crdt"),
    );
    let line = words(&format!("store --times {}", bench.size(20_000)));
    let (found, command) = bench.pure::<StoreReport>(&line).await?;
    for (kind, costs, most) in [
        ("write", &found.writes, 0.000_050),
        ("read", &found.reads, 0.000_001),
    ] {
        let Some((name, spread)) = costs.first() else {
            bail!("no {kind} was measured");
        };
        let others: Vec<String> = costs[1..]
            .iter()
            .map(|(name, spread)| format!("{name} {}", Unit::Seconds.show(spread.p50)))
            .collect();
        let more = format!("the costliest: {name}; {}", others.join(", "));
        rows.push(
            Row::new(
                format!("CRDT local {kind}: p50"),
                Measured::time(spread).with(&more),
                Target::below(most),
            )
            .anchor("seed 003: < 10 ms")
            .command(&command),
        );
    }
    Ok(rows)
}

/// Which share of the writes is to be that fast.
#[derive(Clone, Copy)]
enum Bar {
    P95(f64),
    P99(f64),
}

impl Bar {
    fn name(self) -> &'static str {
        match self {
            Bar::P95(_) => "p95",
            Bar::P99(_) => "p99",
        }
    }

    fn target(self) -> Target {
        match self {
            Bar::P95(most) | Bar::P99(most) => Target::at_most(most),
        }
    }

    fn measured(self, seen: &Spread) -> Measured {
        let value = match self {
            Bar::P95(_) => seen.p95,
            Bar::P99(_) => seen.p99,
        };
        let show = |value| Unit::Seconds.show(value);
        let beside = format!(
            "p50 {}, p95 {}, p99 {}, max {}, n {}, round trip 1 ms",
            show(seen.p50),
            show(seen.p95),
            show(seen.p99),
            show(seen.max),
            seen.count
        );
        Measured::new(value, Unit::Seconds, beside)
    }
}
