//! What a node refuses at its door, and what it says then.

use super::*;

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
    let said = String::from_utf8_lossy(&cut.stderr).into_owned();
    assert_eq!(cut.status.code(), Some(2), "{said}");
    assert!(said.contains("not copied whole"), "{said}");
    let first = join(&fleet, &token);
    assert!(first.status.success(), "{first:?}");
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
    let said = String::from_utf8_lossy(&used.stderr).into_owned();
    assert_eq!(used.status.code(), Some(4), "{said}");
    assert!(
        said.contains("used up") && said.contains("token create"),
        "{said}"
    );
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
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(9), "{said}");
    assert!(said.contains("rlm-ctl remove NAME --dead"), "{said}");
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
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot be used") && said.contains("--listen"),
        "{said}"
    );
    drop(taken);
    fleet.kill(0);
    // Somebody swallows every packet, as a firewall does.
    let hole = UdpSocket::bind(("127.0.0.1", fleet.ports[0])).expect("the port is free again");
    let silent = join(&fleet);
    let said = String::from_utf8_lossy(&silent.stderr).into_owned();
    assert_eq!(silent.status.code(), Some(3), "{said}");
    assert!(
        said.contains("UDP reaches it") && said.contains("nothing was created"),
        "{said}"
    );
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
