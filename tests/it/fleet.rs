//! Three nodes as processes on loopback: founded, joined by token, promoted; the leader is killed,
//! the others go on, and it comes back.

mod folders;
mod outages;
mod refusals;
mod tokens;
mod verbs;

use serde_json::Value;
use std::io::Write;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nodes of one test, killed when it ends.
struct Fleet {
    folder: tempfile::TempDir,
    nodes: Vec<Option<Child>>,
    ports: Vec<u16>,
}

impl Fleet {
    fn new(nodes: usize) -> Fleet {
        // Held together, so that no two are the same; freed before the nodes bind them.
        let sockets: Vec<UdpSocket> = (0..nodes)
            .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let ports = sockets
            .iter()
            .map(|socket| socket.local_addr().expect("bound").port());
        Fleet {
            folder: tempfile::tempdir_in("/tmp").expect("a folder with a short path"),
            ports: ports.collect(),
            nodes: (0..nodes).map(|_| None).collect(),
        }
    }

    fn data(&self, i: usize) -> PathBuf {
        self.folder.path().join(format!("n{}", i + 1))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let home = self.folder.path().join("home");
        command
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin");
        command
    }

    /// Starts `rlm-node VERB` in the node's folder, in the background.
    fn node(&mut self, i: usize, verb: &[&str], input: &str) {
        let (data, listen) = (self.data(i), format!("127.0.0.1:{}", self.ports[i]));
        let mut command = self.command(env!("CARGO_BIN_EXE_rlm-node"));
        command.arg("--data").arg(data).args(verb);
        if verb != ["run"] {
            command.args(["--name", &format!("n{}", i + 1), "--listen", &listen]);
        }
        let log = std::fs::File::create(self.folder.path().join(format!("n{}.log", i + 1)));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"));
        let mut child = command.spawn().expect("rlm-node starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin
            .write_all(input.as_bytes())
            .expect("the node reads its input");
        self.nodes[i] = Some(child);
    }

    /// Runs `rlm-node` in the node's folder to its end.
    fn run_node(&self, i: usize, words: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_rlm-node"));
        command.arg("--data").arg(self.data(i)).args(words);
        let ended = command.stdin(Stdio::null()).output();
        ended.expect("rlm-node runs")
    }

    /// A cluster of the first node alone.
    fn found(nodes: usize) -> Fleet {
        let mut fleet = Fleet::new(nodes);
        fleet.node(0, &["init"], "");
        fleet.await_status(0, "the founder leads", |status| !status["leader"].is_null());
        fleet
    }

    /// Makes a token; what it is called, and its secret line.
    fn token(&self, more: &[&str]) -> (String, String) {
        let words = [&["token", "create", "-o", "json"][..], more].concat();
        let made = self.expect(0, &words, (0, "rlm1."));
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let text = |key: &str| made[key].as_str().expect("a text").to_owned();
        (text("id"), text("token"))
    }

    /// Joins a node to its end, without running it.
    fn join(&self, i: usize, token: &str) -> Output {
        let name = format!("n{}", i + 1);
        let listen = format!("127.0.0.1:{}", self.ports[i]);
        let place = ["--name", &name, "--listen", &listen, "--no-run"];
        self.run_node(i, &[&["join", token][..], &place].concat())
    }

    fn kill(&mut self, i: usize) {
        let mut child = self.nodes[i].take().expect("it runs");
        child.kill().expect("kill -9");
        child.wait().expect("it is gone");
    }

    fn ctl(&self, i: usize, words: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_rlm-ctl"));
        command.arg("--data").arg(self.data(i)).args(words);
        command.output().expect("rlm-ctl runs")
    }

    /// The same, for a command that ends with this code and whose output and talk hold this word.
    #[track_caller]
    fn expect(&self, i: usize, words: &[&str], (code, word): (i32, &str)) -> Output {
        let output = self.ctl(i, words);
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {out}{err}");
        let both = format!("{out}{err}");
        assert!(both.contains(word), "{words:?}: no {word:?} in: {both}");
        output
    }

    fn status(&self, i: usize) -> Option<Value> {
        let output = self.ctl(i, &["status", "-o", "json"]);
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Asks until the node listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test waits for real processes"
    )]
    fn await_answer(&self, i: usize, words: &[&str]) -> Output {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = self.ctl(i, words);
            if output.status.code() != Some(3) || Instant::now() > end {
                return output;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Looks at a node's status until `good` is content.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test waits for real processes"
    )]
    fn await_status(&self, i: usize, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status(i);
            match &status {
                Some(status) if good(status) => return status.clone(),
                _ if Instant::now() > end => {
                    let log = self.folder.path().join(format!("n{}.log", i + 1));
                    let log = std::fs::read_to_string(log).unwrap_or_default();
                    panic!("{what}: {status:#?}\n{log}");
                }
                _ => std::thread::park_timeout(Duration::from_millis(100)),
            }
        }
    }

    /// Founds, joins two and promotes them.
    fn assemble() -> Fleet {
        let mut fleet = Fleet::found(3);
        let made = fleet.ctl(0, &["token", "create", "--uses", "2"]);
        assert!(made.status.success(), "{made:?}");
        let token = String::from_utf8(made.stdout).expect("text");
        assert!(
            token.starts_with("rlm1."),
            "the token alone is on standard output: {token}"
        );
        for i in 1..3 {
            fleet.node(i, &["join", "--token-file", "-"], &token);
        }
        fleet.await_status(0, "all three are ready to vote", |status| {
            let learners = |node: &&Value| node["part"] == "learner" && node["alive"] == true;
            nodes(status).iter().filter(learners).count() == 2
        });
        let promoted = fleet.ctl(0, &["promote", "--all"]);
        assert!(promoted.status.success(), "{promoted:?}");
        for i in 0..3 {
            fleet.await_status(i, "three voters, one may be lost", |status| {
                status["voters"] == 3 && status["can_lose"] == 1
            });
        }
        fleet
    }

    fn leader(&self, i: usize) -> Option<usize> {
        let status = self.status(i)?;
        let leader = nodes(&status)
            .into_iter()
            .find(|node| node["node"] == status["leader"])?;
        leader["name"]
            .as_str()?
            .strip_prefix('n')?
            .parse::<usize>()
            .ok()
            .map(|n| n - 1)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().flatten() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn nodes(status: &Value) -> Vec<Value> {
    status["nodes"].as_array().cloned().unwrap_or_default()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the figure is printed, and nothing is asserted of it: the machine may be busy"
)]
fn three_nodes_outlive_their_leader_and_it_comes_back() {
    let mut fleet = Fleet::assemble();
    let leader = fleet.leader(0).expect("somebody leads");
    let other = (leader + 1) % 3;
    let before = fleet.status(other).expect("a status")["leader"].clone();
    fleet.kill(leader);
    let killed = Instant::now();
    let after = fleet.await_status(other, "the others elect", |status| {
        !status["leader"].is_null() && status["leader"] != before
    });
    assert!(after["term"].as_u64() > Some(1), "a new term: {after:#}");
    let down = fleet.await_status(other, "the dead one is named", |status| {
        nodes(status)
            .iter()
            .any(|node| node["node"] == before && node["alive"] == false)
    });
    let took = killed.elapsed();
    println!("the view was right again {took:?} after the kill");
    assert_eq!(down["can_lose"], 0, "{down:#}");
    let set = fleet.ctl(other, &["settings", "jobs.model=other"]);
    assert!(set.status.success(), "two of three commit: {set:?}");
    fleet.node(leader, &["run"], "");
    let applied = fleet.status(other).expect("a status")["applied"].as_u64();
    fleet.await_status(leader, "it is back and knows what it missed", |status| {
        let alive = nodes(status).iter().all(|node| node["alive"] == true);
        status["can_lose"] == 1 && alive && status["applied"].as_u64() >= applied
    });
    fleet.expect(leader, &["settings"], (0, "other"));
}

/// A follower and then the leader: each is told that it is out, and the rest goes on.
#[test]
fn a_node_leaves_for_good() {
    let fleet = Fleet::assemble();
    let leader = fleet.leader(0).expect("somebody leads");
    let (follower, last) = ((leader + 1) % 3, (leader + 2) % 3);
    for (gone, left) in [(follower, 2), (leader, 1)] {
        let mut leave = fleet.command(env!("CARGO_BIN_EXE_rlm-node"));
        leave.arg("--data").arg(fleet.data(gone)).arg("leave");
        let told = leave.output().expect("rlm-node runs");
        assert!(told.status.success(), "{told:?}");
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains("this node has left"), "{told}");
        fleet.await_status(last, "one less", |status| {
            nodes(status).len() == left && status["voters"] == left
        });
    }
    let set = fleet.ctl(last, &["settings", "jobs.model=other"]);
    assert!(set.status.success(), "the last one commits alone: {set:?}");
}

/// A plain look is this node's own and says so; `--confirm` asks the leader. What else can be asked
/// for and changed is, on the same nodes.
#[test]
fn a_status_says_whether_the_leader_confirmed_it() {
    let fleet = Fleet::assemble();
    let leader = fleet.leader(0).expect("somebody leads");
    let other = (leader + 1) % 3;
    let own = fleet.status(other).expect("a status");
    assert_eq!(own["confirmed"], false, "{own:#}");
    assert_eq!(own["can_lose"], 1, "{own:#}");
    let asked = fleet.ctl(other, &["status", "--confirm", "-o", "json"]);
    let asked: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
    assert_eq!(asked["confirmed"], true, "{asked:#}");
    let lag = |status: &Value| {
        let known = |node: &&Value| !node["behind"].is_null();
        nodes(status).iter().filter(known).count()
    };
    assert_eq!((lag(&own), lag(&asked)), (0, 2), "only the leader knows");
    let text = fleet.ctl(other, &["status"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("as this node last heard: entry "), "{text}");
    let text = fleet.ctl(other, &["status", "--confirm"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("confirmed by a majority: entry "), "{text}");
    verbs::check_looks(&fleet, other);
    verbs::check_changes(&fleet, leader);
}

#[test]
fn a_version_is_on_two_nodes_and_is_rolled_back_after_one_of_them_died() {
    let mut fleet = Fleet::assemble();
    let weights = |i: u8| {
        let path = fleet.folder.path().join(format!("weights-{i}"));
        std::fs::write(&path, vec![i; 3 << 20]).expect("written");
        path.display().to_string()
    };
    let files = [weights(1), weights(2)];
    let add = |words: &[&str]| {
        let common = ["registry", "add", "adapter", "-o", "json", "--file"];
        let made = fleet.ctl(0, &[&common[..], words].concat());
        assert!(made.status.success(), "{made:?}");
        serde_json::from_slice::<Value>(&made.stdout).expect("JSON")
    };
    let first = add(&[files[0].as_str(), "--metric", "accuracy=0.91"]);
    let second = add(&[files[1].as_str(), "--parent", "1"]);
    assert_eq!(first["version"], 1, "{first:#}");
    assert_eq!(second["version"], 2, "{second:#}");
    let holders: Vec<&str> = second["holders"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(holders.len(), 2, "{second:#}");
    for holder in holders {
        let data = fleet.folder.path().join(holder).join("blobs");
        let file = data.join(second["hash"].as_str().expect("a hash"));
        let bytes = std::fs::read(&file).expect("it is on the holder's disk");
        assert_eq!(bytes, vec![2; 3 << 20], "{}", file.display());
    }
    for version in ["1", "2"] {
        let served = fleet.ctl(1, &["registry", "promote", "adapter", version]);
        assert!(served.status.success(), "{served:?}");
    }
    fleet.kill(0);
    fleet.await_status(1, "the others elect", |status| {
        !status["leader"].is_null() && status["can_lose"] == 0
    });
    let back = fleet.ctl(1, &["registry", "rollback", "adapter"]);
    let said = String::from_utf8_lossy(&back.stderr).into_owned();
    assert!(said.contains("serves version 1"), "{said}");
    let missing = fleet.ctl(1, &["registry", "add", "adapter", "--file", "/none/such"]);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
}

/// Longest wait for a state that a loaded machine reaches late.
const PATIENCE: Duration = Duration::from_secs(60);
