//! What a command comes to when nobody is there to do it, or whoever was asked goes away.

use super::*;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

/// The last one still tells what it knows, and takes nothing; with a majority it does again.
#[test]
fn without_a_majority_nothing_is_taken_and_all_can_be_read() {
    let mut fleet = Fleet::assemble();
    let last = fleet.leader(0).expect("somebody leads");
    let others = [(last + 1) % 3, (last + 2) % 3];
    for other in others {
        fleet.kill(other);
    }
    fleet.await_status(last, "the majority is missed", |status| {
        status["can_lose"].as_i64().is_some_and(|left| left < 0)
    });
    let set = ["settings", "cluster.name=attic", "-o", "json"];
    let refused = fleet.expect(last, &set, (5, "bring back a majority"));
    let refused: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!(refused["error"]["code"], 5, "{refused:#}");
    fleet.expect(last, &["status"], (5, "read-only"));
    fleet.expect(last, &["audit"], (0, "founded cluster"));
    fleet.node(others[0], &["run"], "");
    fleet.await_status(last, "two of three agree", |status| {
        status["can_lose"] == 0 && status["cluster_name"] == "lab"
    });
    fleet.expect(last, &set[..2], (0, "attic"));
}

/// Raft's last word would still name the dead one.
#[test]
fn a_follower_that_is_left_alone_names_no_leader() {
    let mut fleet = Fleet::assemble();
    let leader = fleet.leader(0).expect("somebody leads");
    let last = (leader + 1) % 3;
    fleet.kill(leader);
    fleet.kill((leader + 2) % 3);
    fleet.await_status(last, "nobody is in reach", |status| {
        status["leader"].is_null()
    });
    fleet.expect(last, &["status"], (5, "read-only"));
}

/// Something that listens where the node would: takes one request, says these words and goes.
fn stand_in(fleet: &Fleet, words: &'static str) -> JoinHandle<String> {
    let data = fleet.data(0);
    std::fs::create_dir_all(&data).expect("a folder");
    let socket = UnixListener::bind(data.join("api.sock")).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().expect("rlm-ctl asks");
        let (mut asked, mut piece) = (String::new(), [0; 4096]);
        while !asked.ends_with("\"attic\"}") {
            let read = stream.read(&mut piece).expect("a request");
            assert!(read > 0, "no whole request: {asked}");
            asked.push_str(&said(&piece[..read]));
        }
        stream.write_all(words.as_bytes()).expect("it listens");
        asked
    })
}

/// Asks for a change, and looks at what was asked.
#[track_caller]
fn check(words: &'static str, ends: (i32, &str)) {
    let fleet = Fleet::new(1);
    let node = stand_in(&fleet, words);
    fleet.expect(0, &["settings", "cluster.name=attic"], ends);
    let asked = node.join().expect("it was asked");
    let wanted = "PUT /v1/cluster/settings/cluster.name ";
    assert!(asked.starts_with(wanted), "{asked}");
}

#[test]
fn what_was_sent_and_not_answered_may_be_done_and_is_called_unknown() {
    check("", (10, "repeat the command"));
    check("HTTP/1.1 200 OK\r\ncontent-le", (10, "repeat the command"));
}

#[test]
fn an_answer_of_another_version_is_called_that() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"w\":1}";
    check(answer, (11, "another version"));
}
