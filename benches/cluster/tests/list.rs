//! The program answers without measuring anything: its list, and an error for an unknown name.

use std::process::Command;

fn ask(words: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cluster-bench"))
        .args(words)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_list_names_every_figure_of_the_table() {
    let (fine, list, _) = ask(&["--list"]);
    assert!(fine);
    for name in [
        "ping",
        "commits-tmpfs",
        "commits-disk",
        "failover",
        "elections",
        "join",
        "crdt",
        "failure",
        "simulation",
    ] {
        let named = list.lines().any(|line| line.starts_with(name));
        assert!(named, "{name} is not in\n{list}");
    }
}

#[test]
fn an_unknown_figure_is_an_error_with_a_next_step() {
    let (fine, _, said) = ask(&["--only", "pong"]);
    assert!(!fine);
    assert!(said.contains("--list"), "{said}");
}

#[test]
fn a_pure_measurement_prints_one_line_of_json() {
    let (fine, line, said) = ask(&["pure", "deaths", "--nodes", "3", "--kills", "1"]);
    assert!(fine, "{said}");
    assert_eq!(line.lines().count(), 1);
    assert!(line.contains("\"unseen\":0"), "{line}");
}
