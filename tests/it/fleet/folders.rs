//! A node's folder that is not what it was: damaged while the node was stopped, or wiped.

use super::refusals::check;
use super::*;
use std::fs;

/// `rlm-node run` with these files spoilt ends with the words, and leaves them as they are.
#[track_caller]
fn check_spoilt(fleet: &Fleet, files: &[PathBuf], spoil: fn(&[u8]) -> Vec<u8>, words: &[&str]) {
    let read = |file: &PathBuf| fs::read(file).expect("the file is there");
    let whole: Vec<Vec<u8>> = files.iter().map(read).collect();
    for (file, bytes) in files.iter().zip(&whole) {
        fs::write(file, spoil(bytes)).expect("written");
    }
    check(&fleet.run_node(0, &["run"]), 1, words);
    for (file, bytes) in files.iter().zip(&whole) {
        assert_eq!(read(file), spoil(bytes), "{} was touched", file.display());
        fs::write(file, bytes).expect("written");
    }
}

fn another(_: &[u8]) -> Vec<u8> {
    b"not what it was".to_vec()
}

/// In what was durable long before the end.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = bytes.len() / 4;
    bytes[at] ^= 16;
    bytes
}

#[test]
fn a_damaged_file_is_named_with_the_next_step_and_nothing_is_changed() {
    let mut fleet = Fleet::found(1);
    fleet.kill(0);
    let data = fleet.data(0);
    let file = |name: &str| vec![data.join(name)];
    check_spoilt(
        &fleet,
        &file("record/node.json"),
        another,
        &["`node.json` is damaged", "from a backup"],
    );
    for name in ["identity/node.key", "identity/node.pem"] {
        check_spoilt(&fleet, &file(name), another, &[name, "from a backup"]);
    }
    let log = fs::read_dir(data.join("raft")).expect("a folder");
    let log = log.map(|entry| entry.expect("an entry").path());
    let first = log.filter(|path| path.display().to_string().contains("/log."));
    let first = first.min().expect("a log");
    let name = first.file_name().expect("a name").display().to_string();
    let words = ["the log is damaged", &name, "from a backup"];
    check_spoilt(&fleet, &[first], flipped, &words);
    let votes = ["vote.a", "vote.b"].map(|name| data.join("raft").join(name));
    let words = ["`vote.a` and `vote.b`", "from a backup"];
    check_spoilt(&fleet, &votes, another, &words);
    fleet.node(0, &["run"], "");
    fleet.await_status(0, "it leads again", |status| !status["leader"].is_null());
}

/// The name is kept for the one that was: only its removal frees it.
#[test]
fn a_machine_whose_disk_was_wiped_comes_back_as_a_new_node() {
    let mut fleet = Fleet::found(2);
    let (_, token) = fleet.token(&[]);
    check(&fleet.join(1, &token), 0, &["is a member"]);
    fleet.node(1, &["run"], "");
    let lives = |status: &Value| {
        let second = nodes(status).into_iter().find(|node| node["name"] == "n2");
        second.filter(|node| node["alive"] == true)
    };
    let both = fleet.await_status(0, "n2 lives", |status| lives(status).is_some());
    let old = lives(&both).expect("n2")["node"].clone();
    fleet.kill(1);
    fs::remove_dir_all(fleet.data(1)).expect("wiped");

    let (_, token) = fleet.token(&[]);
    let words = ["the name `n2` belongs to", "rlm-ctl remove NAME --dead"];
    check(&fleet.join(1, &token), 9, &words);
    fleet.expect(0, &["remove", "n2", "--dead"], (0, "is removed"));
    check(&fleet.join(1, &token), 0, &["is a member"]);
    fleet.node(1, &["run"], "");
    let back = fleet.await_status(0, "it is back", |status| lives(status).is_some());
    let new = lives(&back).expect("n2")["node"].clone();
    assert_ne!(new, old, "no id is used twice");
    assert_eq!(nodes(&back).len(), 2, "{back:#}");
}
