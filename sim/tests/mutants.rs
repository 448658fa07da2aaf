//! The list of mutants is whole: each patch applies to the tree as it is, and names a world that
//! exists. Whether the simulation finds them is asked by `cargo run -p sim --bin mutants`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn patches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
    let mut patches: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of mutants")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    patches.sort();
    patches
}

fn mutants(arguments: &[&str]) -> (bool, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_mutants"))
        .args(arguments)
        .output();
    let output = program.expect("the mutants program runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn every_patch_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for patch in patches() {
        let check = Command::new("git")
            .arg("-C")
            .arg(&root)
            .args(["apply", "--check", "--verbose"])
            .arg(&patch)
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&check.stderr);
        assert!(check.status.success(), "{}: {said}", patch.display());
        assert!(
            said.contains("Checking patch"),
            "{}: nothing to apply",
            patch.display()
        );
    }
}

#[test]
fn every_mutant_names_a_world_and_there_are_enough() {
    let (ok, list) = mutants(&["--list"]);
    assert!(ok, "{list}");
    assert_eq!(list.lines().count(), patches().len(), "{list}");
    assert!(list.lines().count() >= 12, "{list}");
    let worlds: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert!(
        worlds.len() >= 4,
        "mutants live in several worlds: {worlds:?}"
    );
}

#[test]
fn a_rotation_comes_to_every_mutant() {
    let (_, all) = mutants(&["--list"]);
    let mut seen = BTreeSet::new();
    for number in 0..all.lines().count() {
        let (ok, some) = mutants(&["--list", "--rotate", "3", "--of", &number.to_string()]);
        assert!(ok, "{some}");
        assert_eq!(some.lines().count(), 3, "{some}");
        seen.extend(some.lines().map(str::to_owned));
    }
    assert_eq!(seen, all.lines().map(str::to_owned).collect());
    let commit = "7f3a0c1e5b2d4896aa00ff1122334455667788ff";
    let (ok, some) = mutants(&["--list", "--rotate", "2", "--of", commit]);
    assert!(ok && some.lines().count() == 2, "{some}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let senseless: [&[&str]; 4] = [
        &["no-such-mutant"],
        &["--rotate", "3"],
        &["--seeds"],
        &["--sedes", "4"],
    ];
    for arguments in senseless {
        let (ok, said) = mutants(arguments);
        assert!(!ok, "{arguments:?}: {said}");
    }
}
