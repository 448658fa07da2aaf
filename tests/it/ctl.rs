//! Runs `rlm-ctl` as a process, with folders of its own, and reads what it says.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_rlm-ctl"), args)
    }

    pub(crate) fn node_command(&self) -> Command {
        self.node_verb(&["run"])
    }

    pub(crate) fn node_verb(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_rlm-node"), args)
    }

    /// `rlm-node run`, once it listens.
    pub(crate) fn node(&self) -> Child {
        let mut node = self
            .node_command()
            .stderr(Stdio::piped())
            .spawn()
            .expect("rlm-node starts");
        let mut said = BufReader::new(node.stderr.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("a line");
        assert!(line.starts_with("listening on "), "{line}");
        node.stderr = Some(said.into_inner());
        node
    }

    /// `rlm-node init`, once the member of a cluster of its own listens.
    pub(crate) fn member(&self) -> Child {
        let listen = free_address();
        let mut node = self
            .node_verb(&["init", "--name", "n1", "--listen", &listen])
            .stderr(Stdio::piped())
            .spawn()
            .expect("rlm-node starts");
        let mut said = BufReader::new(node.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains(" runs at ") {
            line.clear();
            let read = said.read_line(&mut line).expect("a line");
            assert!(read > 0, "the node ended");
        }
        node.stderr = Some(said.into_inner());
        node
    }

    fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            // The REPL's Python is compiled once for all tests of a machine.
            .env("XDG_CACHE_HOME", shared_cache())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("RLM_CACHE_ENABLED", "false")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().expect("rlm-ctl starts"))
    }

    /// Runs with these bytes on standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rlm-ctl starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        pipe.write_all(input).expect("the program reads it");
        drop(pipe);
        Run::of(child.wait_with_output().expect("an end"))
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rlm-ctl starts")
    }
}

/// A free UDP address of this machine; the node binds it a moment later.
pub(crate) fn free_address() -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("bound").to_string()
}

fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Run {
        Run {
            code: output.status.code().expect("rlm-ctl ended by itself"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Fails with everything that the program said.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.out, self.err
        );
        let said = format!("{}{}", self.out, self.err);
        for word in words {
            assert!(said.contains(word), "no {word:?} in: {said}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: stdout: {}\nstderr: {}", self.out, self.err))
    }
}
