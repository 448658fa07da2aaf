//! The table of faults (docs/faults.md) names tests and worlds that exist, and says where there is
//! none.

use crate::source::{expect_none, files, root};
use fancy_regex::Regex;
use std::collections::BTreeSet;

/// Names of all tests of the repository.
fn tests() -> BTreeSet<String> {
    let test = Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)")
        .expect("a valid pattern");
    let mut names = BTreeSet::new();
    for file in files(&[".rs"]) {
        let found = test.captures_iter(file.text.as_str()).flatten();
        names.extend(found.map(|found| found[1].to_owned()));
    }
    names
}

fn table() -> String {
    std::fs::read_to_string(root().join("docs/faults.md")).expect("the table is there")
}

#[test]
fn every_test_that_the_table_names_exists() {
    let (tests, table) = (tests(), table());
    let named = Regex::new(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`").expect("a valid pattern");
    let named: BTreeSet<&str> = named
        .captures_iter(table.as_str())
        .flatten()
        .map(|found| found.get(1).expect("a group").as_str())
        .collect();
    assert!(named.len() > 80, "{} tests are named", named.len());
    let gone: Vec<String> = named
        .into_iter()
        .filter(|name| !tests.contains(*name))
        .map(str::to_owned)
        .collect();
    expect_none("docs/faults.md names a test that does not exist", &gone);
}

#[test]
fn every_world_that_the_table_names_exists() {
    let worlds = std::fs::read_to_string(root().join("sim/src/worlds/mod.rs"));
    let (worlds, table) = (worlds.expect("the worlds are there"), table());
    let named = Regex::new(r"`world ([a-z]+)`").expect("a valid pattern");
    let gone: Vec<String> = named
        .captures_iter(table.as_str())
        .flatten()
        .map(|found| found[1].to_owned())
        .filter(|world| !worlds.contains(&format!("name: \"{world}\"")))
        .collect();
    expect_none("docs/faults.md names a world that does not exist", &gone);
    assert!(
        matches!(named.is_match(table.as_str()), Ok(true)),
        "worlds are named"
    );
}

#[test]
fn every_line_of_the_table_names_its_proof_or_says_that_there_is_none() {
    let table = table();
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("shown by"))
        .collect();
    assert!(rows.len() > 80, "{} lines", rows.len());
    let open: Vec<String> = rows
        .iter()
        .filter(|row| {
            let last = row.trim_end_matches([' ', '|']).rsplit('|').next();
            !last.is_some_and(|cell| cell.contains('`') || cell.contains("**no test**"))
        })
        .map(|row| (*row).to_owned())
        .collect();
    expect_none("a line of docs/faults.md shows nothing", &open);
}
