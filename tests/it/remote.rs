//! A node asked from elsewhere, by the real programs: over TCP with TLS, with a key or with an
//! administrator's certificate, and with nothing else.

use crate::ctl::{Home, Run, free_address};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// A cluster of one whose API listens on TCP, killed when the test ends.
struct Remote {
    home: Home,
    node: Child,
    url: String,
    // Kept open, so that the node can say more.
    _said: BufReader<std::process::ChildStderr>,
}

impl Remote {
    fn start() -> Remote {
        let home = Home::new();
        let (data, listen) = (home.path("n1").display().to_string(), free_address());
        let mut node = home
            .node_verb(&["--data", &data, "init", "--name", "n1", "--listen", &listen])
            .env("RLM_API_LISTEN", "127.0.0.1:0")
            .stderr(Stdio::piped())
            .spawn()
            .expect("rlm-node starts");
        let mut said = BufReader::new(node.stderr.take().expect("a pipe"));
        let mut url = None;
        loop {
            let mut line = String::new();
            let read = said.read_line(&mut line).expect("a line");
            assert!(read > 0, "the node ended");
            if let Some(found) = line.trim().strip_prefix("asked from elsewhere at ") {
                url = Some(found.to_owned());
            }
            if line.contains("runs at") {
                break;
            }
        }
        let url = url.expect("the node says where it is asked");
        Remote {
            home,
            node,
            url,
            _said: said,
        }
    }

    fn data(&self, name: &str) -> String {
        self.home.path(name).display().to_string()
    }

    /// Asks over the socket.
    fn local(&self, words: &[&str]) -> Run {
        let data = self.data("n1");
        let words: Vec<&str> = [&["--data", &data], words].concat();
        self.home.run(&words)
    }

    /// Asks over TCP.
    fn remote(&self, key: Option<&str>, words: &[&str]) -> Run {
        let words: Vec<&str> = [&["--connect", &self.url], words].concat();
        let mut command = self.home.command(&words);
        if let Some(key) = key {
            command.env("RLM_API_KEY", key);
        }
        Run::of(command.output().expect("rlm-ctl starts"))
    }

    /// Joins with a token of these roles, and returns the folder of its identity.
    fn member(&self, name: &str, roles: &str) -> String {
        let made = self.local(&["token", "create", "--role", roles]);
        made.expect(0, &[]);
        let data = self.data(name);
        let token = made.out.trim();
        let listen = free_address();
        let words = [
            "--data", &data, "join", token, "--name", name, "--listen", &listen,
        ];
        let joined = self.home.node_verb(&words).arg("--no-run").output();
        Run::of(joined.expect("rlm-node starts")).expect(0, &["is a member"]);
        format!("{data}/identity")
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.node.kill());
        drop(self.node.wait());
    }
}

#[test]
fn keys_open_a_node_from_elsewhere_until_they_are_revoked() {
    let remote = Remote::start();
    remote.local(&["key", "list"]).expect(0, &["no keys"]);
    let made = remote.local(&["key", "create", "laptop"]);
    made.expect(0, &["rlmk1.", "--pin "]);
    let key = made.out.trim();
    let pin = made.err.split("--pin ").nth(1).expect("a pin");
    let pin = pin.split_whitespace().next().expect("a pin");
    let seen = remote.remote(Some(key), &["--pin", pin, "status", "-o", "json"]);
    seen.expect(0, &[]);
    assert_eq!(seen.json()["cluster_name"], "lab");
    let chain = format!("{}/identity/node.pem", remote.data("n1"));
    remote
        .remote(Some(key), &["--ca", &chain, "nodes"])
        .expect(0, &["n1", "leader"]);
    let file = remote.home.file("key", format!("{key}\n"));
    let file = file.to_str().expect("text");
    remote
        .remote(None, &["--pin", pin, "--key-file", file, "nodes"])
        .expect(2, &["chmod 600"]);
    node_config::restrict_file(file.as_ref()).expect("0600");
    remote
        .remote(None, &["--pin", pin, "--key-file", file, "key", "list"])
        .expect(0, &["laptop"]);
    let wrong = key.replace(|c: char| c.is_ascii_digit(), "0");
    remote
        .remote(Some(&wrong), &["--pin", pin, "nodes"])
        .expect(4, &["not one of this node's", "key create"]);
    let id = key.split('.').nth(1).expect("an id");
    remote
        .remote(Some(key), &["--pin", pin, "key", "revoke", id])
        .expect(0, &["revoked"]);
    remote
        .remote(Some(key), &["--pin", pin, "nodes"])
        .expect(4, &["revoked"]);
}

#[test]
fn the_roots_certificate_is_exported_and_is_what_clients_check() {
    let remote = Remote::start();
    let made = remote.local(&["key", "create", "laptop"]);
    let key = made.out.trim();
    let root = remote.local(&["ca", "export"]);
    root.expect(0, &["for --pin"]);
    let (begin, end) = (
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
    );
    assert!(root.out.starts_with(begin) && root.out.ends_with(end));
    let blocks = root.out.matches("-----BEGIN").count();
    assert_eq!(blocks, 1, "the root alone, and no key: {}", root.out);
    let hash = root.err.trim().rsplit(' ').next().expect("a hash");
    let file = remote.home.file("root.pem", &root.out);
    let file = file.to_str().expect("text");
    let words = ["--ca", file, "ca", "export", "-o", "json"];
    let asked = remote.remote(Some(key), &words);
    asked.expect(0, &[]);
    assert_eq!(asked.json()["root"], hash, "{}", asked.out);
    assert_eq!(asked.json()["pem"], root.out, "{}", asked.out);
    remote
        .remote(Some("rlmk1.none"), &["--pin", hash, "ca", "export"])
        .expect(4, &["[RLM-E0406]", "key create"]);
}

#[test]
fn what_is_missing_for_a_secure_connection_is_named() {
    let remote = Remote::start();
    let other = "0".repeat(64);
    remote.remote(Some("k"), &["nodes"]).expect(2, &["--pin"]);
    remote
        .remote(None, &["--pin", &other, "nodes"])
        .expect(2, &["there is no key", "RLM_API_KEY", "--key-file"]);
    remote
        .remote(Some("k"), &["--pin", &other, "nodes"])
        .expect(4, &["no secure connection", "--pin"]);
    let plain = remote.url.replace("https", "http");
    remote
        .home
        .run(&["--connect", &plain, "nodes"])
        .expect(2, &["never asked without TLS", "https://"]);
    remote
        .home
        .run(&["--connect", "https://box", "--pin", &other, "nodes"])
        .expect(2, &["HOST:PORT"]);
}

#[test]
fn an_administrators_certificate_opens_and_a_workers_does_not() {
    let remote = Remote::start();
    let admin = remote.member("admin", "client-admin");
    remote
        .remote(None, &["--identity", &admin, "nodes"])
        .expect(0, &["n1"]);
    let worker = remote.member("worker", "worker");
    remote
        .remote(None, &["--identity", &worker, "nodes"])
        .expect(4, &["worker", "client-admin is needed"]);
}

#[test]
fn a_node_without_a_cluster_does_not_listen() {
    let home = Home::new();
    let refused = home
        .node_command()
        .env("RLM_API_LISTEN", "127.0.0.1:0")
        .output();
    Run::of(refused.expect("rlm-node starts")).expect(2, &["api.listen", "rlm-node init"]);
}
