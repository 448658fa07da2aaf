//! A row of the table: what was measured, what it stands beside, and whether the target was
//! reached, which is computed here and written nowhere by hand.

use crate::stats::Spread;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    Seconds,
    PerSecond,
    /// Simulated seconds in a second of CPU time.
    SimulatedPerCpu,
    Count,
    PerNodeDay,
}

/// One figure, with what else is known about it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
    /// Such as `p95 1.2 ms, p99 3 ms, 5 rounds`.
    pub(crate) beside: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) measured: Measured,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bar {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

/// What the row is to reach.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Target {
    Bar {
        bar: Bar,
        /// How the bar came about, when it was computed: `2 x etcd`.
        from: Option<String>,
    },
    /// The bar is a peer's figure, and the peer was not measured.
    Unknown(String),
    /// Stands beside others for comparison.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reached {
    Yes,
    No,
    /// There is nothing to compare with.
    Open,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) ours: Measured,
    pub(crate) peers: Vec<Peer>,
    /// What the best known does elsewhere; measured by others, and not in this run.
    pub(crate) anchor: &'static str,
    pub(crate) target: Target,
    pub(crate) reached: Reached,
    /// What measures this row again.
    pub(crate) command: String,
}

impl Row {
    pub(crate) fn new(work: impl Into<String>, ours: Measured, target: Target) -> Row {
        Row {
            work: work.into(),
            reached: target.reached(ours.value),
            ours,
            peers: Vec::new(),
            anchor: "",
            target,
            command: String::new(),
        }
    }

    pub(crate) fn anchor(self, anchor: &'static str) -> Row {
        Row { anchor, ..self }
    }

    pub(crate) fn command(self, command: impl Into<String>) -> Row {
        Row {
            command: command.into(),
            ..self
        }
    }

    /// A peer that was not measured is left out; the run said why.
    pub(crate) fn peer(mut self, name: &str, measured: Option<Measured>) -> Row {
        self.peers.extend(measured.map(|measured| Peer {
            name: name.to_owned(),
            measured,
        }));
        self
    }
}

impl Target {
    pub(crate) fn at_least(least: f64) -> Target {
        Target::of(Bar::AtLeast(least))
    }

    pub(crate) fn at_most(most: f64) -> Target {
        Target::of(Bar::AtMost(most))
    }

    pub(crate) fn below(limit: f64) -> Target {
        Target::of(Bar::Below(limit))
    }

    fn of(bar: Bar) -> Target {
        Target::Bar { bar, from: None }
    }

    /// So many times what a peer does.
    pub(crate) fn times(times: f64, name: &str, peer: Option<f64>) -> Target {
        match peer {
            Some(value) => Target::Bar {
                bar: Bar::AtLeast(times * value),
                from: Some(format!("{times} x {name}")),
            },
            None => Target::Unknown(format!("{times} x {name}, which was not measured")),
        }
    }

    fn reached(&self, value: f64) -> Reached {
        match self {
            Target::Bar { bar, .. } if bar.holds(value) => Reached::Yes,
            Target::Bar { .. } => Reached::No,
            Target::Unknown(_) | Target::None => Reached::Open,
        }
    }
}

impl Bar {
    /// No number holds against no bar.
    fn holds(self, value: f64) -> bool {
        match self {
            Bar::AtLeast(least) => value >= least,
            Bar::AtMost(most) => value <= most,
            Bar::Below(limit) => value < limit,
        }
    }
}

impl Measured {
    pub(crate) fn new(value: f64, unit: Unit, beside: impl Into<String>) -> Measured {
        Measured {
            value,
            unit,
            beside: beside.into(),
        }
    }

    /// The median time, its tail beside it.
    pub(crate) fn time(spread: &Spread) -> Measured {
        Measured::new(spread.p50, Unit::Seconds, tail(spread))
    }

    /// The rate of the median round, the rounds' extremes and the latencies beside it.
    pub(crate) fn rate(rates: &[f64], latency: Option<&Spread>) -> Measured {
        let over = Spread::of(rates.to_vec());
        let show = |value| Unit::PerSecond.show(value);
        let mut beside = format!(
            "{} rounds {} to {}",
            over.count,
            show(over.min),
            show(over.max)
        );
        if let Some(latency) = latency {
            beside.push_str(&format!(
                ", p50 {}, {}",
                Unit::Seconds.show(latency.p50),
                tail(latency)
            ));
        }
        Measured::new(over.p50, Unit::PerSecond, beside)
    }

    /// More about it, after what is there.
    pub(crate) fn with(mut self, more: &str) -> Measured {
        let gap = if self.beside.is_empty() { "" } else { ", " };
        self.beside.push_str(gap);
        self.beside.push_str(more);
        self
    }
}

fn tail(spread: &Spread) -> String {
    let show = |value| Unit::Seconds.show(value);
    format!(
        "p95 {}, p99 {}, n {}",
        show(spread.p95),
        show(spread.p99),
        spread.count
    )
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "-".to_owned();
        }
        match self {
            Unit::Seconds => seconds(value),
            Unit::PerSecond if value >= 10_000.0 => format!("{:.1} k/s", value / 1e3),
            Unit::PerSecond => format!("{value:.0} /s"),
            Unit::SimulatedPerCpu => format!("{value:.0} : 1"),
            Unit::Count => format!("{value:.0}"),
            Unit::PerNodeDay => format!("{value:.2} /node-day"),
        }
    }
}

/// Three digits and the unit that fits them.
fn seconds(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v < 1e-6 => (v * 1e9, "ns"),
        v if v < 1e-3 => (v * 1e6, "us"),
        v if v < 1.0 => (v * 1e3, "ms"),
        v => (v, "s"),
    };
    let digits = match scaled {
        s if s < 10.0 => 2,
        s if s < 100.0 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$} {unit}")
}

#[cfg(test)]
mod tests;
