//! How much faster than time the simulation is: the whole stack, and the pure machines.

use super::{Bench, words};
use crate::machine::cpu_of_children;
use crate::process::command;
use crate::role::pure::{LedgerReport, SpreadReport, SwimReport};
use crate::row::{Measured, Row, Target, Unit};
use crate::stats::median;
use anyhow::{Context, Result, bail};
use std::time::Duration;

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut ratios = Vec::new();
    let seeds = if bench.quick { 1 } else { 5 };
    for seed in 1..=seeds {
        ratios.push(chaos(bench, seed).await?);
    }
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.1}")).collect();
    let beside = format!("world chaos, seeds 1 to {seeds}: {}", shown.join(", "));
    let mut rows = vec![
        Row::new(
            "simulated seconds per CPU second, full stack",
            Measured::new(median(ratios), Unit::SimulatedPerCpu, beside),
            Target::at_least(10.0),
        )
        .anchor("openraft's fuzzer: about 10")
        .command("cargo run -p sim --bin seed -- chaos 1 --quiet"),
    ];
    let idle = words(&format!("idle --loss 50 --seconds {}", bench.size(1000)));
    let (swim, swim_command) = bench.pure::<SwimReport>(&idle).await?;
    let beside = String::new();
    let mut pure = vec![("membership", swim.simulated_per_cpu, beside, swim_command)];
    for (what, per_second, writes) in [("CRDT, 1 write/s", 1, 20), ("CRDT, 50 writes/s", 50, 500)] {
        let writes = bench.size(writes);
        let line = format!("spread --loss 0.05 --per-second {per_second} --writes {writes}");
        let (found, command) = bench.pure::<SpreadReport>(&words(&line)).await?;
        pure.push((what, found.simulated_per_cpu, String::new(), command));
    }
    for (what, per_second, seconds) in [
        ("ledger, 1 command/s", 1, 1000),
        ("ledger, 50 commands/s", 50, 100),
    ] {
        let seconds = bench.size(seconds);
        let line = format!("ledger --loss 50 --per-second {per_second} --seconds {seconds}");
        let (found, command) = bench.pure::<LedgerReport>(&words(&line)).await?;
        let beside = format!(
            "{} entries, applied {} times, {} crashes",
            found.entries, found.applied, found.crashes
        );
        pure.push((what, found.simulated_per_cpu, beside, command));
    }
    for (what, ratio, beside, command) in pure {
        rows.push(
            Row::new(
                format!("the same, pure machines, 50 nodes, 5 % loss: {what}"),
                Measured::new(ratio, Unit::SimulatedPerCpu, beside),
                Target::at_least(400.0),
            )
            .anchor("corrosion's: at least 400, with 10 to 50 nodes and few writes")
            .command(command),
        );
    }
    Ok(rows)
}

/// One seed in a process of its own: simulated seconds in each second of its CPU time.
async fn chaos(bench: &Bench, seed: u64) -> Result<f64> {
    let mut command = command(&bench.programs.join("seed"));
    command
        .args(["chaos", &seed.to_string(), "--quiet"])
        .kill_on_drop(true);
    let before = cpu_of_children();
    let output = tokio::time::timeout(LONGEST, command.output()).await??;
    let spent = cpu_of_children() - before;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("seed chaos {seed}: {said}");
    }
    let simulated = simulated(&said).with_context(|| format!("no simulated time in: {said}"))?;
    Ok(simulated / spent)
}

/// The seconds in `.. simulated: 45.25s, ..`.
fn simulated(said: &str) -> Option<f64> {
    let (_, rest) = said.split_once("simulated: ")?;
    let (number, _) = rest.split_once('s')?;
    number.parse().ok()
}

const LONGEST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::simulated;

    #[test]
    fn the_seed_programs_verdict_tells_the_time() {
        let said = "ok Report { summary: Summary { hash: 7 }, simulated: 45.25s, crashes: 3 }";
        assert_eq!(simulated(said), Some(45.25));
        assert_eq!(simulated("BROKEN at 45.25s"), None);
    }
}
