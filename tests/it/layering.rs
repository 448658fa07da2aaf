//! Dependencies point one way, and some crates are pure: read from cargo's own resolution.

use crate::source::{expect_none, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate of ours may use of ours. A crate that is not in the table fails the test.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("node-config", &["base"]),
    ("context", &["base", "node-config"]),
    ("orchestrator", &["base", "node-config"]),
    ("engine", &["base", "node-config"]),
    ("engine-llama", &["base", "node-config", "engine"]),
    ("models", &["base", "node-config", "engine"]),
    ("dispatch", &["base", "node-config", "engine"]),
    ("repl", &["base", "node-config", "context"]),
    ("suite", &["base"]),
    ("wire", &["base"]),
    ("crdt", &["base", "wire"]),
    ("transport", &["base", "wire"]),
    ("membership", &["base", "wire"]),
    ("raft", &["base", "wire"]),
    ("actor", &["base"]),
    (
        "cluster",
        &[
            "base",
            "wire",
            "crdt",
            "transport",
            "membership",
            "raft",
            "actor",
        ],
    ),
    (
        "sim",
        &[
            "base",
            "wire",
            "crdt",
            "transport",
            "membership",
            "raft",
            "actor",
            "cluster",
        ],
    ),
    (
        "cluster-bench",
        &[
            "base",
            "wire",
            "crdt",
            "transport",
            "membership",
            "raft",
            "cluster",
        ],
    ),
    (
        "rlm-node",
        &[
            "base",
            "wire",
            "crdt",
            "transport",
            "membership",
            "raft",
            "actor",
            "cluster",
            "node-config",
            "context",
            "orchestrator",
            "engine",
            "engine-llama",
            "models",
            "dispatch",
            "repl",
        ],
    ),
];

/// What a pure crate never reaches, however far down its tree.
const NEVER: &[(&str, &[&str])] = &[
    ("base", &["tokio", "rand", "reqwest"]),
    (
        "orchestrator",
        &["tokio", "rand", "reqwest", "wasmtime", "memmap2"],
    ),
    ("context", &["tokio", "reqwest", "wasmtime"]),
    ("node-config", &["tokio", "reqwest"]),
    ("engine", &["llama-cpp-sys-2", "wasmtime"]),
    ("dispatch", &["llama-cpp-sys-2", "wasmtime"]),
    ("repl", &["reqwest", "llama-cpp-sys-2"]),
    ("wire", &["tokio", "quinn", "rand"]),
    ("crdt", &["tokio", "quinn", "openraft"]),
    ("membership", &["tokio", "quinn", "openraft"]),
    ("raft", &["quinn", "crdts", "foca"]),
    ("transport", &["openraft", "crdts", "foca", "ractor"]),
    ("actor", &["quinn", "openraft"]),
    ("cluster", &["wasmtime", "llama-cpp-sys-2", "reqwest"]),
    ("sim", &["wasmtime", "llama-cpp-sys-2", "reqwest"]),
    ("cluster-bench", &["wasmtime", "llama-cpp-sys-2", "reqwest"]),
];

/// Locked packages. Each one is somebody else's code that our users run. QUIC, certificates, Raft,
/// actors and the simulation brought a hundred.
const MAX_LOCKED: usize = 480;

struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    ours: BTreeSet<String>,
}

fn graph() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let data: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let mut graph = Graph {
        names: BTreeMap::new(),
        edges: BTreeMap::new(),
        ours: BTreeSet::new(),
    };
    for package in list(&data["packages"]) {
        graph
            .names
            .insert(text(&package["id"]), text(&package["name"]));
    }
    graph.ours = list(&data["workspace_members"]).iter().map(text).collect();
    for node in list(&data["resolve"]["nodes"]) {
        let normal = |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|k| k["kind"].is_null());
        let deps = list(&node["deps"]);
        let used = deps
            .iter()
            .filter(normal)
            .map(|dep| text(&dep["pkg"]))
            .collect();
        graph.edges.insert(text(&node["id"]), used);
    }
    graph
}

impl Graph {
    fn reach(&self, start: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            for next in &self.edges[id] {
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

#[test]
fn arrows_point_one_way() {
    let graph = graph();
    let mut findings = Vec::new();
    for id in &graph.ours {
        let name = &graph.names[id];
        let Some((_, allowed)) = MAY_USE.iter().find(|(crate_name, _)| crate_name == name) else {
            findings.push(format!("{name} has no row in the table"));
            continue;
        };
        for used in graph.edges[id]
            .iter()
            .filter(|used| graph.ours.contains(*used))
        {
            let used = &graph.names[used];
            if !allowed.contains(&used.as_str()) {
                findings.push(format!("{name} must not use {used}"));
            }
        }
    }
    expect_none("a dependency runs the wrong way", &findings);
}

#[test]
fn pure_crates_stay_pure() {
    let graph = graph();
    let mut findings = Vec::new();
    for (name, banned) in NEVER {
        let id = graph
            .ours
            .iter()
            .find(|id| graph.names[*id] == *name)
            .expect("a crate of ours");
        let reached = graph.reach(id);
        for ban in banned.iter().filter(|ban| reached.contains(*ban)) {
            findings.push(format!("{name} reaches {ban}"));
        }
    }
    expect_none("an absence that is not true any more", &findings);
}

#[test]
fn the_lock_file_stays_within_its_budget() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let locked = lock.matches("[[package]]").count();
    assert!(
        locked <= MAX_LOCKED,
        "{locked} locked packages, the budget is {MAX_LOCKED}"
    );
    assert!(locked > 50, "the lock file was not read");
}

/// Packages with the features that they are built with, along some kinds of dependencies.
fn built(edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--no-dedupe",
        ])
        .args(["--prefix", "none", "-f", "{p} [{f}]", "-e", edges])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn tests_choose_no_other_features_than_programs() {
    let (programs, tests) = (built("normal,build"), built("normal,build,dev"));
    assert!(programs.len() > 100, "{programs:?}");
    let apart: Vec<String> = programs.difference(&tests).cloned().collect();
    expect_none(
        "this package is compiled twice, with all that rest on it: ask for the tests' features in \
         a normal dependency, too",
        &apart,
    );
}
