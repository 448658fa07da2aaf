//! A tiny model in a folder, and short ways to ask it.

use base::Message;
use engine::{CancellationToken, ChatRequest, Engine, EngineError, Reply, Sampling, discard};
use engine_llama::{LlamaEngine, LlamaOptions, TinyModel, write_tiny_model};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Far beyond what any of these calls needs, even on a crowded machine.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(TinyModel::default())
    }

    pub(crate) fn with(model: TinyModel) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        write_tiny_model(&model, &folder.path().join("tiny.gguf")).unwrap();
        Bench { folder }
    }

    pub(crate) fn options(&self) -> LlamaOptions {
        let model = self.folder.path().join("tiny.gguf");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_llama-worker"));
        let mut options = LlamaOptions::new(model, program, Vec::new(), 1);
        options.window = 512;
        options.cells = 2048;
        options.warm_cells = 1024;
        options.slots = 4;
        options.spare = 2;
        options.pinned = 2;
        options.chunk = 64;
        options.chunk_beside_decode = 32;
        options.restart_backoff = Duration::from_millis(1);
        options
    }

    pub(crate) async fn open(&self) -> LlamaEngine {
        LlamaEngine::open(self.options()).await.unwrap()
    }

    /// With room for a long reply.
    pub(crate) async fn open_wide(&self) -> LlamaEngine {
        let mut options = self.options();
        options.window = 4096;
        options.cells = 8192;
        LlamaEngine::open(options).await.unwrap()
    }
}

pub(crate) fn request(question: &str, max_tokens: u32) -> ChatRequest {
    ChatRequest {
        messages: vec![Message::user(question)],
        prefill: None,
        sampling: Sampling {
            max_tokens,
            ..Sampling::default()
        },
        grammar: None,
        shared_prefix: 0,
    }
}

pub(crate) fn grammar(grammar: &str) -> ChatRequest {
    ChatRequest {
        grammar: Some(grammar.into()),
        ..request("Go on.", 200)
    }
}

pub(crate) async fn chat(
    engine: &LlamaEngine,
    request: &ChatRequest,
) -> Result<Reply, EngineError> {
    engine
        .chat(request, &mut discard(), LONG, &CancellationToken::new())
        .await
}

pub(crate) fn kill(pid: u32) {
    let status = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Runs the worker on `input`; its status and what it wrote to stderr.
pub(crate) async fn within(input: &[u8]) -> (Option<i32>, String) {
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_llama-worker"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
