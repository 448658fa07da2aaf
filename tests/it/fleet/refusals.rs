//! What a node refuses at its door, and what it says then.

use super::*;

/// It ended with this code, and said these words.
#[track_caller]
pub(super) fn check(output: &Output, code: i32, words: &[&str]) {
    let said = said(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in {said}");
    }
}

#[test]
fn a_node_says_what_is_wrong_with_a_token() {
    let mut fleet = Fleet::new(2);
    fleet.node(0, &["init"], "");
    fleet.await_status(0, "the founder leads", |status| !status["leader"].is_null());
    let made = fleet.ctl(0, &["token", "create"]);
    let token = String::from_utf8(made.stdout)
        .expect("text")
        .trim()
        .to_owned();
    let join = |fleet: &Fleet, token: &str| {
        let mut command = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
        let listen = format!("127.0.0.1:{}", fleet.ports[1]);
        command.arg("--data").arg(fleet.data(1));
        command.args([
            "join", token, "--name", "n2", "--listen", &listen, "--no-run",
        ]);
        command.output().expect("rlm-node runs")
    };
    let cut = join(&fleet, &token[..token.len() - 3]);
    check(&cut, 2, &["not copied whole", "[RLM-E0203]"]);
    let first = join(&fleet, &token);
    let seen = ["first echo ", "datagrams of ", "NUMA domain", "worker slot"];
    check(&first, 0, &seen);
    let again = join(&fleet, &token);
    assert!(
        again.status.success(),
        "joining twice is nothing: {again:?}"
    );
    assert!(String::from_utf8_lossy(&again.stderr).contains("already"));
    let mut other = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
    other.arg("--data").arg(fleet.data(1).with_file_name("n3"));
    other.args([
        "join",
        &token,
        "--name",
        "n3",
        "--listen",
        "127.0.0.1:0",
        "--no-run",
    ]);
    let used = other.output().expect("rlm-node runs");
    check(&used, 4, &["used up", "token create", "[RLM-E0401]"]);
    let made = fleet.ctl(0, &["token", "create"]);
    let token = String::from_utf8(made.stdout).expect("text");
    let mut namesake = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
    namesake
        .env("RLM_TOKEN", token.trim())
        .arg("--data")
        .arg(fleet.data(1).with_file_name("n3"))
        .args(["join", "--name", "n1", "--no-run"])
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null());
    let refused = namesake.output().expect("rlm-node runs");
    let words = ["rlm-ctl remove NAME --dead", "[RLM-E0901]"];
    check(&refused, 9, &words);
}

/// So is a machine whose disk was wiped.
#[test]
fn a_node_of_no_cluster_says_so_and_what_to_do() {
    let mut fleet = Fleet::new(1);
    fleet.node(0, &["run"], "");
    let said = fleet.await_answer(0, &["status"]);
    assert_eq!(said.status.code(), Some(6), "{said:?}");
    for words in [["key", "list"], ["token", "list"]] {
        fleet.expect(0, &words, (6, "rlm-node join --token-file -"));
    }
    fleet.expect(0, &["nodes", "-o", "json"], (6, "\"code\":6"));
    fleet.expect(0, &["audit", "-o", "json"], (6, "\"error\":\"RLM-E0601\""));
    let log = std::fs::read_to_string(fleet.folder.path().join("n1.log")).expect("a log");
    let first = log.lines().next().unwrap_or_default();
    assert!(first.contains("of no cluster: `rlm-node init`"), "{log}");
}

/// What would stop it later is found before the token is used.
#[test]
fn a_join_that_cannot_work_says_why_and_uses_nothing_up() {
    let mut fleet = Fleet::new(2);
    fleet.node(0, &["init"], "");
    fleet.await_status(0, "the founder leads", |status| !status["leader"].is_null());
    let made = fleet.ctl(0, &["token", "create"]);
    let token = String::from_utf8(made.stdout).expect("text");
    let join = |fleet: &Fleet| {
        let mut command = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
        let listen = format!("127.0.0.1:{}", fleet.ports[1]);
        command.arg("--data").arg(fleet.data(1));
        command.args(["join", token.trim(), "--name", "n2", "--no-run"]);
        command.args(["--listen", &listen]);
        command.output().expect("rlm-node runs")
    };
    let taken = UdpSocket::bind(("127.0.0.1", fleet.ports[1])).expect("a port");
    let refused = join(&fleet);
    check(&refused, 1, &["cannot be used", "--listen", "[RLM-E0104]"]);
    drop(taken);
    fleet.kill(0);
    // Somebody swallows every packet, as a firewall does.
    let hole = UdpSocket::bind(("127.0.0.1", fleet.ports[0])).expect("the port is free again");
    let silent = join(&fleet);
    let words = ["UDP reaches it", "nothing was created", "[RLM-E0301]"];
    check(&silent, 3, &words);
    drop(hole);
    fleet.node(0, &["run"], "");
    fleet.await_status(0, "it leads again", |status| !status["leader"].is_null());
    let joined = join(&fleet);
    assert!(
        joined.status.success(),
        "the token is still good: {joined:?}"
    );
}

#[test]
fn a_folder_holds_one_node_and_one_process() {
    let mut fleet = Fleet::new(1);
    fleet.node(0, &["init"], "");
    fleet.await_status(0, "the founder leads", |status| !status["leader"].is_null());
    let mut init = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
    init.arg("--data")
        .arg(fleet.data(0))
        .args(["init", "--no-run"]);
    let twice = init.output().expect("rlm-node runs");
    assert_eq!(twice.status.code(), Some(9), "{twice:?}");
    let mut run = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
    run.arg("--data").arg(fleet.data(0)).arg("run");
    let second = run.output().expect("rlm-node runs");
    assert!(!second.status.success(), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        said.contains("cannot be used") || said.contains("uses the folder"),
        "{said}"
    );
}
