//! Measures the failure detector in simulation: `cargo run --release -p membership --example
//! detect`.
//! An argument (`1`, `4`, …) multiplies the number of kills and the idle time.

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use membership::simulator::Weather;
use membership::simulator::trial::{self, Split};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

fn main() -> Result<(), membership::SwimSettingsError> {
    let scale = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let scale: usize = scale.unwrap_or(1);
    println!("nodes loss  seen by all: median     p99     max  unseen  false deaths  /node-day");
    println!("                                                             (node-days)");
    println!("            datagrams/s kbit/s a node, simulated s per CPU s");
    for n in [3, 50, 200] {
        for loss in [0, 50, 100, 300] {
            detection(n, loss, scale)?;
        }
    }
    println!("\nnodes split    loss  merged after  judges  false deaths meanwhile");
    for n in [3, 5, 50, 200] {
        for split in Split::ALL {
            merging(n, split, 0)?;
        }
        merging(n, Split::Halves, 50)?;
    }
    Ok(())
}

fn detection(n: usize, loss: u32, scale: usize) -> Result<(), membership::SwimSettingsError> {
    let weather = Weather::lan(loss);
    let kills = if n == 200 { 50 } else { 200 } * scale;
    let killed = trial::detect(n, weather, kills, 7)?;
    let span = Duration::from_secs(if n == 200 { 200 } else { 2000 } * scale as u64);
    let start = cpu_seconds();
    let idle = trial::idle(n, weather, span, 11)?;
    let speed = idle.simulated.as_secs_f64() / (cpu_seconds() - start);
    let unjust = killed.false_deaths + idle.false_deaths;
    let days = killed.node_days + idle.node_days;
    let show = |share| killed.quantile(share).unwrap_or_default().as_secs_f64();
    println!(
        "{n:5} {:3}% {:21.2}s {:6.2}s {:6.2}s {:6} {unjust:7} ({days:6.2}) {:9.2}",
        loss / 10,
        show(0.5),
        show(0.99),
        show(1.0),
        killed.unseen,
        unjust as f64 / days,
    );
    println!(
        "            {:8.1} {:8.1}   {speed:8.0}",
        idle.datagrams,
        idle.bits / 1000.0,
    );
    Ok(())
}

fn merging(n: usize, split: Split, loss: u32) -> Result<(), membership::SwimSettingsError> {
    let lasts = Duration::from_secs(20);
    let Some(merge) = trial::merge(n, split, Weather::lan(loss), lasts, 3)? else {
        println!("{n:5} {split:?}: the cluster did not grow");
        return Ok(());
    };
    let merged = merge.merged.map_or_else(
        || "not within 60 s".to_owned(),
        |span| format!("{:.2} s", span.as_secs_f64()),
    );
    println!(
        "{n:5} {:8} {:3}%  {merged:>12}  {:6}  {:6}",
        format!("{split:?}"),
        loss / 10,
        merge.judges,
        merge.false_deaths,
    );
    Ok(())
}

/// CPU time of this process, which a busy machine does not change much.
fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
