//! Measures the REPL on this machine: `cargo run -p repl --example figures -- CACHE_FOLDER`. Prints
//! processor time, which a busy machine does not distort, and memory.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use repl::{GuestStyle, Host, LmCall, ReplLimits, Runtime, RuntimeOptions, Session, SessionConfig};
use rustix::time::{ClockId, clock_gettime};
use std::path::PathBuf;
use std::sync::Arc;

struct Echo;

#[async_trait::async_trait]
impl Host for Echo {
    async fn ask(&self, calls: Vec<LmCall>) -> Vec<Result<String, String>> {
        calls.into_iter().map(|call| Ok(call.prompt)).collect()
    }
}

fn config(text: &str) -> SessionConfig {
    SessionConfig {
        context: Arc::new(context::Context::from_text(text.to_owned())),
        query: String::new(),
        seed: 1,
        clock: 1_735_689_600,
        limits: ReplLimits {
            host_calls: 1 << 20,
            ..ReplLimits::default()
        },
        style: GuestStyle::Capable,
        depth_left: 0,
    }
}

/// Milliseconds of processor time of this process.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Megabytes of anonymous memory of this process.
fn anonymous() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

async fn block(session: &mut Session, code: &str) -> f64 {
    let start = cpu();
    let outcome = session.run(code, &Echo).await;
    let error = outcome.map(|outcome| outcome.error.map(|error| error.message));
    if !matches!(error, Ok(None)) {
        println!("  failed: {code:.60}: {error:?}");
    }
    cpu() - start
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache_dir = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "repl-cache".into()),
    );
    for round in ["first open (compiles if the cache is empty)", "second open"] {
        let start = cpu();
        Runtime::open(
            &RuntimeOptions {
                cache_dir: cache_dir.clone(),
            },
            &mut |_| {},
        )?;
        println!("{round}: {:.0} ms", cpu() - start);
    }
    let runtime = Runtime::open(&RuntimeOptions { cache_dir }, &mut |_| {})?;
    let start = cpu();
    let mut first = runtime.session(config("abc")).await?;
    println!("first session (loads our Python): {:.0} ms", cpu() - start);
    let start = cpu();
    for _ in 0..20 {
        drop(runtime.session(config("abc")).await?);
    }
    println!("session start: {:.1} ms", (cpu() - start) / 20.0);
    block(&mut first, "x = 1").await;
    let start = cpu();
    for _ in 0..1000 {
        block(&mut first, "x = 1").await;
    }
    println!("block: {:.0} us", cpu() - start);
    let calls = block(&mut first, "for i in range(5000): llm_query('hello')").await;
    println!("model call through the host: {:.0} us", calls / 5.0);
    speeds(&mut first).await;
    context_speeds(&runtime).await?;
    snapshots(&runtime).await?;
    memory(&runtime).await
}

async fn speeds(session: &mut Session) {
    for (name, code) in [
        (
            "10M for, module level",
            "s = 0\nfor i in range(10_000_000): s += i",
        ),
        (
            "fib(25)",
            "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(25)",
        ),
        (
            "sort 500k with key",
            "len(sorted(range(500_000), key=lambda x: -x))",
        ),
    ] {
        println!("{name}: {:.0} ms", block(session, code).await);
    }
}

async fn context_speeds(runtime: &Arc<Runtime>) -> Result<(), Box<dyn std::error::Error>> {
    let line = "2024-03-01 10:00:00 user=ann action=login score=12 everything is well\n";
    let mut session = runtime.session(config(&line.repeat(1_500_000))).await?;
    for (name, code) in [
        (
            "100 MB: len and 20 slices",
            "[context[i * 5_000_000:i * 5_000_000 + 80] for i in range(20)]",
        ),
        ("100 MB: count", "context.count('score=13')"),
        (
            "100 MB: rare regex",
            "re.findall(r'secret code is \\S+', context)",
        ),
        (
            "100 MB: 1000 slices",
            "for i in range(1000): context[i:i + 80]",
        ),
    ] {
        println!("{name}: {:.1} ms", block(&mut session, code).await);
    }
    Ok(())
}

async fn snapshots(runtime: &Arc<Runtime>) -> Result<(), Box<dyn std::error::Error>> {
    for (name, code) in [
        ("tiny session", "x = 1"),
        (
            "20k small dicts",
            "v = {i: {'a': str(i), 'b': [i, i + 1]} for i in range(20_000)}",
        ),
    ] {
        let mut session = runtime.session(config("abc")).await?;
        block(&mut session, code).await;
        let start = cpu();
        let snapshot = session.snapshot().await?;
        let took = cpu() - start;
        let start = cpu();
        let mut back = runtime.restore(&snapshot, config("abc")).await?;
        let restored = cpu() - start;
        let next = block(&mut back, "y = 1").await;
        println!(
            "{name}: snapshot {} KB in {took:.1} ms, restore {restored:.1} ms, block {next:.2} ms",
            snapshot.len() >> 10
        );
    }
    Ok(())
}

async fn memory(runtime: &Arc<Runtime>) -> Result<(), Box<dyn std::error::Error>> {
    let before = anonymous();
    for round in 1..=4 {
        let empty = anonymous();
        let mut kept = Vec::new();
        for _ in 0..50 {
            let mut session = runtime.session(config("abc")).await?;
            block(
                &mut session,
                "x = [llm_query('q') for i in range(3)]\nprint(x)",
            )
            .await;
            kept.push(session);
        }
        let each = (anonymous() - empty) / 50.0;
        drop(kept);
        println!(
            "round {round}: {each:.2} MB a session of 50; {:.0} MB more than at first when dropped",
            anonymous() - before
        );
    }
    Ok(())
}
