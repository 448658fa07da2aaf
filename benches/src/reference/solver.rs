//! The second way: each table question answered from the file's bytes, as a person would with a
//! few lines of code, and compared with what the records gave.

use std::collections::{BTreeMap, BTreeSet};

use super::{file, generated};
use crate::score::score;

fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == separator && !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

fn rows(text: &str, separator: char) -> Vec<Vec<String>> {
    text.lines()
        .skip(1)
        .map(|line| fields(line, separator))
        .collect()
}

fn json(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn having(text: &str, words: &[&str]) -> usize {
    text.lines()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .count()
}

fn mean(numbers: &[f64]) -> String {
    format!("{:.2}", numbers.iter().sum::<f64>() / numbers.len() as f64)
}

fn ranked(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut names: Vec<(String, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    names.into_iter().map(|(name, _)| name).collect()
}

/// The group whose numbers `fold` makes greatest.
fn greatest(pairs: Vec<(String, f64)>, fold: fn(&[f64]) -> f64) -> String {
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, number) in pairs {
        groups.entry(name).or_default().push(number);
    }
    let best = groups
        .into_iter()
        .max_by(|a, b| fold(&a.1).total_cmp(&fold(&b.1)));
    best.unwrap().0
}

fn word_after(line: &str, mark: &str) -> String {
    let rest = &line[line.find(mark).unwrap() + mark.len()..];
    rest.split([' ', '"']).next().unwrap().to_owned()
}

#[track_caller]
fn check(set: &str, answers: &[(&str, String)]) {
    let made = generated(set, None);
    for question in &made.questions {
        if question.family == "judgement" {
            continue;
        }
        let answer = answers.iter().find(|(id, _)| *id == question.id);
        let (_, answer) = answer.unwrap_or_else(|| panic!("{} has no second way", question.id));
        let verdict = score(question, answer);
        assert!(
            verdict.is_right(),
            "{}: {answer} against {:?}",
            question.id,
            question.expect
        );
    }
}

#[test]
fn first_light_agrees() {
    let made = generated("first-light", None);
    let log = file(&made, "gateway.log");
    let warnings = log.lines().filter(|line| line.contains("level=warn"));
    let parcels = json(file(&made, "parcels.jsonl"));
    let days: Vec<f64> = parcels
        .iter()
        .filter(|parcel| parcel["city"] == "Turku")
        .map(|parcel| parcel["days"].as_f64().unwrap())
        .collect();
    check(
        "first-light",
        &[
            (
                "log-count",
                having(log, &["service=billing ", "level=error "]).to_string(),
            ),
            (
                "log-top",
                ranked(warnings.map(|line| word_after(line, "service=")))[..3].join(", "),
            ),
            ("parcel-days", mean(&days)),
        ],
    );
}

#[test]
fn blind_a_agrees() {
    let made = generated("blind-a", None);
    let bookings = rows(file(&made, "bookings.csv"), ',');
    let suites = bookings
        .iter()
        .filter(|row| row[3] == "suite" && row[6] == "phone")
        .count();
    let prices = bookings
        .iter()
        .map(|row| (row[2].clone(), row[7].parse().unwrap()))
        .collect();
    let sensors = json(file(&made, "sensors.jsonl"));
    let faulty: BTreeSet<&str> = sensors
        .iter()
        .filter(|row| row["state"] == "fault" && row["floor"] == 6)
        .map(|row| row["device"].as_str().unwrap())
        .collect();
    let humidity: Vec<f64> = sensors
        .iter()
        .filter(|row| row["floor"] == 3)
        .map(|row| row["humidity"].as_f64().unwrap())
        .collect();
    let mail = file(&made, "mail.log");
    let bounced = mail.lines().filter(|line| line.contains("status=bounced"));
    let window = ["ts=2026-03-16T08:", "ts=2026-03-16T09:"];
    let deferred: usize = window
        .iter()
        .map(|hour| having(mail, &[hour, "status=deferred"]))
        .sum();
    let syslog = file(&made, "syslog.txt");
    let failed = syslog
        .lines()
        .filter(|line| line.contains("Failed password for "));
    check(
        "blind-a",
        &[
            ("a-suites-by-phone", suites.to_string()),
            (
                "a-best-hotel",
                greatest(prices, |n| n.iter().sum::<f64>() / n.len() as f64),
            ),
            ("a-faulty-devices", faulty.len().to_string()),
            ("a-mean-humidity", mean(&humidity)),
            (
                "a-bounced-top",
                ranked(bounced.map(|line| word_after(line, "host="))).remove(0),
            ),
            ("a-deferred-window", deferred.to_string()),
            (
                "a-failed-logins",
                having(syslog, &[" summit ", "Failed password"]).to_string(),
            ),
            (
                "a-failed-user",
                ranked(failed.map(|l| word_after(l, "password for "))).remove(0),
            ),
        ],
    );
}

#[test]
fn blind_b_agrees() {
    let made = generated("blind-b", None);
    let trees = rows(file(&made, "trees.tsv"), '\t');
    let poor = trees
        .iter()
        .filter(|row| row[5] == "poor")
        .map(|row| row[1].clone());
    let north = trees.iter().filter(|row| row[2] == "Northgate");
    let heights: Vec<f64> = north.map(|row| row[4].parse().unwrap()).collect();
    let expenses = rows(file(&made, "expenses.csv"), ',');
    let open = |row: &&Vec<String>| row[3] == "taxi" && row[2] == "legal" && row[5] == "open";
    let hotels = expenses.iter().filter(|row| row[3] == "hotel");
    let hotels = hotels
        .map(|row| (row[2].clone(), row[4].parse().unwrap()))
        .collect();
    let site = file(&made, "site.access.log");
    let missed = site.lines().filter(|line| line.contains("HTTP/1.1\" 404 "));
    let log = file(&made, "scheduler.log");
    let in_window =
        |line: &&str| ("2026-07-02 07:30:00".."2026-07-02 09:00:00").contains(&&line[..19]);
    let errors = log
        .lines()
        .filter(in_window)
        .filter(|line| line.contains(" ERROR "))
        .count();
    check(
        "blind-b",
        &[
            ("b-poor-species", ranked(poor).remove(0)),
            ("b-mean-height", mean(&heights)),
            (
                "b-open-taxi",
                expenses.iter().filter(open).count().to_string(),
            ),
            ("b-hotel-sum", greatest(hotels, |n| n.iter().sum())),
            (
                "b-cart-503",
                having(site, &[" /shop/cart HTTP", "\" 503 "]).to_string(),
            ),
            (
                "b-404-address",
                ranked(missed.map(|line| word_after(line, ""))).remove(0),
            ),
            ("b-error-window", errors.to_string()),
            (
                "b-lost-leases",
                having(log, &["[pool-4]", "lease of job", "lost"]).to_string(),
            ),
        ],
    );
}
