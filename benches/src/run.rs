//! Asks one question through `rlm-ctl submit`, as a child process: its stderr goes through, so
//! that a person sees the trajectory; its stdout is one JSON object. A child that hangs is killed
//! at the time limit; one that dies, or writes something else, is a wrong answer with a reason.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::question::Question;

/// Most bytes of a child's stdout that are read: an answer is far smaller.
const MAX_STDOUT: u64 = 8 * 1024 * 1024;

/// How often a running child is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long a finished child's stdout may stay open (a grandchild can hold it).
const STDOUT_GRACE: Duration = Duration::from_secs(2);

/// How to start the program.
#[derive(Clone, Debug)]
pub struct Launcher {
    pub program: PathBuf,
    /// Before `submit`; for a program that is itself started by another.
    pub first_args: Vec<OsString>,
    pub model: Option<String>,
    pub sub_model: Option<String>,
    pub timeout: Duration,
}

/// What came of one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub answer: Option<String>,
    pub ending: Option<String>,
    /// Why there is no answer.
    pub fault: Option<String>,
    /// From start to exit, model load included.
    pub seconds: f64,
    /// Of that, what the program itself counted for the job.
    pub job_seconds: Option<f64>,
    pub turns: Option<u64>,
    pub sub_calls: Option<u64>,
    pub tokens: Option<u64>,
}

/// Runs the question to its end or the time limit.
pub fn ask(launcher: &Launcher, question: &Question, folder: &Path) -> Asked {
    let mut command = Command::new(&launcher.program);
    command.args(&launcher.first_args).arg("submit");
    for file in &question.context {
        command.arg("--context").arg(folder.join(file));
    }
    for (flag, model) in [
        ("--model", &launcher.model),
        ("--sub-model", &launcher.sub_model),
    ] {
        if let Some(model) = model {
            command.arg(flag).arg(model);
        }
    }
    command.args(["-o", "json"]).arg(&question.question);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let start = now();
    let mut asked = match command.spawn() {
        Ok(child) => collect(child, start, launcher.timeout),
        Err(error) => faulty(format!(
            "cannot start {}: {error}",
            launcher.program.display()
        )),
    };
    asked.seconds = start.elapsed().as_secs_f64();
    asked
}

#[expect(
    clippy::disallowed_methods,
    reason = "the shell that owns the child measures its time"
)]
fn now() -> Instant {
    Instant::now()
}

fn faulty(fault: String) -> Asked {
    Asked {
        fault: Some(fault),
        ..Asked::default()
    }
}

fn collect(mut child: Child, start: Instant, timeout: Duration) -> Asked {
    let stdout = read_apart(&mut child);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < timeout => std::thread::sleep(POLL),
            Ok(None) => return faulty(kill(&mut child, timeout)),
            Err(error) => return faulty(format!("cannot wait for the program: {error}")),
        }
    };
    let text = stdout.recv_timeout(STDOUT_GRACE).unwrap_or_default();
    read_outcome(&String::from_utf8_lossy(&text), &describe(status))
}

/// Reads stdout in a thread of its own, so that a full pipe cannot stop the child.
fn read_apart(child: &mut Child) -> Receiver<Vec<u8>> {
    let (send, receive) = sync_channel(1);
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before a fault still counts; the receiver may be gone after a kill.
            if stdout.take(MAX_STDOUT).read_to_end(&mut text).is_ok() || !text.is_empty() {
                send.send(text).ok();
            }
        });
    }
    receive
}

fn kill(child: &mut Child, timeout: Duration) -> String {
    let limit = format!("stopped at the limit of {} s", timeout.as_secs_f64());
    match child.kill().and_then(|()| child.wait()) {
        Ok(_) => limit,
        Err(error) => format!("{limit}, and could not be killed: {error}"),
    }
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => format!("{status}"),
    }
}

/// Reads the JSON object of `submit -o json`: the whole of stdout, else its last line that is one.
/// Only `answer` is needed; a missing figure stays unknown.
pub(crate) fn read_outcome(stdout: &str, status: &str) -> Asked {
    let object = |text: &str| {
        serde_json::from_str::<Value>(text.trim())
            .ok()
            .filter(serde_json::Value::is_object)
    };
    let Some(value) = object(stdout).or_else(|| stdout.lines().rev().find_map(object)) else {
        return faulty(format!("no JSON object on stdout ({status})"));
    };
    let answer = match value.get("answer") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let ending = value.get("ending").map(plain);
    let fault = match &answer {
        Some(_) => None,
        None => {
            let reason = value
                .get("reason")
                .or_else(|| value.get("error"))
                .map(plain);
            let said: Vec<String> = ending.iter().cloned().chain(reason).collect();
            Some(format!("no answer: {} ({status})", said.join(", ")))
        }
    };
    let tally = value.get("tally").cloned().unwrap_or_default();
    let count = |name: &str| tally.get(name).and_then(Value::as_u64);
    Asked {
        answer,
        ending,
        fault,
        seconds: 0.0,
        job_seconds: value.get("seconds").and_then(Value::as_f64),
        turns: count("turns"),
        sub_calls: count("sub_calls"),
        tokens: tokens(&tally),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Prompt and written tokens of root and sub-calls together.
fn tokens(tally: &Value) -> Option<u64> {
    let usages = ["root_usage", "sub_usage"]
        .iter()
        .filter_map(|name| tally.get(*name));
    let mut counts = usages
        .flat_map(|usage| ["prompt_tokens", "completion_tokens"].map(|name| usage.get(name)))
        .flatten()
        .filter_map(Value::as_u64)
        .peekable();
    counts.peek()?;
    Some(counts.sum())
}

#[cfg(test)]
mod tests;
