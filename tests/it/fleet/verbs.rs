//! The commands that a fleet is looked at and changed with, each in some of its forms.

use super::*;

/// What changes nothing, asked of a follower.
pub(super) fn check_looks(fleet: &Fleet, i: usize) {
    fleet.expect(i, &["status"], (0, "'s certificate ends in "));
    fleet.expect(i, &["status"], (0, " slots · no open jobs"));
    let status = json(fleet, i, &["status", "-o", "json"]);
    assert_eq!(status["jobs_waiting"], 0, "{status:#}");
    assert_eq!(status["jobs_running"], 0, "{status:#}");
    assert!(status["oldest_job_age_s"].is_null(), "{status:#}");
    fleet.expect(i, &["node", "tree"], (0, "restarts"));
    check_tree(&json(fleet, i, &["node", "tree", "-o", "json"]));
    fleet.expect(i, &["registry", "list"], (0, "nothing is registered"));
    fleet.expect(i, &["token", "list"], (0, "as this node last heard"));
    fleet.expect(i, &["audit"], (0, "founded cluster"));
    let newest = json(fleet, i, &["audit", "-n", "1", "-o", "json"]);
    let records = newest["records"].as_array().map(Vec::len);
    assert_eq!(records, Some(1), "{newest:#}");
    assert!(newest["broken"].is_null(), "{newest:#}");
    let listed = json(fleet, i, &["nodes", "-o", "json"]);
    assert_eq!(listed["v"], 1, "{listed:#}");
    assert_eq!(nodes(&listed).len(), 3, "{listed:#}");
    for (form, begin) in [("id", ""), ("ndjson", "{\"v\":1,")] {
        let output = fleet.expect(i, &["nodes", "-o", form], (0, begin));
        let text = said(&output.stdout);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.starts_with(begin)), "{text}");
    }
    let wrong = ["registry", "show", "none", "-o", "json"];
    let output = fleet.expect(i, &wrong, (6, "rlm-ctl registry list"));
    let failure: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(failure["error"]["code"], 6, "{failure:#}");
    let mut doctor = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
    doctor.arg("--data").arg(fleet.data(i));
    let looked = doctor.args(["doctor", "-o", "json"]).output();
    let looked = looked.expect("rlm-node runs");
    assert!(looked.status.success(), "{looked:?}");
    let found: Value = serde_json::from_slice(&looked.stdout).expect("JSON");
    let paths = found["paths"].as_array().map(Vec::len);
    assert_eq!(paths, Some(4), "two of its own, two between the others");
}

/// All parts of a follower are there, and none had a second life.
fn check_tree(tree: &Value) {
    let actors = tree["actors"].as_array().expect("a list");
    let find = |path: &str| {
        let found = actors.iter().find(|actor| actor["path"] == path);
        found.unwrap_or_else(|| panic!("no {path} in {tree:#}"))
    };
    for part in [
        "node",
        "node/transport",
        "node/membership",
        "node/raft",
        "node/store",
        "node/blobs",
        "node/agreement/roster",
        "node/api/socket",
    ] {
        let actor = find(part);
        assert_eq!(actor["state"], "running", "{actor:#}");
        assert_eq!(actor["restarts"], 0, "{actor:#}");
    }
    let links = find("node/transport")["says"].as_str().unwrap_or_default();
    assert!(links.contains(" links, "), "{links}");
    assert!(!links.starts_with('0'), "{links}");
    let place = find("node/raft")["says"].as_str().unwrap_or_default();
    assert!(place.ends_with("; 3 voters"), "{place}");
}

/// What changes something, asked of the leader. The node after it ends up outside.
pub(super) fn check_changes(fleet: &Fleet, leader: usize) {
    let last = format!("n{}", (leader + 1) % 3 + 1);
    let made = json(fleet, leader, &["token", "create", "-o", "json"]);
    let id = made["id"].as_str().expect("an id");
    let gone = json(fleet, leader, &["token", "revoke", id, "-o", "json"]);
    assert_eq!(gone["done"], format!("token {id} is revoked"), "{gone:#}");
    fleet.expect(leader, &["token", "list"], (0, "revoked"));
    fleet.expect(leader, &["settings", "cluster.name=attic"], (0, "attic"));
    fleet.await_status(leader, "the new name is shown", |status| {
        status["cluster_name"] == "attic"
    });
    fleet.expect(leader, &["demote", &last], (0, "votes no more"));
    fleet.expect(leader, &["remove", &last], (9, "rlm-node leave"));
    fleet.expect(leader, &["remove", &last, "--force"], (0, "is removed"));
    fleet.await_status(leader, "one less", |status| nodes(status).len() == 2);
}

fn json(fleet: &Fleet, i: usize, words: &[&str]) -> Value {
    let output = fleet.expect(i, words, (0, ""));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
