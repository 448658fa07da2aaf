//! How the rows are printed: for people, each with its command below; or as JSON lines.

use crate::machine::Facts;
use crate::row::{Bar, Reached, Row, Target};
use serde::Serialize;

/// One row in two to four lines.
pub(crate) fn text(row: &Row) -> String {
    let verdict = match row.reached {
        Reached::Yes => "reached",
        Reached::No => "not reached",
        Reached::Open => "",
    };
    let ours = row.ours.unit.show(row.ours.value);
    let line = format!(
        "{:<WORK$} {ours:>NUMBER$}  {:<TARGET$} {verdict}",
        row.work,
        target(row),
    );
    let mut text = format!("{}\n", line.trim_end());
    if !row.ours.beside.is_empty() {
        text.push_str(&format!("    ours: {}\n", row.ours.beside));
    }
    for peer in &row.peers {
        let value = peer.measured.unit.show(peer.measured.value);
        text.push_str(&format!("    {}: {value}", peer.name));
        if !peer.measured.beside.is_empty() {
            text.push_str(&format!(" ({})", peer.measured.beside));
        }
        text.push('\n');
    }
    if !row.anchor.is_empty() {
        text.push_str(&format!("    known elsewhere: {}\n", row.anchor));
    }
    text.push_str(&format!("    $ {}\n", row.command));
    text
}

fn target(row: &Row) -> String {
    let unit = row.ours.unit;
    match &row.target {
        Target::None => String::new(),
        Target::Unknown(why) => why.clone(),
        Target::Bar { bar, from } => {
            let bar = match *bar {
                Bar::AtLeast(value) => format!(">= {}", unit.show(value)),
                Bar::AtMost(value) => format!("<= {}", unit.show(value)),
                Bar::Below(value) => format!("< {}", unit.show(value)),
            };
            match from {
                Some(from) => format!("{bar} ({from})"),
                None => bar,
            }
        }
    }
}

pub(crate) fn heading() -> String {
    format!("{:<WORK$} {:>NUMBER$}  target\n", "work", "ours")
}

/// How many targets were reached.
pub(crate) fn verdict(rows: &[Row], failed: &[String]) -> String {
    let count = |reached| rows.iter().filter(|row| row.reached == reached).count();
    let (yes, no) = (count(Reached::Yes), count(Reached::No));
    let mut text = format!("{yes} of {} targets reached", yes + no);
    if !failed.is_empty() {
        text.push_str(&format!("; not measured: {}", failed.join(", ")));
    }
    text.push('\n');
    text
}

/// A line of the JSON form.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JsonLine<'a> {
    Machine(&'a Facts),
    Row(&'a Row),
    Failed { figure: &'a str, why: String },
}

const WORK: usize = 62;
const NUMBER: usize = 14;
const TARGET: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Measured, Unit};

    fn sample() -> Row {
        let ours = Measured::new(12_300.0, Unit::PerSecond, "3 rounds");
        let peer = Measured::new(4_700.0, Unit::PerSecond, "");
        Row::new("commits", ours, Target::times(2.0, "etcd", Some(4_700.0)))
            .peer("etcd", Some(peer))
            .peer("absent", None)
            .anchor("somebody: 1")
            .command("cluster-bench --only commits")
    }

    #[test]
    fn a_row_shows_everything_that_stands_beside_it() {
        let text = text(&sample());
        for part in [
            "12.3 k/s",
            ">= 9400 /s (2 x etcd)",
            " reached",
            "ours: 3 rounds",
            "etcd: 4700 /s\n",
            "known elsewhere: somebody: 1",
            "$ cluster-bench --only commits",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("absent") && !text.contains("not reached"));
    }

    #[test]
    fn the_last_line_counts_targets_only() {
        let free = Row::new("x", Measured::new(1.0, Unit::Count, ""), Target::None);
        let missed = Row::new("y", Measured::new(1.0, Unit::Count, ""), Target::below(1.0));
        let said = verdict(&[sample(), free, missed], &["ping".to_owned()]);
        assert_eq!(said, "1 of 2 targets reached; not measured: ping\n");
    }

    #[test]
    fn json_has_the_verdict_too() {
        let text = serde_json::to_string(&JsonLine::Row(&sample())).unwrap();
        assert!(text.contains(r#""reached":"yes""#), "{text}");
        assert!(text.contains(r#""at-least":9400.0"#), "{text}");
    }
}
