//! Asks a GGUF model one question through the child process and shows what it cost.
//!
//! `cargo run -p engine-llama --example ask -- MODEL.gguf "question" [prefill]`

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows what it does"
)]

use engine::{CancellationToken, ChatRequest, Engine, Sampling};
use engine_llama::{LlamaEngine, LlamaOptions, worker_main};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == WORKER) {
        return worker_main();
    }
    let [model, question, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: ask MODEL.gguf QUESTION [PREFILL]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(ask(model, question, rest.first().cloned()));
    ExitCode::SUCCESS
}

async fn ask(model: &str, question: &str, prefill: Option<String>) {
    let program = std::env::current_exe().expect("our own path");
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let mut options = LlamaOptions::new(PathBuf::from(model), program, vec![WORKER.into()], cores);
    options.prefix_store = std::env::temp_dir().join("rlm-ask-prefixes").into();
    let engine = LlamaEngine::open(options).await.expect("the model opens");
    println!("{:?}", engine.facts().await);
    let request = ChatRequest {
        messages: vec![
            base::Message::system("You are a helpful assistant. Answer in one short sentence."),
            base::Message::user(question),
        ],
        prefill,
        sampling: Sampling {
            max_tokens: 64,
            ..Sampling::default()
        },
        grammar: None,
        shared_prefix: 1,
    };
    let mut sink = |text: &str| {
        print!("{text}");
        std::io::stdout().flush().is_ok()
    };
    for _ in 0..2 {
        let cancel = CancellationToken::new();
        let reply = engine
            .chat(&request, &mut sink, Duration::from_secs(300), &cancel)
            .await;
        println!("\n{reply:#?}");
    }
}

const WORKER: &str = "worker";
