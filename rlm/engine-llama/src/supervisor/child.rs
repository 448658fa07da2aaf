//! One child process: its pipes, its last words, and what it died of.

use crate::frames::{FromWorker, LoadSpec, Loaded, ToWorker, read_frame_async, write_frame_async};
use crate::options::LlamaOptions;
use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub(super) struct Child {
    process: tokio::process::Child,
    pid: u32,
    frames: mpsc::Receiver<FromWorker>,
    writer: mpsc::Sender<ToWorker>,
    last_words: JoinHandle<VecDeque<String>>,
}

/// Why a child is gone, or never came.
#[derive(Debug)]
pub(crate) struct Death {
    pub(crate) reason: String,
    /// It never ran: the program could not be started.
    pub(crate) not_started: bool,
}

impl Child {
    /// Starts the program and waits until it has the model.
    pub(super) async fn start(
        options: &LlamaOptions,
        spec: &LoadSpec,
    ) -> Result<(Child, Loaded), Death> {
        let mut child = Child::spawn(options)?;
        child.send(ToWorker::Load(spec.clone()));
        let answer = tokio::time::timeout(options.load_timeout, child.next()).await;
        match answer {
            Ok(Some(FromWorker::Loaded(loaded))) => Ok((child, loaded)),
            Ok(Some(FromWorker::LoadFailed { reason })) => {
                let death = child.bury().await;
                let reason = match death.reason.split_once(": ") {
                    Some((_, words)) => format!("{reason}: {words}"),
                    None => reason,
                };
                Err(Death {
                    reason,
                    not_started: false,
                })
            }
            Ok(_) => Err(child.bury().await),
            Err(_) => {
                let seconds = options.load_timeout.as_secs();
                child.bury().await;
                let reason = format!("the model was not loaded within {seconds} s");
                Err(Death {
                    reason,
                    not_started: false,
                })
            }
        }
    }

    fn spawn(options: &LlamaOptions) -> Result<Child, Death> {
        let failed = |reason: String| Death {
            reason,
            not_started: true,
        };
        let mut process = Command::new(&options.program)
            .args(&options.args)
            // An abort would start a debugger to print its stack; the message is what we need.
            .env("GGML_NO_BACKTRACE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is the parent's to handle.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(pid), (Some(stdin), Some(stdout), Some(stderr))) = (process.id(), pipes) else {
            return Err(failed("it ended before it began".into()));
        };
        let (frame_sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let (writer, to_write) = mpsc::channel(options.max_calls as usize * 2 + 1);
        tokio::spawn(read_frames(stdout, frame_sender));
        tokio::spawn(write_frames(stdin, to_write));
        let last_words = tokio::spawn(listen(stderr));
        Ok(Child {
            process,
            pid,
            frames,
            writer,
            last_words,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The next frame; `None` when the child is gone or speaks nonsense.
    pub(super) async fn next(&mut self) -> Option<FromWorker> {
        self.frames.recv().await
    }

    /// `false`: the child does not take frames any more.
    pub(super) fn send(&mut self, frame: ToWorker) -> bool {
        self.writer.try_send(frame).is_ok()
    }

    /// Makes sure that the child is dead and tells what it died of.
    pub(super) async fn bury(mut self) -> Death {
        drop(self.writer);
        // A child that closed its pipe ends by itself; one that hangs is killed.
        let ended = tokio::time::timeout(GRACE, self.process.wait()).await;
        let cause = match ended {
            Ok(Ok(status)) => cause(status),
            Ok(Err(error)) => format!("its end could not be observed ({error})"),
            Err(_) => match self.process.kill().await {
                Ok(()) => "it hung and was killed".to_owned(),
                Err(error) => format!("it hung and could not be killed ({error})"),
            },
        };
        let words = tokio::time::timeout(GRACE, self.last_words).await;
        let words = words.ok().and_then(Result::ok).unwrap_or_default();
        let words: Vec<String> = words.into();
        let reason = if words.is_empty() {
            cause
        } else {
            format!("{cause}: {}", words.join("; "))
        };
        Death {
            reason,
            not_started: false,
        }
    }
}

async fn read_frames(stdout: ChildStdout, frames: mpsc::Sender<FromWorker>) {
    let mut input = BufReader::new(stdout);
    loop {
        match read_frame_async(&mut input).await {
            Ok(Some(frame)) => {
                if frames.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the model's process does not speak the protocol");
                return;
            }
        }
    }
}

async fn write_frames(mut stdin: ChildStdin, mut frames: mpsc::Receiver<ToWorker>) {
    while let Some(frame) = frames.recv().await {
        if let Err(error) = write_frame_async(&mut stdin, &frame).await {
            tracing::debug!(%error, "the model's process does not take frames");
            return;
        }
    }
}

/// Keeps the last lines of stderr.
async fn listen(stderr: ChildStderr) -> VecDeque<String> {
    let mut kept = VecDeque::new();
    let mut input = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await;
        if !matches!(read, Ok(1..)) {
            return kept;
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        // llama.cpp shows progress as dots.
        if text.is_empty() || text.bytes().all(|b| b == b'.') {
            continue;
        }
        tracing::debug!(line = %text, "llama.cpp");
        kept.push_back(text);
        if kept.len() > LAST_LINES {
            kept.pop_front();
        }
    }
}

fn cause(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else {
        return match status.code() {
            Some(code) => format!("it ended with status {code}"),
            None => "it ended".to_owned(),
        };
    };
    let meaning = match signal {
        libc::SIGABRT => " (SIGABRT: an assertion failed in llama.cpp)",
        libc::SIGKILL => " (SIGKILL: out of memory, or somebody killed it)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGBUS => " (SIGBUS: the model file became shorter while it was in use?)",
        libc::SIGILL => " (SIGILL: this build uses instructions that the CPU lacks)",
        _ => "",
    };
    format!("it was ended by signal {signal}{meaning}")
}

/// Frames read ahead of the supervisor.
const FRAMES_AHEAD: usize = 1024;
/// Lines of stderr that explain a death.
const LAST_LINES: usize = 12;
/// Bytes of one such line.
const MAX_LINE_BYTES: u64 = 400;
/// How long a child may take to end once its pipes are closed.
const GRACE: Duration = Duration::from_secs(2);
