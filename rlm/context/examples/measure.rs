//! What a context costs: open, card, rows, search, find and regex, in milliseconds and ns per byte,
//! with the memory of this process (RSS, and the most that it was) after each.
//!
//! cargo run -p context --example measure -- [FILE [WORDS]]
//! The dev profile compiles this crate with full optimisation. Without a file a log of 100 MB is
//! made in the folder for temporary files and measured.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(clippy::print_stdout, reason = "a measurement prints what it found")]

use context::{Context, OpenOptions, RegexFlags, RegexQuery, SearchOptions, Source, Style};
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = tempfile::tempdir()?;
    let path = match args.next() {
        Some(path) => PathBuf::from(path),
        None => make_log(&folder.path().join("made.log"))?,
    };
    let words = args.next().unwrap_or("worker17 timeout".into());
    let bytes = std::fs::metadata(&path)?.len();
    println!("{} bytes, {} threads", bytes, rayon::current_num_threads());
    let options = OpenOptions {
        index_cache_dir: Some(folder.path().join("cache")),
        scratch_dir: Some(folder.path().into()),
        ..OpenOptions::default()
    };
    let source = [Source::Path(path)];
    let context = timed("open", bytes, || Context::open(&source, &options))?;
    timed("card", bytes, || context.card());
    println!("{}", context.card().text);
    if let Some(rows) = context.rows_len() {
        timed("rows: last 1000", bytes, || context.rows(rows - 1000..rows))?;
        timed("rows: 100000", bytes, || context.rows(0..100_000))?;
    }
    timed("lines: last one", bytes, || {
        context.lines(context.line_count() - 1..u64::MAX)
    })?;
    timed("find (absent)", bytes, || {
        context.find(None, "not there at all", 0..u64::MAX)
    })?;
    timed("count 'e'", bytes, || context.count(None, "e", 0..u64::MAX))?;
    for pattern in [r"ERROR.*?(\d+)ms", r"\bworker1\d\b", r"(?<=host=)h7\b"] {
        let query = RegexQuery {
            range: 0..REGEX_CHARS,
            ..RegexQuery::new(pattern, RegexFlags::default())
        };
        let part = bytes.min(REGEX_CHARS);
        let found = timed(&format!("regex {pattern} (100 MB)"), part, || {
            context.regex(None, &query)
        })?;
        println!("    {} matches", found.len());
    }
    for style in [Style::Passages, Style::Sentences] {
        let search = SearchOptions::new(style, 8);
        timed(&format!("first search, {style:?}"), bytes, || {
            context.search(&words, &search)
        })?;
        timed("second search", bytes, || context.search(&words, &search))?;
        if let Some(report) = context.index_report(style) {
            let share = report.bytes as f64 / bytes as f64;
            println!(
                "    {} units, {} bytes of index, {share:.2} per byte",
                report.units, report.bytes
            );
        }
        let again = Context::open(&source, &options)?;
        again.card();
        timed("first search, index cached", bytes, || {
            again.search(&words, &search)
        })?;
    }
    Ok(())
}

/// Patterns with look-around take minutes for gigabytes; their rate shows on this much.
const REGEX_CHARS: u64 = 100_000_000;

fn timed<T>(what: &str, bytes: u64, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let time = start.elapsed();
    let per_byte = time.as_nanos() as f64 / bytes as f64;
    let (now, most) = memory();
    println!(
        "{:>10.2} ms {per_byte:>8.3} ns/byte {now:>6} MB RSS {most:>6} MB most  {what}",
        time.as_secs_f64() * 1e3
    );
    result
}

/// Megabytes that this process has in memory, its mapped pages included, and the most so far.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib / 1000)
    };
    (
        field("VmRSS:").unwrap_or_default(),
        field("VmHWM:").unwrap_or_default(),
    )
}

fn make_log(path: &Path) -> std::io::Result<PathBuf> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let mut written = 0;
    let mut seed: u64 = 1;
    let mut number = 0_u64;
    while written < 100_000_000 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let r = seed >> 33;
        let (hour, minute, second) = (number / 36_000 % 24, number / 600 % 60, number / 10 % 60);
        let level = ["INFO", "INFO", "INFO", "WARN", "ERROR"][(r % 5) as usize];
        let line = format!(
            "2024-03-01T{hour:02}:{minute:02}:{second:02} {level} worker{} host=h{} request={r:x} \
             took {}ms {}\n",
            r % 40,
            r % 13,
            r % 900,
            ["done", "timeout while waiting for the queue", "cache miss"][(r % 3) as usize],
        );
        file.write_all(line.as_bytes())?;
        written += line.len();
        number += 1;
    }
    file.flush()?;
    Ok(path.to_owned())
}
