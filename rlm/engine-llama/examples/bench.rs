//! How fast a GGUF model runs here: prefill and decode, 1 to 8 calls at once, all cores but one
//! against all, and the kinds of KV memory. Every variant runs in its own child, one after the
//! other in rounds, so that whatever else the machine does hits all of them alike; read the
//! medians. Tokens per CPU-second hold on a busy machine, wall times do not.
//!
//! `cargo run -p engine-llama --example bench -- MODEL.gguf [ROUNDS] [PROMPT] [REPLY]` (tokens)

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its figures"
)]

use base::Message;
use engine::{CancellationToken, ChatRequest, Engine, Reply, Sampling, discard};
use engine_llama::{KvType, LlamaEngine, LlamaOptions, worker_main};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == WORKER) {
        return worker_main();
    }
    let Some(model) = arguments.first() else {
        eprintln!("usage: bench MODEL.gguf [ROUNDS] [PROMPT_TOKENS] [REPLY_TOKENS]");
        return ExitCode::from(2);
    };
    let number = |i: usize, or: u32| arguments.get(i).and_then(|a| a.parse().ok()).unwrap_or(or);
    let size = Size {
        rounds: number(1, 3),
        prompt: number(2, 256),
        reply: number(3, 24),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(run(PathBuf::from(model), &size));
    ExitCode::SUCCESS
}

struct Size {
    rounds: u32,
    prompt: u32,
    reply: u32,
}

/// (prefill tokens per CPU-second, decode tokens per CPU-second, the same per wall second)
type Figures = [f64; 4];

async fn run(model: PathBuf, size: &Size) {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let mut found: BTreeMap<String, Vec<Figures>> = BTreeMap::new();
    for _ in 0..size.rounds {
        for (name, options, calls) in variants(&model, cores) {
            let figures = measure(options, calls, size).await;
            found.entry(name).or_default().push(figures);
        }
    }
    println!(
        "{:34} {:>9} {:>9} {:>9} {:>9}",
        "median of rounds", "pre/cpu", "dec/cpu", "pre/s", "dec/s"
    );
    for (name, all) in found {
        let median = |i: usize| {
            let mut values: Vec<f64> = all.iter().map(|f| f[i]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!(
            "{name:34} {:9.1} {:9.1} {:9.1} {:9.1}",
            median(0),
            median(1),
            median(2),
            median(3)
        );
    }
}

fn variants(model: &Path, cores: u32) -> Vec<(String, LlamaOptions, u32)> {
    let base = |threads: u32| {
        let program = std::env::current_exe().expect("our own path");
        let mut options =
            LlamaOptions::new(model.to_path_buf(), program, vec![WORKER.into()], cores);
        options.threads = threads;
        options
    };
    let few = cores.saturating_sub(1).max(1);
    let mut all = Vec::new();
    for calls in [1, 2, 4, 8] {
        all.push((format!("{few} threads, {calls} calls"), base(few), calls));
    }
    for calls in [1, 8] {
        all.push((
            format!("{cores} threads, {calls} calls"),
            base(cores),
            calls,
        ));
    }
    let mut flash = base(few);
    flash.flash_attention = true;
    all.push((
        format!("{few} threads, 1 calls, f16 + FA"),
        flash.clone(),
        1,
    ));
    flash.kv = KvType::Q8_0;
    all.push((format!("{few} threads, 1 calls, q8_0 + FA"), flash, 1));
    let mut repacked = base(few);
    repacked.extra_bufts = Some(true);
    all.push((format!("{few} threads, 1 calls, repacked"), repacked, 1));
    all
}

async fn measure(options: LlamaOptions, calls: u32, size: &Size) -> Figures {
    let engine = LlamaEngine::open(options).await.expect("the model opens");
    // Touches every weight once.
    ask(&engine, "Hello", 1).await;
    let words = "the list of items on row ".repeat(size.prompt as usize / 6);
    let before = cpu_seconds(&engine);
    let prompt = ask(&engine, &words, 1).await;
    let between = cpu_seconds(&engine);
    let request = |i: u32| format!("{words}\nWrite the numbers from {i} to 999, one on each line.");
    // The prompts share what was just computed: nearly only decode is left.
    let texts: Vec<String> = (0..calls).map(request).collect();
    let replies = texts.iter().map(|text| ask(&engine, text, size.reply));
    let replies = futures::future::join_all(replies).await;
    let after = cpu_seconds(&engine);
    let computed = prompt.usage.prompt_tokens - prompt.usage.cached_tokens;
    let written: u64 = replies.iter().map(|r| r.usage.completion_tokens).sum();
    let longest = replies
        .iter()
        .map(|r| r.timings.decode_ms)
        .fold(0.0, f64::max);
    [
        computed as f64 / (between - before),
        written as f64 / (after - between),
        computed as f64 / prompt.timings.prefill_ms * 1e3,
        written as f64 / longest * 1e3,
    ]
}

async fn ask(engine: &LlamaEngine, text: &str, max_tokens: u32) -> Reply {
    let request = ChatRequest {
        messages: vec![Message::user(text)],
        prefill: None,
        sampling: Sampling {
            max_tokens,
            ..Sampling::default()
        },
        grammar: None,
        shared_prefix: 0,
    };
    let deadline = Duration::from_secs(3600);
    let cancel = CancellationToken::new();
    engine
        .chat(&request, &mut discard(), deadline, &cancel)
        .await
        .expect("a reply")
}

/// CPU time of the child so far.
fn cpu_seconds(engine: &LlamaEngine) -> f64 {
    let pid = engine.worker_pid().expect("a live child");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its statistics");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11..13]
        .iter()
        .filter_map(|f| f.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_SECOND
}

const WORKER: &str = "worker";
/// USER_HZ, fixed at 100 on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
